"""What each feature means, held against both forms with histories small enough to count by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import permutations

import pytest

from propensity.events import EVENT_TYPES, MICROS, Event
from propensity.events.event import DAY, HOUR
from propensity.features.definition import DECAYS, PLURALS, WINDOWS, decay_weights

CUTOFF = 1_709_208_000_000_000
MINUTE = 60 * MICROS
Ago = Callable[..., Event]
RowOf = Callable[..., dict[str, float]]


@pytest.mark.parametrize(("window", "width"), WINDOWS.items())
def test_a_window_holds_its_oldest_edge_and_not_what_is_older(
    row_of: RowOf, ago: Ago, window: str, width: int
) -> None:
    for event_type, plural in PLURALS.items():
        row = row_of([ago(event_type, width), ago(event_type, width + 1), ago("view", 1)])
        assert row[f"{plural}_{window}"] == 1 + (event_type == "view")


def test_an_event_at_the_cutoff_is_the_future(row_of: RowOf, ago: Ago) -> None:
    row = row_of([ago("cart", 0), ago("view", 1)])
    assert row["carts_1h"] == 0
    assert row["views_1h"] == 1
    assert row["cart_count"] == 0


def test_last_activity_counts_from_the_newest_event(row_of: RowOf, ago: Ago) -> None:
    assert row_of([ago("view", 5 * HOUR), ago("purchase", 90 * MINUTE)])["last_activity_hours"] == 1.5


def test_nothing_in_thirty_days_gives_the_defaults(row_of: RowOf, ago: Ago) -> None:
    row = row_of([ago("purchase", 30 * DAY + 1)])
    assert (row["last_activity_hours"], row["days_since_last_purchase"], row["purchases_30d"]) == (720, 30, 0)


def test_a_cart_is_open_until_the_product_is_removed_or_bought(row_of: RowOf, ago: Ago) -> None:
    carted = [ago("cart", 9 * HOUR, product) for product in ("kept", "removed", "bought", "back")]
    row = row_of(
        [
            *carted,
            ago("remove_from_cart", 8 * HOUR, "removed"),
            ago("purchase", 7 * HOUR, "bought"),
            ago("remove_from_cart", 6 * HOUR, "back"),
            ago("cart", 5 * HOUR, "back"),
            ago("view", 4 * HOUR, "kept"),
        ]
    )
    assert row["cart_count"] == 2


@pytest.mark.parametrize("closing", ["remove_from_cart", "purchase"])
def test_a_cart_event_at_the_instant_of_its_closing_is_closed(row_of: RowOf, ago: Ago, closing: str) -> None:
    for events in permutations([ago("cart", HOUR, price=500), ago(closing, HOUR)]):
        row = row_of(events)
        assert (row["cart_count"], row["cart_value"]) == (0, 0)
    assert row_of([ago("cart", HOUR - 1), ago(closing, HOUR)])["cart_count"] == 1


def test_events_without_a_product_are_one_product_in_the_cart(row_of: RowOf, ago: Ago) -> None:
    events = [ago("cart", 3 * HOUR, None), ago("cart", 2 * HOUR, None), ago("cart", 2 * HOUR, "p")]
    assert row_of(events)["cart_count"] == 2
    assert row_of([*events, ago("purchase", HOUR, None)])["cart_count"] == 1


def test_the_cart_is_worth_the_highest_price_of_each_products_last_cart_instant(
    row_of: RowOf, ago: Ago
) -> None:
    events = [
        ago("cart", 3 * HOUR, "dearer before", price=9_000),
        ago("cart", 2 * HOUR, "dearer before", price=150),
        ago("cart", HOUR, "tie", price=200),
        ago("cart", HOUR, "tie", price=None),
        ago("cart", HOUR, "tie", price=300),
        ago("cart", HOUR, "tie", price=250),
        ago("cart", 3 * HOUR, "now unknown", price=7_000),
        ago("cart", 2 * HOUR, "now unknown", price=None),
        ago("cart", HOUR, "free", price=0),
    ]
    for ordered in (events, events[::-1]):
        row = row_of(ordered)
        assert (row["cart_count"], row["cart_value"]) == (4, 4.5)


def test_spend_adds_up_the_known_prices_of_purchases(row_of: RowOf, ago: Ago) -> None:
    purchases = [ago("purchase", age * DAY, price=price) for age, price in ((1, 1_005), (2, None), (30, 100))]
    assert (
        row_of([*purchases, ago("cart", 1, price=77), ago("purchase", 31 * DAY, price=1)])["spend_30d"]
        == 11.05
    )


def test_a_session_ends_after_a_pause_of_more_than_thirty_minutes(row_of: RowOf, ago: Ago) -> None:
    one = [ago("view", 10 * MINUTE), ago("view", 40 * MINUTE), ago("view", 70 * MINUTE)]
    row = row_of(one)
    assert (row["sessions_24h"], row["session_duration"]) == (1, 60)
    row = row_of([*one, ago("view", 100 * MINUTE + 1)])
    assert (row["sessions_24h"], row["session_duration"]) == (2, 60)


def test_a_session_counts_where_it_began(row_of: RowOf, ago: Ago) -> None:
    row = row_of([ago("view", DAY + 1), ago("view", DAY - MINUTE)])
    assert (row["sessions_24h"], row["sessions_7d"]) == (0, 1)
    assert row_of([ago("view", DAY), ago("view", DAY - MINUTE)])["sessions_24h"] == 1


def test_a_session_is_cut_where_the_history_begins(row_of: RowOf, ago: Ago) -> None:
    row = row_of([ago("view", 30 * DAY + MINUTE), ago("view", 30 * DAY), ago("view", 30 * DAY - MINUTE)])
    assert row["session_duration"] == 1


def test_days_are_counted_back_from_the_cutoff(row_of: RowOf, ago: Ago) -> None:
    ages = (1, DAY - 1, DAY, 2 * DAY - 1, 30 * DAY)
    row = row_of([*(ago("purchase", age) for age in ages), ago("view", 5 * DAY)])
    assert (row["purchase_days_30d"], row["active_days_30d"]) == (3, 4)
    assert row["days_since_last_purchase"] == 1 / DAY


def test_products_and_categories_are_counted_where_their_ids_are_known(row_of: RowOf, ago: Ago) -> None:
    row = row_of(
        [
            ago("view", 1, "a", category_id="x"),
            ago("cart", 2, "a", category_id="y"),
            ago("view", 7 * DAY, "b", category_id=None),
            ago("view", 3, None, category_id="x"),
            ago("view", 7 * DAY + 1, "c", category_id="z"),
        ]
    )
    assert (row["products_7d"], row["categories_7d"]) == (2, 2)


@pytest.mark.parametrize("age", [1, HOUR - 1, HOUR, 24 * HOUR, 30 * DAY])
def test_a_decayed_count_weighs_each_event_by_its_whole_hours_of_age(
    row_of: RowOf, ago: Ago, age: int
) -> None:
    row = row_of([ago(event_type, age) for event_type in EVENT_TYPES])
    for name, decay in DECAYS.items():
        weight = decay_weights(decay.half_life_hours)[age // HOUR]
        assert row[name] == weight * sum(decay.type_weights.values()) / decay.divisor


def test_a_fresh_event_weighs_one_and_fades_by_half_in_its_half_life() -> None:
    for decay in DECAYS.values():
        weights = decay_weights(decay.half_life_hours)
        assert weights[0] == 2 * weights[decay.half_life_hours]
        assert len(weights) == 30 * 24 + 1


def test_intent_can_be_negative(row_of: RowOf, ago: Ago) -> None:
    assert row_of([ago("remove_from_cart", 1)])["purchase_intent"] == -0.6


@pytest.mark.parametrize("moment", ["2024-02-29T00:00", "2024-02-29T23:59", "2024-03-01T00:00", "2000-01-02T13:30", "2100-03-01T05:00"])  # fmt: skip
def test_hour_and_weekday_are_those_of_the_cutoff_in_utc(row_of: RowOf, ago: Ago, moment: str) -> None:
    when = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    cutoff = int(when.timestamp()) * MICROS
    row = row_of([ago("view", 1)._replace(event_time=cutoff - 1)], cutoff=cutoff)
    assert row["views_30d"] == 1
    assert (row["hour_of_day"], row["day_of_week"]) == (when.hour, when.weekday())


def test_a_back_filled_event_is_known_after_the_lag(row_of: RowOf, ago: Ago) -> None:
    events = [ago("view", HOUR), ago("view", HOUR - 1)]
    assert row_of(events, lag=HOUR)["views_30d"] == 1
    assert row_of(events, lag=0)["views_30d"] == 2


def test_a_live_event_is_known_when_it_was_taken_in_whatever_the_lag(row_of: RowOf, ago: Ago) -> None:
    events = [ago("view", HOUR, ingested_at=CUTOFF), ago("view", HOUR, ingested_at=CUTOFF + 1)]
    assert row_of(events, lag=DAY)["views_30d"] == 1


def test_the_newest_events_by_time_and_id_fill_the_limit(row_of: RowOf, ago: Ago) -> None:
    tied = [ago("view", HOUR, "a"), ago("cart", HOUR, "b"), ago("favorite", HOUR, "c")]
    events = [ago("purchase", 2 * HOUR), *tied, ago("view", 1, "d"), ago("cart", 0)]
    row = row_of(events, limit=3)
    assert (row["views_30d"], row["carts_30d"], row["favorites_30d"], row["purchases_30d"]) == (1, 1, 1, 0)
    assert row["products_7d"] == 3


def test_what_was_not_known_takes_no_room_in_the_limit(row_of: RowOf, ago: Ago) -> None:
    unknown = [ago("view", MINUTE, ingested_at=CUTOFF + 1) for _ in range(5)]
    assert row_of([*unknown, ago("cart", HOUR), ago("cart", 2 * HOUR)], limit=2)["carts_30d"] == 2
