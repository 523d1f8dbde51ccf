"""One event in plain Python: what is taken, what is refused, and why."""

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from propensity.events.event import (
    EARLIEST_TIME,
    EVENT_TYPES,
    FUTURE_TOLERANCE,
    MAX_ID_LENGTH,
    MAX_PRICE,
    Event,
    Reason,
)
from propensity.events.formats import FIELDS
from propensity.events.validation import validate

NOW = 1_700_000_000_000_000
GOOD = {"event_id": "e1", "user_id": "u1", "event_type": "view", "event_time": 1_600_000_000_000_000}


def verdict(**changes: object) -> Event | Reason:
    return validate(GOOD | changes, now=NOW)


def event(**changes: object) -> Event:
    found = verdict(**changes)
    assert isinstance(found, Event)
    return found


def test_a_plain_event_is_taken_as_it_is() -> None:
    assert verdict() == Event("e1", "u1", "view", 1_600_000_000_000_000)


def test_ids_that_are_integers_become_text_and_empty_optional_values_become_none() -> None:
    found = event(user_id=12345, product_id=7, category_id="", session_id="  ", price="")
    assert (found.user_id, found.product_id, found.category_id, found.session_id) == (
        "12345",
        "7",
        None,
        None,
    )
    assert found.price is None


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2019-10-01T00:00:00Z", 1_569_888_000_000_000),
        ("2019-10-01 00:00:00 UTC", 1_569_888_000_000_000),
        ("2019-10-01T08:00:00+08:00", 1_569_888_000_000_000),
        ("2019-09-30T20:30:00-0330", 1_569_888_000_000_000),
        ("2019-10-01T00:00:00.123456Z", 1_569_888_000_123_456),
        ("2019-10-01T00:00:00.1Z", 1_569_888_000_100_000),
        ("2019-10-01T00:00:00.123456789Z", 1_569_888_000_123_456),
        ("1569888000000000", 1_569_888_000_000_000),
        (1_569_888_000_000_000, 1_569_888_000_000_000),
    ],
)
def test_times_are_read_to_the_microsecond(text: object, micros: int) -> None:
    assert event(event_time=text).event_time == micros


@pytest.mark.parametrize(
    ("price", "minor"),
    [
        ("35.79", 3579),
        ("0.29", 29),
        ("1.005", 101),
        ("1.00499999", 100),
        ("-0.00", 0),
        (".5", 50),
        ("12.", 1200),
        (35.79, 3579),
        (0.1 + 0.2, 30),
        (1e-7, 0),
        (7, 700),
        (1e10, MAX_PRICE),
    ],
)
def test_prices_become_minor_units_without_a_float_in_between(price: object, minor: int) -> None:
    assert event(price=price).price == minor


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"colour": "red"}, Reason.UNKNOWN_FIELD),
        ({"colour": None, "user_id": None}, Reason.UNKNOWN_FIELD),
        ({"ingested_at": NOW}, Reason.UNKNOWN_FIELD),
        ({"user_id": None}, Reason.MISSING_USER),
        ({"user_id": " "}, Reason.MISSING_USER),
        ({"event_id": ""}, Reason.MISSING_EVENT_ID),
        ({"user_id": "x" * (MAX_ID_LENGTH + 1)}, Reason.BAD_ID),
        ({"user_id": "a\nb"}, Reason.BAD_ID),
        ({"user_id": "\ud800"}, Reason.BAD_ID),
        ({"user_id": True}, Reason.BAD_ID),
        ({"user_id": 1.5}, Reason.BAD_ID),
        ({"user_id": 10**5000}, Reason.BAD_ID),
        ({"product_id": ["p"]}, Reason.BAD_ID),
        ({"session_id": "\x85"}, Reason.BAD_ID),
        ({"event_type": "buy"}, Reason.UNKNOWN_TYPE),
        ({"event_type": None}, Reason.UNKNOWN_TYPE),
        ({"event_type": ["view"]}, Reason.UNKNOWN_TYPE),
        ({"event_time": None}, Reason.BAD_TIME),
        ({"event_time": "yesterday"}, Reason.BAD_TIME),
        ({"event_time": "2019-10-01T00:00:00"}, Reason.BAD_TIME),
        ({"event_time": "2019-02-29T00:00:00Z"}, Reason.BAD_TIME),
        ({"event_time": "2019-10-01T24:00:00Z"}, Reason.BAD_TIME),
        ({"event_time": "2019-10-01T00:00:60Z"}, Reason.BAD_TIME),
        ({"event_time": 1.6e15}, Reason.BAD_TIME),
        ({"event_time": True}, Reason.BAD_TIME),
        ({"event_time": 1_600_000_000}, Reason.BAD_TIME),
        ({"event_time": EARLIEST_TIME - 1}, Reason.BAD_TIME),
        ({"event_time": 10**18}, Reason.BAD_TIME),
        ({"event_time": NOW + FUTURE_TOLERANCE + 1}, Reason.FUTURE),
        ({"price": "free"}, Reason.BAD_PRICE),
        ({"price": "1,50"}, Reason.BAD_PRICE),
        ({"price": math.nan}, Reason.BAD_PRICE),
        ({"price": math.inf}, Reason.BAD_PRICE),
        ({"price": 10**5000}, Reason.BAD_PRICE),
        ({"price": "10000000000.01"}, Reason.BAD_PRICE),
        ({"price": True}, Reason.BAD_PRICE),
        ({"price": -0.01}, Reason.NEGATIVE_PRICE),
        ({"price": "-5"}, Reason.NEGATIVE_PRICE),
    ],
)
def test_what_can_not_be_an_event_is_refused_with_its_reason(
    changes: dict[str, object], reason: Reason
) -> None:
    assert verdict(**changes) is reason


def test_the_clock_of_a_client_may_run_five_minutes_ahead() -> None:
    assert event(event_time=NOW + FUTURE_TOLERANCE).event_time == NOW + FUTURE_TOLERANCE


def test_the_first_fault_in_the_order_of_the_fields_is_the_verdict() -> None:
    assert verdict(user_id="", event_type="?", event_time="?", price="?") is Reason.MISSING_USER
    assert verdict(event_type="?", event_time="?", price="?") is Reason.UNKNOWN_TYPE
    assert verdict(event_time="?", price="?") is Reason.BAD_TIME


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


# The first text drawn builds hypothesis' table of characters, which alone may look slow on a busy machine.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from([*FIELDS, *FIELDS, "colour"]), JSON))
def test_whatever_json_holds_gets_a_verdict_and_what_is_taken_keeps_the_bounds(
    item: dict[str, object],
) -> None:
    found = validate(item, now=NOW)
    if isinstance(found, Reason):
        return
    assert 0 < len(found.user_id) <= MAX_ID_LENGTH
    assert found.event_type in EVENT_TYPES
    assert EARLIEST_TIME <= found.event_time <= NOW + FUTURE_TOLERANCE
    assert found.price is None or 0 <= found.price <= MAX_PRICE
    assert found.ingested_at is None
