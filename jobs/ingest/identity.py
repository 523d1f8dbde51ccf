"""What makes an event the same event when a log is read again: its id, taken from what the row says.

A log without ids gets them from its source and content, not from file names or line numbers, so that the same export
again, a longer one, a renamed or sorted one all give the same ids. Equal rows of one file are told apart by counting:
the second is `.1`, the third `.2`; two equal clicks stay two clicks.
"""

from typing import Final

import polars as pl
import polars_hash as plh

CONTENT: Final = ("user_id", "event_type", "event_time", "product_id", "category_id", "price", "session_id")
SEPARATOR: Final = "\x1f"
"""A control character: no id may hold one, so no two different rows can read the same."""
ID_LENGTH: Final = 32
"""Hexadecimal digits, 128 bits: a clash among 10 thousand million events has a chance of 1 in 10**19."""


def identify(events: pl.DataFrame, *, source: str) -> pl.DataFrame:
    """Return events of one file with an id each, sorted by user, time, id and line; equal rows must all be among them."""
    if not events["event_id"].has_nulls():
        return _sorted(events)
    content = pl.concat_str(
        pl.lit(source),
        *(pl.col(name).cast(pl.String).fill_null("") for name in CONTENT),
        separator=SEPARATOR,
    )
    digest = plh.col("content").chash.blake3().str.head(ID_LENGTH)
    named = events.with_columns(content.alias("content")).with_columns(digest.alias("event_id"))
    return _sorted(_count_equals(named.drop("content")))


def _count_equals(events: pl.DataFrame) -> pl.DataFrame:
    repeated = events["event_id"].is_duplicated()
    again = events.filter(repeated).with_columns(nth=pl.int_range(pl.len()).over("event_id"))
    numbered = pl.when(pl.col("nth") > 0).then(pl.format("{}.{}", "event_id", "nth")).otherwise("event_id")
    return pl.concat([events.filter(~repeated), again.with_columns(numbered.alias("event_id")).drop("nth")])


def _sorted(events: pl.DataFrame) -> pl.DataFrame:
    # By line last, so that of two rows that claim one id the earlier always wins.
    return events.sort("user_id", "event_time", "event_id", "line")
