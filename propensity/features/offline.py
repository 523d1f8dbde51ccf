"""Many users' feature rows at many cutoffs with Polars: what training and scoring read.

`online` computes the same numbers for one user in plain Python; tests/features compares the two bit by bit.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Protocol

import polars as pl

from propensity.errors import StoreUnavailable
from propensity.events import Event
from propensity.events.text import FIELDS, INTEGERS, SEPARATOR
from propensity.features.aggregates import counted_at, divided
from propensity.features.definition import HISTORY_LIMIT, HORIZON, LABEL_WINDOW, NAMES
from propensity.features.timeline import Timeline

EVENT_SCHEMA: Final = pl.Schema(
    {
        "event_id": pl.String(),
        "user_id": pl.String(),
        "event_type": pl.String(),
        "event_time": pl.Int64(),
        "product_id": pl.String(),
        "category_id": pl.String(),
        "price": pl.Int64(),
        "session_id": pl.String(),
        "ingested_at": pl.Int64(),
    }
)
ROW_SCHEMA: Final = pl.Schema(
    {"user_id": pl.String(), "cutoff": pl.Int64(), **dict.fromkeys(NAMES, pl.Float64())}
)
CHUNK_ROWS: Final = 250_000
"""Most events held at once; many cutoffs make it fewer, because each user is a row at each of them."""
CHUNK_CELLS: Final = 6_000_000
"""Events times cutoffs held at once."""


class _Text(Protocol):
    @property
    def text(self) -> str:
        """Events as `events.text` describes it."""

    @property
    def rows(self) -> int:
        """How many they are."""


class _Events(Protocol):
    def scan_text(self, *, since: int, until: int, chunk_rows: int = ...) -> Iterator[_Text]:
        """Yield whole users' events in chunks, ordered by user, time and id."""


class EventSource(Protocol):
    """The part of a store that feature rows are read from."""

    @property
    def events(self) -> _Events:
        """What users did."""


def to_frame(events: Iterable[Event]) -> pl.DataFrame:
    """Return the events as a frame with one column per field of Event."""
    return pl.DataFrame(list(events), schema=EVENT_SCHEMA, orient="row")


def from_text(chunk: _Text) -> pl.DataFrame:
    """Return the events of a text as a frame; ids of events and sessions are null, the order of the ids is kept."""
    types = {name: pl.Int64() if name in INTEGERS else pl.String() for name in FIELDS}
    events = pl.read_csv(chunk.text.encode(), separator=SEPARATOR, schema=types, quote_char=None)
    if events.height != chunk.rows:
        raise StoreUnavailable(
            f"The store sent {events.height:,} of {chunk.rows:,} events: an id with a line break in it was stored past "
            "the ingest. Delete that event."
        )
    return events.select(*(pl.col(name) if name in types else _nothing(name) for name in EVENT_SCHEMA))


def _nothing(name: str) -> pl.Expr:
    return pl.lit(None, EVENT_SCHEMA[name]).alias(name)


def snapshots(
    events: pl.DataFrame, cutoffs: Sequence[int], *, lag: int, limit: int = HISTORY_LIMIT
) -> pl.DataFrame:
    """Return the feature rows of all users active at each cutoff: `user_id cutoff` and NAMES, sorted by both.

    Active is who has an event in the 30 d before the cutoff that was known then.
    """
    timeline = Timeline(events, lag=lag, limit=limit)
    parts = [
        counted_at(timeline.histories(cutoff), cutoff=cutoff).collect() for cutoff in sorted(set(cutoffs))
    ]
    if not parts:
        return pl.DataFrame(schema=ROW_SCHEMA)
    rows = divided(pl.concat(parts))
    return rows.select(timeline.users.gather(rows["user"]).alias("user_id"), "cutoff", *NAMES)


def labels(events: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Return `user_id cutoff label` for the rows: 1 where a purchase lies in `[cutoff, cutoff + 24 h)`.

    When we learned of the purchase does not matter: a label is what came true.
    """
    purchases = (
        events.lazy()
        .filter(pl.col("event_type") == "purchase")
        .select("user_id", bought_at="event_time")
        .sort("bought_at")
    )
    return (
        rows.lazy()
        .select("user_id", "cutoff")
        .with_row_index("row")
        .sort("cutoff")
        .join_asof(
            purchases,
            left_on="cutoff",
            right_on="bought_at",
            by="user_id",
            strategy="forward",
            check_sortedness=False,
        )
        .sort("row")
        .select(
            "user_id",
            "cutoff",
            (pl.col("bought_at") - pl.col("cutoff") < LABEL_WINDOW)
            .fill_null(False)
            .cast(pl.Int8)
            .alias("label"),
        )
        .collect()
    )


def feature_rows(
    store: EventSource, cutoffs: Sequence[int], *, lag: int, with_labels: bool
) -> Iterator[pl.DataFrame]:
    """Yield the snapshots of all users, chunk by chunk of whole users, so that memory does not grow with the log.

    With labels there is a column `label`; whether the label windows are mature is the caller's to see to.
    """
    if not cutoffs:
        return
    since = min(cutoffs) - HORIZON
    until = max(cutoffs) + (LABEL_WINDOW if with_labels else 0)
    chunk_rows = min(CHUNK_ROWS, CHUNK_CELLS // len(cutoffs))
    for chunk in store.events.scan_text(since=since, until=until, chunk_rows=chunk_rows):
        events = from_text(chunk)
        rows = snapshots(events, cutoffs, lag=lag)
        if with_labels:
            rows = rows.with_columns(labels(events, rows)["label"])
        if rows.height:
            yield rows
