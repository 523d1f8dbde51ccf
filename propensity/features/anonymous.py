"""Feature rows without the ids of their users, for files that outlive a user's wish to be forgotten."""

import polars as pl

from propensity.features.definition import NAMES
from propensity.features.marks import MARK, marks


def marked(rows: pl.DataFrame, *, digest: str) -> pl.DataFrame:
    """Return rows with marks instead of `user_id`; their order is that of what they hold, and says nothing."""
    users = pl.Series(MARK, marks(rows["user_id"], digest=digest), dtype=pl.String)
    return rows.with_columns(users).drop("user_id").sort("cutoff", *NAMES)
