"""The rules over columns give the verdict that the rules for one event give, and read other systems' words."""

import datetime as dt

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.ingest.cleaning import clean
from propensity.events.event import EARLIEST_TIME, FUTURE_TOLERANCE, Event, Reason
from propensity.events.formats import FIELDS, FORMATS, LogFormat, custom_format
from propensity.events.validation import validate

NOW = 1_700_000_000_000_000
MAPPED = {"user_id": "u", "event_type": "t", "event_time": "at"}


def cleaned(rows: list[dict[str, str | None]], log_format: LogFormat) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema=dict.fromkeys(log_format.columns, pl.String)).with_columns(
        pl.lit("as it stood").alias("raw"), pl.lit(None, pl.String).alias("fault")
    )
    return clean(frame.with_row_index("line", offset=1), log_format=log_format, now=NOW)


def by_columns(rows: list[dict[str, str | None]]) -> list[Event | Reason]:
    found = cleaned(rows, FORMATS["propensity"])
    return [
        Reason(reason) if reason else Event(*values)
        for reason, *values in found.select("reason", *FIELDS).iter_rows()
    ]


def time_of(text: str, unit: str) -> int | None:
    row: dict[str, str | None] = {"user_id": "u", "event_type": "view", "event_time": text}
    found = cleaned([row], custom_format(MAPPED, time_unit=unit))
    return None if found["reason"][0] else found["event_time"][0]


AWKWARD = st.text(alphabet=st.sampled_from(" abZ09.-+:,é\x00\x1f\x7f\x85\u2028\u200b🛒\t"), max_size=8)
IDS = st.none() | AWKWARD | st.sampled_from(["u1", "x" * 128, "é" * 128, "é" * 129, " u1 ", "0"])
TYPES = st.none() | AWKWARD | st.sampled_from(["view", "cart", "purchase", " view", "View", "buy"])
DIGITS = st.text(alphabet="0123456789", max_size=11)


@st.composite
def clock_times(draw: st.DrawFn) -> str:
    """Return times that are right, nearly right, or beyond a bound."""
    date = f"{draw(st.sampled_from(['2019', '1999', '0000', '9999', '2023']))}-{draw(st.integers(0, 13)):02}"
    clock = f"{draw(st.integers(0, 24)):02}:{draw(st.integers(0, 60)):02}:{draw(st.integers(0, 60)):02}"
    fraction = draw(st.just("") | DIGITS.map(lambda digits: f".{digits}"))
    zone = draw(
        st.sampled_from(["Z", " UTC", "", "+08", "-0330", "+23:59", "-24:00", "+5", "z", " Z", "  Z"])
    )
    return f"{date}-{draw(st.integers(0, 32)):02}{draw(st.sampled_from('T t'))}{clock}{fraction}{zone}"


