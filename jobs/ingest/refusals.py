"""Rows that can't be events as they are kept, each where a person finds it again."""

from collections.abc import Iterator

import polars as pl

from propensity.events import Event, Reason, Refusal
from propensity.events.formats import FIELDS
from propensity.events.refusal import refuse


def refusals(rows: pl.DataFrame, *, source: str, file: str, at: int) -> Iterator[Refusal]:
    """Yield the refusals of rows with columns line, raw, reason and user_id."""
    for line, raw, reason, user_id in rows.select("line", "raw", "reason", "user_id").iter_rows():
        yield refuse(source=source, file=file, line=line, reason=reason, raw=raw, user_id=user_id, at=at)


def conflicts(
    events: list[Event], rows: pl.DataFrame, *, source: str, file: str, at: int
) -> Iterator[Refusal]:
    """Yield the refusals of events whose id is taken by another event, found again among their rows for the line.

    Their text is rebuilt from the cleaned event: keeping every row as it stood costs more than reading it.
    """
    taken = {(event.event_id, *event.content) for event in events}
    suspects = rows.filter(pl.col("event_id").is_in([event.event_id for event in events]))
    for line, *values in suspects.select("line", *FIELDS).iter_rows():
        if tuple(values) in taken:
            raw = ",".join("" if value is None else str(value) for value in values)
            yield refuse(
                source=source,
                file=file,
                line=line,
                reason=Reason.CONFLICT,
                raw=raw,
                user_id=values[1],
                at=at,
            )
