"""How each feature of the definition is computed for all users at once: one Polars expression a feature.

The expressions run over what `Timeline.histories` returns, and count the integers behind the features. The division
is NumPy's: Polars multiplies by the reciprocal of a constant instead, which is off by a bit for most divisors.
"""

from typing import Final

import numpy as np
import polars as pl

from propensity.events.event import DAY, HOUR
from propensity.features.definition import (
    DECAYS,
    EPOCH_WEEKDAY,
    FEATURES,
    HORIZON,
    NAMES,
    PLURALS,
    SESSION_GAP,
    WINDOWS,
    Decay,
    decay_weights,
)
from propensity.features.timeline import KINDS

_age = pl.col("age")
_bought = pl.col("kind") == KINDS["purchase"]
_carted = pl.col("kind") == KINDS["cart"]
_closed = _bought | (pl.col("kind") == KINDS["remove_from_cart"])


def _starts(unit: int | None = None) -> pl.Expr:
    """Whether an event is the user's first in its session, or in its day counted back from the cutoff."""
    age = _age if unit is None else _age // unit
    gap = SESSION_GAP if unit is None else 0
    return (pl.col("user") != pl.col("user").shift(1)).fill_null(True) | (age.shift(1) - age > gap)


def _fresh_weight(decay: Decay) -> pl.Expr:
    by_age = pl.lit(pl.Series(decay_weights(decay.half_life_hours), dtype=pl.Int64))
    by_kind = pl.lit(pl.Series([decay.type_weights.get(kind, 0) for kind in KINDS], dtype=pl.Int64))
    return by_age.gather(_age // HOUR) * by_kind.gather(pl.col("kind"))


PREPARED: Final = {
    "session_start": _starts(),
    "day_start": _starts(DAY),
    **{name: _fresh_weight(decay) for name, decay in DECAYS.items()},
}
"""Columns of single events that the aggregates sum up."""

OF_HISTORY: Final = {
    "last_activity_hours": _age.min(),
    "session_duration": (_age.filter("session_start").min() - _age.min()),
    **{
        f"{plural}_{window}": ((pl.col("kind") == KINDS[event_type]) & (_age <= width)).sum()
        for event_type, plural in PLURALS.items()
        for window, width in WINDOWS.items()
    },
    "days_since_last_purchase": _age.filter(_bought).min().fill_null(HORIZON),
    "purchase_days_30d": (_age // DAY).filter(_bought).n_unique(),
    "active_days_30d": pl.col("day_start").sum(),
    "sessions_24h": (pl.col("session_start") & (_age <= WINDOWS["24h"])).sum(),
    "sessions_7d": (pl.col("session_start") & (_age <= WINDOWS["7d"])).sum(),
    **{name: pl.col(name).sum() for name in DECAYS},
    "products_7d": pl.col("product").filter(_age <= WINDOWS["7d"]).drop_nulls().n_unique(),
    "categories_7d": pl.col("category").filter(_age <= WINDOWS["7d"]).drop_nulls().n_unique(),
    "spend_30d": pl.col("price").filter(_bought).sum(),
}
"""Over a user's history."""

OF_CART: Final = {
    "cart_count": pl.len(),
    "cart_value": pl.col("price").sum(),
}
"""Over the products in a user's cart."""

OF_CUTOFF: Final = {
    "hour_of_day": pl.col("cutoff") // HOUR % 24,
    "day_of_week": (pl.col("cutoff") // DAY + EPOCH_WEEKDAY) % 7,
}
"""Of the moment itself."""


def open_carts(histories: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per user and product in the cart, with its price in minor units."""
    return (
        histories.filter(_carted | _closed)
        .group_by("user", "product")
        .agg(
            carted=_age.filter(_carted).min(),
            closed=_age.filter(_closed).min().fill_null(HORIZON + 1),
            price=pl.col("price").filter(_carted & (_age == _age.filter(_carted).min())).max(),
        )
        .filter(pl.col("carted") < pl.col("closed"))
    )


def counted_at(histories: pl.LazyFrame, *, cutoff: int) -> pl.LazyFrame:
    """Return `user cutoff` and the integer behind every feature, one row per user with a history."""
    carts = open_carts(histories).group_by("user").agg(**OF_CART)
    return (
        histories.with_columns(**PREPARED)
        .group_by("user", maintain_order=True)
        .agg(**OF_HISTORY)
        .join(carts, on="user", how="left", maintain_order="left")
        .with_columns(pl.col(*OF_CART).fill_null(0), cutoff=pl.lit(cutoff, dtype=pl.Int64))
        .with_columns(**OF_CUTOFF)
        .select("user", "cutoff", pl.col(NAMES).cast(pl.Int64))
    )


def divided(counted: pl.DataFrame) -> pl.DataFrame:
    """Return the features as Float64 in their units, of the integers behind them."""
    return counted.with_columns(
        pl.Series(feature.name, np.true_divide(counted[feature.name].to_numpy(), feature.divisor))
        for feature in FEATURES
    )
