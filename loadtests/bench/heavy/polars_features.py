"""Polars as one would write it by hand: one lazy query over the file, for this one cutoff."""

from typing import Any

import polars as pl

from loadtests.bench.heavy.windows import (
    DAY,
    DECAYS,
    HORIZON,
    HOUR,
    PLURALS,
    SESSION_GAP,
    WINDOWS,
    weights,
)

_age = pl.col("age")
_type = pl.col("event_type")
_recent = _age <= WINDOWS["7d"]


def build(log: str, *, cutoff: int) -> tuple[list[str], dict[str, Any]]:
    """Return users and the integers behind their features at the cutoff."""
    events = _clean(pl.scan_csv(log, infer_schema=False)).filter(
        pl.col("time").is_between(cutoff - HORIZON, cutoff, closed="left")
    )
    events = events.with_columns(age=cutoff - pl.col("time")).sort("user_id", "time").collect().lazy()
    table = (
        _of_history(events)
        .join(_of_cart(events), on="user_id", how="left")
        .fill_null(0)
        .sort("user_id")
        .collect()
    )
    return table["user_id"].to_list(), {name: table[name].to_numpy() for name in table.columns[1:]}


def _clean(rows: pl.LazyFrame) -> pl.LazyFrame:
    time = pl.col("event_time").str.to_datetime("%Y-%m-%dT%H:%M:%S%.6fZ", time_unit="us", strict=False)
    price = (pl.col("price").cast(pl.Float64, strict=False) * 100).round().cast(pl.Int64)
    kinds = pl.Enum(list(PLURALS))
    return (
        rows.with_columns(time=time.cast(pl.Int64), minor=price, event_type=_type.cast(kinds, strict=False))
        .filter(
            pl.col("user_id").is_not_null(),
            pl.col("event_id").is_not_null(),
            _type.is_not_null(),
            pl.col("time").is_not_null(),
            pl.col("price").is_null() | (pl.col("minor") >= 0),
        )
        .unique("event_id", keep="any")
        .select("user_id", "event_type", "time", "product_id", "category_id", price="minor")
    )


def _of_history(events: pl.LazyFrame) -> pl.LazyFrame:
    is_start = (pl.col("user_id") != pl.col("user_id").shift(1)).fill_null(True) | (
        _age.shift(1) - _age > SESSION_GAP
    )
    bought = _type == "purchase"
    return (
        events.with_columns(start=is_start, **{name: _decayed(*decay) for name, decay in DECAYS.items()})
        .group_by("user_id")
        .agg(
            last_activity_hours=_age.min(),
            session_duration=_age.filter("start").min() - _age.min(),
            days_since_last_purchase=_age.filter(bought).min().fill_null(HORIZON),
            purchase_days_30d=(_age // DAY).filter(bought).n_unique(),
            active_days_30d=(_age // DAY).n_unique(),
            sessions_24h=(pl.col("start") & (_age <= DAY)).sum(),
            sessions_7d=(pl.col("start") & _recent).sum(),
            products_7d=pl.col("product_id").filter(_recent).drop_nulls().n_unique(),
            categories_7d=pl.col("category_id").filter(_recent).drop_nulls().n_unique(),
            spend_30d=pl.col("price").filter(bought).sum(),
            **{name: pl.col(name).sum() for name in DECAYS},
            **{
                f"{plural}_{window}": ((_type == event_type) & (_age <= width)).sum()
                for event_type, plural in PLURALS.items()
                for window, width in WINDOWS.items()
            },
        )
    )


def _decayed(half_life: int, of_type: dict[str, int]) -> pl.Expr:
    weight = pl.lit(pl.Series(weights(half_life))).gather(_age // HOUR)
    return weight * _type.cast(pl.String).replace_strict(of_type, default=0, return_dtype=pl.Int64)


def _of_cart(events: pl.LazyFrame) -> pl.LazyFrame:
    product = ["user_id", "product_id"]
    carted = (
        events.filter(_type == "cart")
        .group_by(product)
        .agg(last=_age.min(), price=pl.col("price").filter(_age == _age.min()).max())
    )
    closed = (
        events.filter(_type.is_in(["remove_from_cart", "purchase"])).group_by(product).agg(closed=_age.min())
    )
    return (
        carted.join(closed, on=product, how="left", nulls_equal=True)
        .filter(pl.col("closed").is_null() | (pl.col("last") < pl.col("closed")))
        .group_by("user_id")
        .agg(cart_count=pl.len(), cart_value=pl.col("price").sum())
    )
