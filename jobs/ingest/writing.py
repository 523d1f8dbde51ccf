"""One file's events, refusals and record into the store, in that order.

Each has a key of its own, so writing them again changes nothing; the record comes last, and says that all of it is in.
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
    """Store what one file holds and return its record; `progress` hears the share of its events that is stored."""
    tally, file = reading.tally, reading.file.name
    inserted = unchanged = conflicting = 0
    for rows in _slices(reading, source):
        added = store.events.add(map(Event._make, rows.select(*FIELDS, pl.lit(None)).iter_rows()))
        inserted, unchanged = inserted + added.inserted, unchanged + added.unchanged
        if added.conflicts:
            conflicting += len(added.conflicts)
            store.refused.add(conflicts(added.conflicts, rows, source=source, file=file, at=now))
        progress((inserted + unchanged + conflicting) / tally.events)
    for rows in reading.spill.refused():
        store.refused.add(refusals(rows, source=source, file=file, at=now))
    refused = dict(tally.refused) | ({Reason.CONFLICT.value: conflicting} if conflicting else {})
    record = IngestRecord(
        ingest_id=record_id(reading.digest, source=source, log_format=log_format),
        source=source,
        file=file,
        rows=tally.rows,
        inserted=inserted,
        unchanged=unchanged,
        refused=refused,
        first_time=tally.first_time,
        last_time=tally.last_time,
        finished_at=now,
    )
    store.ingests.put(record)
    return record


def _slices(reading: Reading, source: str) -> Iterator[pl.DataFrame]:
    """Yield a file's events, identified, in the store's portions."""
    for bucket in reading.spill.events():
        yield from identify(bucket, source=source).iter_slices(STORE_ROWS)
