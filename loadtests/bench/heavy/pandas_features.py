"""Plain pandas, as most people would write it: read, convert, group by user, a column at a time."""

from typing import Any

import pandas as pd

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


def build(log: str, *, cutoff: int) -> tuple[list[str], dict[str, Any]]:
    """Return users and the integers behind their features at the cutoff."""
    events = _clean(pd.read_csv(log, dtype=str))
    events = events[(events["time"] >= cutoff - HORIZON) & (events["time"] < cutoff)].copy()
    events["age"] = cutoff - events["time"]
    events = events.sort_values(["user_id", "time"], kind="stable")
    table = _of_history(events).join(_of_cart(events)).fillna(0).astype("int64")
    return table.index.tolist(), {str(name): table[name].to_numpy() for name in table.columns}


def _clean(rows: pd.DataFrame) -> pd.DataFrame:
    time = pd.to_datetime(rows["event_time"], format="ISO8601", errors="coerce", utc=True)
    price = pd.to_numeric(rows["price"], errors="coerce")
    is_good = (
        rows["user_id"].notna()
        & rows["event_id"].notna()
        & rows["event_type"].isin(PLURALS)
        & time.notna()
        & ~(price < 0)
        & ~(price.isna() & rows["price"].notna())
    )
    rows = rows.assign(
        time=time.dt.tz_localize(None).astype("datetime64[us]").astype("int64"), price=(price * 100).round()
    )
    return rows[is_good].drop_duplicates("event_id")


def _of_history(events: pd.DataFrame) -> pd.DataFrame:
    by_user = events.groupby("user_id", sort=True)
    table = pd.DataFrame({"last_activity_hours": by_user["age"].min()})
    for event_type, plural in PLURALS.items():
        of_type = events[events["event_type"] == event_type]
        for window, width in WINDOWS.items():
            table[f"{plural}_{window}"] = of_type[of_type["age"] <= width].groupby("user_id").size()
    bought = events[events["event_type"] == "purchase"]
    purchases = bought.groupby("user_id")
    table["days_since_last_purchase"] = purchases["age"].min().reindex(table.index).fillna(HORIZON)
    table["purchase_days_30d"] = (bought["age"] // DAY).groupby(bought["user_id"]).nunique()
    table["active_days_30d"] = (events["age"] // DAY).groupby(events["user_id"]).nunique()
    table["spend_30d"] = purchases["price"].sum()
    recent = events[events["age"] <= WINDOWS["7d"]].groupby("user_id")
    table["products_7d"] = recent["product_id"].nunique()
    table["categories_7d"] = recent["category_id"].nunique()
    _add_sessions(table, events)
    _add_decays(table, events)
    return table


def _add_sessions(table: pd.DataFrame, events: pd.DataFrame) -> None:
    older = events.groupby("user_id")["age"].shift(1)
    starts = events[older.isna() | (older - events["age"] > SESSION_GAP)]
    table["session_duration"] = starts.groupby("user_id")["age"].min() - table["last_activity_hours"]
    for window in ("24h", "7d"):
        table[f"sessions_{window}"] = starts[starts["age"] <= WINDOWS[window]].groupby("user_id").size()


def _add_decays(table: pd.DataFrame, events: pd.DataFrame) -> None:
    hours = (events["age"] // HOUR).to_numpy()
    for name, (half_life, of_type) in DECAYS.items():
        weight = events["event_type"].map(of_type).fillna(0).astype("int64") * weights(half_life)[hours]
        table[name] = weight.groupby(events["user_id"]).sum()


def _of_cart(events: pd.DataFrame) -> pd.DataFrame:
    product = ["user_id", "product_id"]
    carted = events[events["event_type"] == "cart"].sort_values(
        ["age", "price"], ascending=[True, False], kind="stable"
    )
    last = carted.drop_duplicates(product)
    is_closed = events["event_type"].isin(["remove_from_cart", "purchase"])
    closed = events[is_closed].groupby(product, dropna=False)["age"].min().rename("closed").reset_index()
    cart = last.merge(closed, on=product, how="left")
    still = cart[cart["closed"].isna() | (cart["age"] < cart["closed"])].groupby("user_id")
    return pd.DataFrame({"cart_count": still.size(), "cart_value": still["price"].sum()})
