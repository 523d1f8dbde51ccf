"""The online and the offline form give the same numbers to the last bit, on histories made to find a difference."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from propensity.events import EVENT_TYPES, MICROS, Event
from propensity.events.event import DAY, HOUR, MAX_PRICE
from propensity.features.aggregates import OF_CART, OF_CUTOFF, OF_HISTORY
from propensity.features.definition import (
    DECAYS,
    FEATURES,
    HISTORY_LIMIT,
    HORIZON,
    NAMES,
    SESSION_GAP,
    WINDOWS,
    decay_weights,
)
from propensity.features.offline import ROW_SCHEMA, snapshots, to_frame
from propensity.features.online import FORMULAS, default_row

CUTOFF = 1_709_208_000_000_000
Forms = tuple[Callable[..., Any], Callable[..., Any]]

EDGES = sorted({0, *WINDOWS.values(), *(7 * HOUR + SESSION_GAP * n for n in range(4)), 720 * HOUR - DAY})
AGES = st.one_of(
    st.builds(lambda edge, off: edge + off, st.sampled_from(EDGES), st.integers(-2, 2)),
    st.builds(lambda hours, off: hours * HOUR + off, st.integers(-30, 725), st.integers(-1, 1)),
    st.integers(-2 * DAY, HORIZON + DAY),
)
EVENTS = st.builds(
    lambda user, kind, age, product, category, price, delay: Event(
        event_id="",
        user_id=user,
        event_type=kind,
        event_time=CUTOFF - age,
        product_id=product,
        category_id=category,
        price=price,
        ingested_at=None if delay is None else CUTOFF - age + delay,
    ),
    user=st.sampled_from(["u", "v", "10", "9"]),
    kind=st.sampled_from(EVENT_TYPES),
    age=AGES,
    product=st.sampled_from([None, "a", "b", "c"]),
    category=st.sampled_from([None, "x", "y"]),
    price=st.one_of(st.none(), st.sampled_from([0, 1, 1999, MAX_PRICE]), st.integers(0, 10**6)),
    delay=st.one_of(st.none(), st.none(), st.integers(-HOUR, DAY), st.sampled_from([0, 1, HOUR, 40 * DAY])),
)
HISTORIES = st.lists(EVENTS, max_size=40).map(
    lambda events: [event._replace(event_id=f"e{index:03}") for index, event in enumerate(events)]
)
CUTOFFS = st.lists(
    st.sampled_from([0, -1, 1, -5 * HOUR, -DAY, DAY, -HORIZON, 12_345_678]), min_size=1, max_size=3
)


@settings(max_examples=300, deadline=None)
@given(
    history=HISTORIES,
    offsets=CUTOFFS,
    lag=st.sampled_from([0, 0, 1, HOUR, 2 * DAY]),
    limit=st.sampled_from([1, 3, 10, HISTORY_LIMIT]),
    shuffled=st.randoms(use_true_random=False),
)
def test_both_forms_agree_to_the_last_bit_whatever_the_history_and_its_order(
    *, both_forms: Forms, history: list[Event], offsets: list[int], lag: int, limit: int, shuffled: Any
) -> None:
    online, offline = both_forms
    cutoffs = [CUTOFF + offset for offset in offsets]
    expected = online(history, cutoffs, lag=lag, limit=limit)
    assert offline(history, cutoffs, lag=lag, limit=limit) == expected
    shuffled.shuffle(history)
    assert offline(history, cutoffs, lag=lag, limit=limit) == expected
    assert online(history, cutoffs, lag=lag, limit=limit) == expected


def test_both_forms_agree_on_a_user_beyond_the_real_limit(both_forms: Forms) -> None:
    online, offline = both_forms
    kinds = ("view", "cart", "view", "purchase", "view", "favorite", "remove_from_cart")
    busy = [
        Event(f"e{(n * 7_919) % 10_007:05}", "busy", kinds[n % 7], CUTOFF - 1 - n // 3 * 400 * MICROS, f"p{n % 97}", None, n)
        for n in range(HISTORY_LIMIT + 1_000)
    ]  # fmt: skip
    calm = [event._replace(user_id="calm", event_id=f"c{event.event_id}") for event in busy[-50:]]
    rows = offline(busy + calm, [CUTOFF, CUTOFF - DAY])
    assert rows == online(busy + calm, [CUTOFF, CUTOFF - DAY])
    row = rows[CUTOFF, "busy"]
    assert (
        sum(row[f"{kind}_30d"] for kind in ("views", "favorites", "carts", "removals", "purchases"))
        == HISTORY_LIMIT
    )


def test_every_feature_of_the_definition_has_code_in_both_forms_and_no_code_is_without_a_feature() -> None:
    assert set(FORMULAS) == set(NAMES)
    assert sorted([*OF_HISTORY, *OF_CART, *OF_CUTOFF]) == sorted(NAMES)
    assert len(set(NAMES)) == len(FEATURES)


def test_an_unknown_user_has_the_declared_defaults_and_the_moment() -> None:
    when = datetime.fromtimestamp(CUTOFF / MICROS, tz=UTC)
    moment = {"hour_of_day": when.hour, "day_of_week": when.weekday()}
    assert default_row(CUTOFF) == [moment.get(feature.name, feature.default) for feature in FEATURES]


def test_no_integer_behind_a_feature_can_reach_what_a_float_holds_exactly() -> None:
    heaviest = max(
        weight * HISTORY_LIMIT * decay_weights(decay.half_life_hours)[0]
        for decay in DECAYS.values()
        for weight in decay.type_weights.values()
    )
    assert max(heaviest, HISTORY_LIMIT * MAX_PRICE, HORIZON) < 2**53


def test_snapshots_have_one_row_per_active_user_and_cutoff_sorted_and_typed() -> None:
    events = [
        Event("1", "b", "view", CUTOFF - DAY),
        Event("2", "a", "view", CUTOFF - 29 * DAY),
        Event("3", "c", "view", CUTOFF - DAY, ingested_at=CUTOFF + HOUR),
    ]
    rows = snapshots(to_frame(events), [CUTOFF + 2 * DAY, CUTOFF, CUTOFF], lag=0)
    assert rows.schema == ROW_SCHEMA
    assert rows.select("user_id", "cutoff").rows() == [
        ("a", CUTOFF),
        ("b", CUTOFF),
        ("b", CUTOFF + 2 * DAY),
        ("c", CUTOFF + 2 * DAY),
    ]
    assert rows.null_count().sum_horizontal().item() == 0


def test_no_events_or_no_cutoffs_give_no_rows_of_the_same_shape() -> None:
    nothing = to_frame([])
    some = to_frame([Event("1", "a", "view", CUTOFF - 1)])
    for rows in (
        snapshots(nothing, [CUTOFF], lag=0),
        snapshots(some, [], lag=0),
        snapshots(some, [CUTOFF - DAY], lag=0),
    ):
        assert rows.equals(pl.DataFrame(schema=ROW_SCHEMA))
        assert rows.schema == ROW_SCHEMA
