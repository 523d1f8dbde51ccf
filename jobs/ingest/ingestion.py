"""Event logs into the store: read everything, judge it, and only then write.

Nothing is written before all files were read, so a broken export leaves no trace. Every write is idempotent by its key
and the record of a file comes last, so a run that died half-way is mended by running it again.
"""

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from jobs.ingest.conflicts import expect_few_conflicts
from jobs.ingest.files import LogFile, find_files
from jobs.ingest.known import known_part, record_id
from jobs.ingest.progress import Progress
from jobs.ingest.reading import Reading, read
from jobs.ingest.spill import on_disk
from jobs.ingest.summary import IngestSummary
from jobs.ingest.tally import Tally
from jobs.ingest.writing import write
from propensity.errors import NothingNew
from propensity.events import Reason
from propensity.events.formats import LogFormat
from propensity.store.protocol import Store
from propensity.store.records import IngestRecord

logger = logging.getLogger(__name__)


def ingest(
    paths: Sequence[str],
    *,
    log_format: LogFormat,
    store: Store,
    now: int,
    max_refused_share: float,
    source: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    allow_unchanged: bool = False,
) -> IngestSummary:
    """Take event logs into the store and say what became of their rows.

    `paths` are files, folders or URLs. `source` names the feed and is part of the ids of events that bring none; it
    defaults to the format's name. `progress` hears bytes done and bytes in all. Raise an InputError with nothing
    stored where the logs can't be used, and NothingNew where they were taken in before, unless that is allowed.
    A file that was taken in before, as it is, is not read again. Only where too many events of one run claim the same
    ids is TooManyRefused raised after the others were stored.
    """
    started = time.perf_counter()
    files = find_files(paths)
    source = source or log_format.name
    told = Progress(files, progress)
    new = _new_ones(files, source=source, log_format=log_format, store=store, told=told)
    with _temporary_folder() as folder:
        readings = _read_all(new, folder, log_format=log_format, now=now, told=told)
        _expect_good(
            readings, max_share=max_refused_share, log_format=log_format, alone=len(new) == len(files)
        )
        expect_few_conflicts(
            readings, source=source, log_format=log_format, max_share=max_refused_share, events=store.events
        )
        ids = [record_id(reading.digest, source=source, log_format=log_format) for reading in readings]
        is_first_time = any(store.ingests.get(ingest_id) is None for ingest_id in ids)
        records = _write_all(
            readings,
            source=source,
            log_format=log_format,
            store=store,
            now=now,
            told=told,
            max_share=max_refused_share,
        )
    tally = _together(readings)
    summary = _summary(
        records, tally, source=source, skipped=len(files) - len(new), seconds=time.perf_counter() - started
    )
    logger.info("ingested", extra={"source": source, "rows": summary.rows, "inserted": summary.inserted})
    if not (allow_unchanged or summary.inserted or is_first_time or Reason.CONFLICT in summary.refused):
        _expect_something(tally, skipped=summary.skipped)
    return summary


def _new_ones(
    files: Sequence[LogFile], *, source: str, log_format: LogFormat, store: Store, told: Progress
) -> list[tuple[LogFile, IngestRecord | None]]:
    """Return the files that hold something new, each with the record of its beginning where that was taken in."""
    new = []
    for file in files:
        known, is_all = known_part(file, source=source, log_format=log_format, ingests=store.ingests)
        if is_all:
            told.skipped(file)
        else:
            new.append((file, known))
    return new


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with on_disk():
        folder = tempfile.TemporaryDirectory(prefix="propensity-ingest-")
    with folder as name:
        yield Path(name)


def _read_all(
    files: Sequence[tuple[LogFile, IngestRecord | None]],
    folder: Path,
    *,
    log_format: LogFormat,
    now: int,
    told: Progress,
) -> list[Reading]:
    readings = []
    for number, (file, known) in enumerate(files):
        own = folder / str(number)
        with on_disk():
            own.mkdir()
        heard = partial(told.read, file)
        reading = read(file, folder=own, log_format=log_format, now=now, progress=heard, known=known)
        readings.append(reading)
    return readings


def _together(readings: Sequence[Reading]) -> Tally:
    tally = Tally()
    for reading in readings:
        tally.merge(reading.tally)
    return tally


def _expect_good(
    readings: Sequence[Reading], *, max_share: float, log_format: LogFormat, alone: bool
) -> None:
    """Raise where what all files hold together is not good enough, or nothing and they stand alone."""
    tally = _together(readings)
    lacks = [reading.lack for reading in readings if reading.lack]
    if alone and lacks and not tally.rows:
        raise lacks[0]
    for lack in lacks:
        logger.warning("no rows in a file", extra={"file_error": str(lack)})
    tally.judge(max_share=max_share, format_name=log_format.name)


def _write_all(
    readings: Sequence[Reading],
    *,
    source: str,
    log_format: LogFormat,
    store: Store,
    now: int,
    told: Progress,
    max_share: float,
) -> list[IngestRecord]:
    """Store what the files hold; one with conflicts gets its record once they are known to be few in all."""
    records = []
    for reading in readings:
        stored = partial(told.stored, reading.file)
        record = write(reading, source=source, log_format=log_format, store=store, now=now, progress=stored)
        records.append(record)
        if Reason.CONFLICT not in record.refused:
            store.ingests.put(record)
    inserted = sum(record.inserted for record in records)
    _together(readings).judge(max_share=max_share, format_name=log_format.name, stored=inserted)
    for record in records:
        if Reason.CONFLICT in record.refused:
            store.ingests.put(record)
    return records


def _expect_something(tally: Tally, *, skipped: int) -> None:
    """Raise NothingNew where there was something to take in, and all of it was there; to be called when it was."""
    had = [f"all {tally.events:,} events"] if tally.events else []
    had += [f"{skipped:,} of the files named, as they are"] if skipped else []
    if had:
        raise NothingNew(
            f"The store has {' and '.join(had)}, already. Name a newer export; "
            "on a schedule, where this is no mistake, use --allow-unchanged."
        )


def _summary(
    records: Sequence[IngestRecord], tally: Tally, *, source: str, skipped: int, seconds: float
) -> IngestSummary:
    refused: Counter[str] = Counter()
    for record in records:
        refused.update(record.refused)
    return IngestSummary(
        source=source,
        files=len(records),
        skipped=skipped,
        rows=tally.rows,
        inserted=sum(record.inserted for record in records),
        unchanged=sum(record.unchanged for record in records),
        refused=dict(refused),
        first_time=tally.first_time,
        last_time=tally.last_time,
        seconds=seconds,
    )
