"""DuckDB as one would write it by hand: SQL over the file."""

from typing import Any

import duckdb

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

_CLEAN = """
CREATE TEMP TABLE events AS
WITH typed AS (
    SELECT event_id, user_id, event_type, product_id, category_id, price AS raw_price,
        CAST(round(TRY_CAST(price AS DOUBLE) * 100) AS BIGINT) AS price,
        epoch_us(try_strptime(event_time, '%Y-%m-%dT%H:%M:%S.%fZ')) AS time
    FROM read_csv(?, header = true, all_varchar = true)
)
SELECT any_value(user_id) AS user_id, any_value(event_type) AS event_type, any_value($cutoff - time) AS age,
    any_value(product_id) AS product_id, any_value(category_id) AS category_id, any_value(price) AS price
FROM typed
WHERE user_id IS NOT NULL AND event_id IS NOT NULL AND event_type IN ($types)
    AND time >= $cutoff - $horizon AND time < $cutoff AND (raw_price IS NULL OR price >= 0)
GROUP BY event_id
"""
_BY_USER = """
WITH marked AS (
    SELECT *, coalesce(lag(age) OVER (PARTITION BY user_id ORDER BY age DESC) - age > $gap, true) AS is_start
    FROM events
), carted AS (
    SELECT user_id, product_id, min(age) AS last FROM events WHERE event_type = 'cart' GROUP BY ALL
), priced AS (
    SELECT c.user_id, c.product_id, c.last, max(e.price) AS price FROM carted c JOIN events e
        ON e.user_id = c.user_id AND e.product_id IS NOT DISTINCT FROM c.product_id
        AND e.age = c.last AND e.event_type = 'cart' GROUP BY ALL
), closed AS (
    SELECT user_id, product_id, min(age) AS closed FROM events
    WHERE event_type IN ('remove_from_cart', 'purchase') GROUP BY ALL
), cart AS (
    SELECT p.user_id, count(*) AS cart_count, coalesce(sum(p.price), 0) AS cart_value FROM priced p
        LEFT JOIN closed c ON c.user_id = p.user_id AND c.product_id IS NOT DISTINCT FROM p.product_id
    WHERE c.closed IS NULL OR p.last < c.closed GROUP BY ALL
), history AS (
    SELECT user_id, $columns FROM marked GROUP BY user_id
)
SELECT history.*, coalesce(cart_count, 0) AS cart_count, coalesce(cart_value, 0) AS cart_value
FROM history LEFT JOIN cart USING (user_id) ORDER BY user_id
"""


def build(log: str, *, cutoff: int) -> tuple[list[str], dict[str, Any]]:
    """Return users and the integers behind their features at the cutoff."""
    connection = duckdb.connect()
    types = ", ".join(f"'{event_type}'" for event_type in PLURALS)
    connection.execute(_filled(_CLEAN, cutoff=cutoff, types=types, horizon=HORIZON), [log])
    for half_life, _ in DECAYS.values():
        connection.execute(
            f"CREATE TEMP TABLE fading_{half_life} AS SELECT ?::BIGINT[] AS w", [weights(half_life).tolist()]
        )
    found = connection.execute(_filled(_BY_USER, gap=SESSION_GAP, columns=_columns())).fetchnumpy()
    return found.pop("user_id").tolist(), found


def _filled(statement: str, **values: object) -> str:
    for name, value in values.items():
        statement = statement.replace(f"${name}", str(value))
    return statement


def _columns() -> str:
    bought = "FILTER (event_type = 'purchase')"
    found = {
        "last_activity_hours": "min(age)",
        "session_duration": "min(age) FILTER (is_start) - min(age)",
        "days_since_last_purchase": f"coalesce(min(age) {bought}, {HORIZON})",
        "purchase_days_30d": f"count(DISTINCT age // {DAY}) {bought}",
        "active_days_30d": f"count(DISTINCT age // {DAY})",
        "products_7d": f"count(DISTINCT product_id) FILTER (age <= {WINDOWS['7d']})",
        "categories_7d": f"count(DISTINCT category_id) FILTER (age <= {WINDOWS['7d']})",
        "spend_30d": f"coalesce(sum(price) {bought}, 0)",
        **{
            f"sessions_{window}": f"count(*) FILTER (is_start AND age <= {WINDOWS[window]})"
            for window in ("24h", "7d")
        },
        **{name: _decayed(*decay) for name, decay in DECAYS.items()},
        **{
            f"{plural}_{window}": f"count(*) FILTER (event_type = '{event_type}' AND age <= {width})"
            for event_type, plural in PLURALS.items()
            for window, width in WINDOWS.items()
        },
    }
    return ",\n".join(f"{expression} AS {name}" for name, expression in found.items())


def _decayed(half_life: int, of_type: dict[str, int]) -> str:
    cases = " ".join(f"WHEN '{event_type}' THEN {weight}" for event_type, weight in of_type.items())
    fading = f"(SELECT w FROM fading_{half_life})[age // {HOUR} + 1]"  # noqa: S608 - our own numbers
    return f"sum(CASE event_type {cases} ELSE 0 END * {fading})"