TIMES = st.one_of(
    st.none(),
    AWKWARD,
    clock_times(),
    st.integers(-1, 10**19).map(str),
    st.integers(0, NOW + 10**9).map(str),
    st.datetimes(min_value=dt.datetime(1999, 12, 31), max_value=dt.datetime(2024, 1, 1)).map(  # noqa: DTZ001
        lambda moment: f"{moment.isoformat()}Z"
    ),
)
PRICES = st.one_of(
    st.none(),
    AWKWARD,
    st.decimals(-10, 100, places=3).map(str),
    st.floats().map(str),
    st.tuples(st.sampled_from(["", "-", "+"]), DIGITS, st.sampled_from(["", "."]), DIGITS).map("".join),
)
ROWS = st.fixed_dictionaries(
    {
        "event_id": IDS,
        "user_id": IDS,
        "event_type": TYPES,
        "event_time": TIMES,
        "product_id": IDS,
        "category_id": st.none() | AWKWARD,
        "price": PRICES,
        "session_id": st.none() | AWKWARD,
    }
)
GOOD: dict[str, str | None] = {
    "event_id": "e",
    "user_id": "u",
    "event_type": "view",
    "event_time": "1600000000000000",
    "product_id": None,
    "category_id": None,
    "price": "1.5",
    "session_id": None,
}
GOOD_BUT_ONE = st.sampled_from(FIELDS).flatmap(lambda name: ROWS.map(lambda row: GOOD | {name: row[name]}))
EDGES = {
    "event_time": [
        *(str(EARLIEST_TIME + step) for step in (-1, 0, 1)),
        *(str(NOW + FUTURE_TOLERANCE + step) for step in (-1, 0, 1)),
        *("999999999999999999", "1000000000000000000", "0", ""),
        *("2000-01-01T00:00:00Z", "1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00+00:01"),
        *("2019-10-01T00:00:00-0330", "2019-10-01T00:00:00+05:45", "2019-10-01 00:00:00 -11"),
        *("2019-10-01T00:00:00.1Z", "2019-10-01T00:00:00.000001Z", "2019-10-01T00:00:00.1234567Z"),
        *("2019-02-29T00:00:00Z", "2020-02-29T00:00:00Z", "2019-12-31T23:59:60Z", "2019-10-01T24:00:00Z"),
        *("2019-10-01T00:00:00", "2019-10-01", "2019-10-01T00:00Z", "٢٠١٩-10-01T00:00:00Z"),
    ],
    "price": [
        *(
            "0.005",
            "0.004",
            "0.0049999",
            "1.005",
            "0.015",
            "35.79",
            "0.29",
            "1.1",
            "1.10",
            "1.",
            ".5",
            ".",
            "",
        ),
        *("-0", "-0.00", "-0.001", "-.5", "-", "+1", "1e3", "nan", "inf", "1,5", "1 000", "٣"),
        *("10000000000", "10000000000.004", "10000000000.005", "999999999999999", "1000000000000000"),
    ],
}


def test_columns_and_single_events_get_the_same_verdict_at_every_edge() -> None:
    rows = [GOOD | {name: value} for name, values in EDGES.items() for value in values]
    verdicts = [validate(row, now=NOW) for row in rows]
    assert by_columns(rows) == verdicts
    assert set(verdicts) >= {Reason.BAD_TIME, Reason.FUTURE, Reason.BAD_PRICE, Reason.NEGATIVE_PRICE}
    assert len({verdict for verdict in verdicts if isinstance(verdict, Event)}) > 20


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ROWS | GOOD_BUT_ONE, min_size=1, max_size=20))
def test_columns_and_single_events_get_the_same_verdict(rows: list[dict[str, str | None]]) -> None:
    assert by_columns(rows) == [validate(row, now=NOW) for row in rows]


@pytest.mark.parametrize(
    ("text", "unit", "micros"),
    [
        ("1511544070", "s", 1_511_544_070_000_000),
        ("1511544070.25", "s", 1_511_544_070_250_000),
        ("1433221332117", "ms", 1_433_221_332_117_000),
        ("1433221332117.5", "ms", 1_433_221_332_117_500),
        ("1433221332117500", "us", 1_433_221_332_117_500),
        ("2017-11-25 01:21:10", "iso", 1_511_572_870_000_000),
        ("2017-11-25 01:21:10 +08:00", "iso", 1_511_544_070_000_000),
        ("999999999999999999", "s", None),
        ("1511544070,5", "s", None),
        ("-1511544070", "s", None),
        ("1.5e9", "s", None),
        ("2017-11-25", "iso", None),
    ],
)
def test_every_unit_of_time_is_read_to_the_microsecond(text: str, unit: str, micros: int | None) -> None:
    assert time_of(text, unit) == micros


def test_a_log_without_ids_of_its_own_does_not_miss_them() -> None:
    row: dict[str, str | None] = {"user_id": "u", "event_type": "view", "event_time": "1600000000000000"}
    found = cleaned([row], custom_format(MAPPED))
    assert found["reason"].to_list() == [None]
    assert found["event_id"].to_list() == [None]


def test_the_types_of_other_systems_are_read_as_ours_and_no_others() -> None:
    shop = FORMATS["retailrocket"]
    types = ["view", "addtocart", "transaction", "cart", "", None]
    found = cleaned(
        [{"user_id": "u", "event_type": name, "event_time": "1433221332117"} for name in types], shop
    )
    assert found["event_type"].to_list() == ["view", "cart", "purchase", None, None, None]
    assert found["reason"].to_list() == [None, None, None, *["unknown_type"] * 3]
