"""One file's events and refusals into the store, and the record that says that all of it is in.

Each has a key of its own, so writing them again changes nothing; the record is left to the caller, to come last.
"""

from collections.abc import Callable, Iterator
from typing import Final

import polars as pl

from jobs.ingest.identity import identify
from jobs.ingest.known import record_id
from jobs.ingest.reading import Reading
from jobs.ingest.refusals import conflicts, refusals
from propensity.events import Event, Reason
from propensity.events.formats import FIELDS, LogFormat
from propensity.store.protocol import Store
from propensity.store.records import IngestRecord

STORE_ROWS: Final = 50_000
"""Events handed to the store at once."""


def write(
    reading: Reading,
    *,
    source: str,
    log_format: LogFormat,
    store: Store,
    now: int,
    progress: Callable[[float], None],
) -> IngestRecord:
    """Store what one file holds and return its record; `progress` hears the share of its events that is stored.

    The file's tally then counts the conflicts that were found.
    """
    tally, file = reading.tally, reading.file.name
    events, inserted = tally.events, 0
    unchanged = done = _events_in(reading.known)
    forgotten = reading.known.refused.get(Reason.FORGOTTEN, 0) if reading.known else 0
    for rows in slices(reading, source=source):
        added = store.events.add(events_of(rows))
        inserted, unchanged = inserted + added.inserted, unchanged + added.unchanged
        forgotten += len(added.forgotten)
        if added.conflicts:
            found = list(conflicts(added.conflicts, rows, source=source, file=file, at=now))
            store.refused.add(found)
            place = f"{file}:{min(refusal.line for refusal in found)}"
            tally.refuse(Reason.CONFLICT, len(added.conflicts), place=place)
        done += rows.height
        progress(done / events)
    for rows in reading.spill.refused():
        store.refused.add(refusals(rows, source=source, file=file, at=now))
    return IngestRecord(
        ingest_id=record_id(reading.digest, source=source, log_format=log_format),
        source=source,
        file=file,
        rows=tally.rows,
        inserted=inserted,
        unchanged=unchanged,
        # not in the tally: that users were forgotten says nothing against the export
        refused={**tally.refused, **({Reason.FORGOTTEN.value: forgotten} if forgotten else {})},
        first_time=tally.first_time,
        last_time=tally.last_time,
        finished_at=now,
        bytes=reading.size,
    )


def _events_in(known: IngestRecord | None) -> int:
    return known.rows - sum(known.refused.values()) if known else 0


def slices(reading: Reading, *, source: str) -> Iterator[pl.DataFrame]:
    """Yield a file's events, identified, in the store's portions."""
    for bucket in reading.spill.events():
        yield from identify(bucket, source=source).iter_slices(STORE_ROWS)


def events_of(rows: pl.DataFrame) -> Iterator[Event]:
    """Yield identified rows as events of a back-fill."""
    return map(Event._make, rows.select(*FIELDS, pl.lit(None)).iter_rows())
