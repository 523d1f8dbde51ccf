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
_HOURS: Final = HORIZON // HOUR + 1
"""Ages that an event can have in whole hours."""
_bought = pl.col("kind") == KINDS["purchase"]
_carted = pl.col("kind") == KINDS["cart"]
_closed = _bought | (pl.col("kind") == KINDS["remove_from_cart"])


def _starts(unit: int | None = None) -> pl.Expr:
    """Whether an event is the user's first in its session, or in its day counted back from the cutoff."""
    age = _age if unit is None else _age // unit
    gap = SESSION_GAP if unit is None else 0
    return (pl.col("user") != pl.col("user").shift(1)).fill_null(True) | (age.shift(1) - age > gap)


def _fresh_weights() -> dict[str, pl.Expr]:
    """Return what single events weigh in each decayed count, by one look into a table of type and age."""
    cell = pl.col("kind").cast(pl.UInt32) * _HOURS + (_age // HOUR).cast(pl.UInt32)
    return {name: pl.lit(_weight_table(decay)).gather(cell) for name, decay in DECAYS.items()}


def _weight_table(decay: Decay) -> pl.Series:
    by_age = decay_weights(decay.half_life_hours)
    by_kind = [decay.type_weights.get(event_type, 0) for event_type in KINDS]
    return pl.Series([kind * age for kind in by_kind for age in by_age], dtype=pl.Int64)


PREPARED: Final = {
    "session_start": _starts(),
    "day_start": _starts(DAY),
    **_fresh_weights(),
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


_RECENT: Final = [feature.name for feature in FEATURES if feature.window in {"1h", "24h", "7d"}]
"""Features that need a week of the history only, which is a quarter of the work."""


def open_carts(histories: pl.LazyFrame) -> pl.LazyFrame:
    """Return one row per user and product in the cart, with its price in minor units."""
    product = ["user", "product"]
    dearest_last = histories.filter(_carted).sort("age", "price", descending=[True, False], nulls_last=False)
    carted = dearest_last.group_by(product).agg(pl.col("age", "price").last())
    closed = histories.filter(_closed).group_by(product).agg(closed=_age.min())
    return carted.join(closed, on=product, how="left", nulls_equal=True).filter(
        pl.col("closed").is_null() | (_age < pl.col("closed"))
    )


def counted_at(histories: pl.LazyFrame, *, cutoff: int) -> pl.LazyFrame:
    """Return `user cutoff` and the integer behind every feature, one row per user with a history."""
    prepared = histories.with_columns(**PREPARED)
    recent = prepared.filter(_age <= WINDOWS["7d"])
    carts = open_carts(histories).group_by("user").agg(**OF_CART)
    return (
        _by_user(prepared, [name for name in OF_HISTORY if name not in _RECENT])
        .join(_by_user(recent, _RECENT), on="user", how="left", maintain_order="left")
        .join(carts, on="user", how="left", maintain_order="left")
        .with_columns(pl.col(*_RECENT, *OF_CART).fill_null(0), cutoff=pl.lit(cutoff, dtype=pl.Int64))
        .with_columns(**OF_CUTOFF)
        .select("user", "cutoff", pl.col(NAMES).cast(pl.Int64))
    )


def _by_user(events: pl.LazyFrame, names: list[str]) -> pl.LazyFrame:
    return events.group_by("user", maintain_order=True).agg(**{name: OF_HISTORY[name] for name in names})


def divided(counted: pl.DataFrame) -> pl.DataFrame:
    """Return the features as Float64 in their units, of the integers behind them."""
    return counted.with_columns(
        pl.Series(feature.name, np.true_divide(counted[feature.name].to_numpy(), feature.divisor))
        for feature in FEATURES
    )
