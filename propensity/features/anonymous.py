"""Feature rows without the ids of their users, for files that outlive a user's wish to be forgotten.

Rows of one user must still be known for one user's, so users are numbered; in the order of their rows, so that the
numbers say nothing that the rows do not.
"""

import polars as pl

from propensity.features.definition import NAMES


def numbered(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the column `user_id` as a number of the user, as text; their order is that of what they hold."""
    ordered = rows.sort("cutoff", *NAMES)
    numbers = (
        ordered.select(pl.col("user_id").unique(maintain_order=True))
        .with_row_index("number")
        .with_columns(pl.col("number").cast(pl.String))
    )
    joined = ordered.join(numbers, on="user_id", maintain_order="left")
    return joined.drop("user_id").rename({"number": "user_id"}).select(rows.columns)
