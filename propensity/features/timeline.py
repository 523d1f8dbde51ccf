"""All users' events as one frame of integers sorted by user and time, from which each cutoff cuts its histories.

Ids become codes once, so that the work per cutoff compares integers and never strings.
"""

from typing import Final

import polars as pl

from propensity.events import EVENT_TYPES
from propensity.features.definition import HORIZON

KINDS: Final = {event_type: code for code, event_type in enumerate(EVENT_TYPES)}
"""The code that stands for each event type in the column `kind`."""
INTEGER_BITS: Final = 63
"""Of an Int64 that is not negative."""


class Timeline:
    """The events behind many snapshots: `user kind time known_at product category price`, all integers."""

    def __init__(self, events: pl.DataFrame, *, lag: int, limit: int) -> None:
        """Code the events; `limit` is how many of a user's newest known events a history may hold."""
        self.users = events["user_id"].unique().sort()
        """The id of each user code; codes are in the order of the ids."""
        self._limit = limit
        self._limit_binds = bool((events["user_id"].value_counts()["count"] > limit).any())
        coded = events.select(
            _code("user_id", self.users).alias("user"),
            pl.col("event_type").replace_strict(KINDS, return_dtype=pl.UInt8).alias("kind"),
            pl.col("event_time").alias("time"),
            pl.coalesce("ingested_at", pl.col("event_time") + lag).alias("known_at"),
            _code("product_id", events["product_id"].unique()).alias("product"),
            _code("category_id", events["category_id"].unique()).alias("category"),
            "price",
            *(["event_id"] if self._limit_binds else []),
        )
        if self._limit_binds:
            # Rows without ids come in the order of their ids, which a stable sort keeps.
            self._events = coded.sort("user", "time", "event_id", maintain_order=True).lazy()
        else:
            self._events = _by_user_and_time(coded, users=len(self.users)).lazy()

    def histories(self, cutoff: int) -> pl.LazyFrame:
        """Return what was known of every user at the cutoff, by user and from the oldest event to the newest."""
        known = self._events.filter(
            pl.col("time").is_between(cutoff - HORIZON, cutoff, closed="left")
            & (pl.col("known_at") <= cutoff)
        )
        if self._limit_binds:
            known = known.filter(pl.col("time").cum_count(reverse=True).over("user") <= self._limit)
        return known.select("user", "kind", "product", "category", "price", age=cutoff - pl.col("time"))


def _by_user_and_time(coded: pl.DataFrame, *, users: int) -> pl.DataFrame:
    """Sort by both, packed into one integer where they fit: a sort by one column takes a third of the time."""
    first, last = coded.select(pl.col("time").min().alias("first"), pl.col("time").max().alias("last")).row(0)
    if first is None:
        return coded
    width = (last - first).bit_length()
    if users.bit_length() + width > INTEGER_BITS:
        return coded.sort("user", "time")
    key = coded.select(pl.col("user").cast(pl.Int64) * (1 << width) + (pl.col("time") - first)).to_series()
    return coded[key.arg_sort()]


def _code(column: str, ids: pl.Series) -> pl.Expr:
    return pl.col(column).cast(pl.Enum(ids.drop_nulls())).to_physical()
