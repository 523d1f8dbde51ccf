"""Rows whose ids stand for other events in the store, counted before anything is written.

More of them than the set share say that the export is broken, as any other refused rows do. Two rows of one run that
claim the same id are found only while storing: to know all ids of a run would take memory that grows with it.
"""

from collections.abc import Sequence

import polars as pl

from jobs.ingest.reading import Reading
from jobs.ingest.tally import Tally
from jobs.ingest.writing import events_of, slices
from propensity.events import Reason
from propensity.events.formats import LogFormat
from propensity.store.protocol import EventStore


def expect_few_conflicts(
    readings: Sequence[Reading], *, source: str, log_format: LogFormat, max_share: float, events: EventStore
) -> None:
    """Raise TooManyRefused where rows that conflict with the store are one cause of too many refused ones."""
    if "event_id" not in log_format.columns:
        # Ids made of the content can't stand for another.
        return
    tally = Tally()
    for reading in readings:
        tally.merge(reading.tally)
        for rows in slices(reading, source=source):
            found = [event.event_id for event in events.conflicting(events_of(rows))]
            if found:
                line = rows.filter(pl.col("event_id").is_in(found)).select(pl.col("line").min()).item()
                tally.refuse(Reason.CONFLICT, len(found), place=f"{reading.file.name}:{line}")
    tally.judge(max_share=max_share, format_name=log_format.name)
