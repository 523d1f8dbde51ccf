"""Event logs into the store: read everything, judge it, and only then write.

Nothing is written before all files were read, so a broken export leaves no trace. Every write is idempotent by its key
and the record of a file comes last, so a run that died half-way is mended by running it again.
"""

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from jobs.ingest.files import LogFile, find_files
from jobs.ingest.progress import Progress
from jobs.ingest.reading import Reading, read
from jobs.ingest.summary import IngestSummary
from jobs.ingest.tally import Tally
from jobs.ingest.writing import write
from propensity.errors import NothingNew
from propensity.events.formats import LogFormat
from propensity.store.protocol import Store
from propensity.store.records import IngestRecord

log = logging.getLogger(__name__)


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
    stored where the logs can't be used, and NothingNew where the store had every event, unless that is allowed.
    """
    started = time.perf_counter()
    files = find_files(paths)
    source = source or log_format.name
    told = Progress(files, progress)
    with tempfile.TemporaryDirectory(prefix="propensity-ingest-") as folder:
        readings = _read_all(files, Path(folder), log_format=log_format, now=now, told=told)
        tally = _judged(readings, max_share=max_refused_share, format_name=log_format.name)
        records = [
            write(
                reading,
                source=source,
                store=store,
                now=now,
                progress=partial(told.stored, reading.file),
            )
            for reading in readings
        ]
    summary = _summary(records, tally, source=source, seconds=time.perf_counter() - started)
    log.info("ingested", extra={"source": source, "rows": summary.rows, "inserted": summary.inserted})
    if tally.events and not summary.inserted and not allow_unchanged:
        raise NothingNew(
            f"All {tally.events:,} events are in the store already. Name a newer export; "
            "on a schedule, where this is no mistake, use --allow-unchanged."
        )
    return summary


def _read_all(
    files: Sequence[LogFile], folder: Path, *, log_format: LogFormat, now: int, told: Progress
) -> list[Reading]:
    readings = []
    for number, file in enumerate(files):
        own = folder / str(number)
        own.mkdir()
        heard = partial(told.read, file)
        readings.append(read(file, folder=own, log_format=log_format, now=now, progress=heard))
    return readings


def _judged(readings: Sequence[Reading], *, max_share: float, format_name: str) -> Tally:
    """Return what all files hold together; raise where that is nothing, or not good enough."""
    tally = Tally()
    for reading in readings:
        tally.merge(reading.tally)
    lacks = [reading.lack for reading in readings if reading.lack]
    if not tally.rows and lacks:
        raise lacks[0]
    for lack in lacks:
        log.warning("no rows in a file", extra={"file_error": str(lack)})
    tally.judge(max_share=max_share, format_name=format_name)
    return tally


def _summary(records: Sequence[IngestRecord], tally: Tally, *, source: str, seconds: float) -> IngestSummary:
    refused: Counter[str] = Counter()
    for record in records:
        refused.update(record.refused)
    return IngestSummary(
        source=source,
        files=len(records),
        rows=tally.rows,
        inserted=sum(record.inserted for record in records),
        unchanged=sum(record.unchanged for record in records),
        refused=dict(refused),
        first_time=tally.first_time,
        last_time=tally.last_time,
        seconds=seconds,
    )
