"""The state of a window's events: what is counted, and when nothing may be decided on them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.monitor.quality import Silence, assess, longest_silence, price_outliers, staleness
from propensity.events import Event, Refusal
from propensity.events.event import DAY, HOUR
from propensity.settings import Settings, read_settings
from propensity.store import Store, open_store
from propensity.store.findings import Quality

END = 1_772_409_600_000_000
START = END - DAY
NO_SILENCE = Silence(END, END)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(home=tmp_path, stale_after_hours=12, min_volume_share=0.2)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def assessed(store: Store, settings: Settings, *, now: int = END) -> Quality:
    return assess(store, start=START, end=END, watermark=END, silence=NO_SILENCE, now=now, settings=settings)


def test_what_is_in_the_window_is_counted(store: Store, settings: Settings) -> None:
    store.events.add(
        [
            Event("1", "ann", "view", START, "p", "c", 100, "s"),
            Event("2", "ann", "cart", END - 1, "p", None, None, None),
            Event("3", "ann", "view", START + 5, None, None, 100, None),
            Event("4", "bob", "view", START + 5, "p", None, 100, None),
            Event("before", "bob", "view", START - 1),
            Event("after", "bob", "view", END),
            *(Event(f"week{n}", "bob", "view", START - 7 * DAY + n) for n in range(3)),
        ]
    )
    found = assessed(store, settings, now=END + 2 * HOUR)
    assert (found.events, found.users, found.by_type) == (4, 2, {"view": 3, "cart": 1})
    assert found.missing == {"product_id": 0.25, "category_id": 0.75, "price": 0.25, "session_id": 0.75}
    assert (found.busiest_user_share, found.events_week_before, found.hours_behind) == (0.75, 3, 2)
    assert not found.stale


@pytest.mark.parametrize("kind", ["cart", "purchase"])
@pytest.mark.parametrize(("before", "now", "is_stale"), [(100, 0, True), (99, 0, False), (100, 1, False)])
def test_a_type_of_event_that_stopped_alone_is_a_part_of_the_feed_that_is_missing(
    store: Store, settings: Settings, kind: str, before: int, now: int, *, is_stale: bool
) -> None:
    (other,) = {"cart", "purchase"} - {kind}
    for first, often in ((START - 7 * DAY, before), (START, now)):
        store.events.add(Event(f"{first}-{n}", "ann", kind, first + n) for n in range(often))
        store.events.add(Event(f"{first}-{n}-other", "ann", other, first + n) for n in range(150))
    store.events.add([Event("outside", "ann", kind, START - 7 * DAY - 1)])
    found = assessed(store, settings)
    assert (f"holds no {kind}, and there were 100" in found.stale) is is_stale
    assert is_stale or not found.stale


def test_rows_refused_in_the_window_are_counted_by_reason(store: Store, settings: Settings) -> None:
    times = {"a": START - 1, "b": START, "c": END - 1, "d": END}
    store.refused.add(
        Refusal(refusal_id=name, source="s", file="f", line=1, reason="bad_time", raw="", refused_at=at)
        for name, at in times.items()
    )
    assert assessed(store, settings).refused == {"bad_time": 2}


def test_an_empty_window_is_no_error(store: Store, settings: Settings) -> None:
    found = assessed(store, settings)
    assert (found.events, found.missing, found.price_outliers, found.busiest_user_share) == (0, {}, 0.0, 0.0)


def test_prices_far_from_the_rest_are_outliers() -> None:
    usual = Counter({70: 50, 71: 100, 72: 50})
    assert price_outliers(usual) == 0.0
    assert price_outliers(usual + Counter({140: 2})) == pytest.approx(2 / 202)
    assert price_outliers(Counter()) == 0.0


@pytest.mark.parametrize(
    ("numbers", "stale"),
    [
        ({}, ""),
        ({"behind_hours": 12.0}, ""),
        ({"behind_hours": 12.1}, "No event has arrived for 12.1 hours"),
        ({"silence": Silence(END - 12 * HOUR, END)}, ""),
        ({"silence": Silence(END - 13 * HOUR, END)}, "silent for 13 hours"),
        ({"events": 20}, ""),
        ({"events": 19}, "a part of the feed is missing"),
        ({"events": 0, "before": 99}, ""),
    ],
)
def test_stale_is_what_lies_beyond_a_limit(
    settings: Settings, numbers: dict[str, object], stale: str
) -> None:
    usual: dict[str, object] = {"events": 100, "before": 100, "behind_hours": 0.0, "silence": NO_SILENCE}
    found = staleness(**(usual | numbers), settings=settings)  # type: ignore[arg-type]
    assert stale in found
    assert bool(stale) is bool(found)


def feed(store: Store, *, since: int, until: int, but: tuple[int, int] = (0, 0)) -> None:
    times = [time for time in range(since, until, HOUR // 2) if not but[0] <= time < but[1]]
    store.events.add(Event(str(time), "ann", "view", time) for time in times)


def test_the_longest_silence_of_the_week_is_found(store: Store) -> None:
    gap = (END - 60 * HOUR, END - 30 * HOUR)
    feed(store, since=END - 20 * DAY, until=END, but=gap)
    assert longest_silence(store, end=END) == gap
    assert longest_silence(store, end=END).hours == 30


def test_a_silence_that_goes_on_is_one(store: Store) -> None:
    feed(store, since=END - 20 * DAY, until=END - 5 * HOUR)
    assert longest_silence(store, end=END) == (END - 5 * HOUR, END)


def test_a_silence_older_than_a_week_is_forgotten(store: Store) -> None:
    feed(store, since=END - 20 * DAY, until=END, but=(END - 10 * DAY, END - 8 * DAY))
    assert longest_silence(store, end=END).hours == 0


def test_before_the_logs_first_event_there_is_no_silence(store: Store) -> None:
    feed(store, since=END - 2 * DAY, until=END)
    assert longest_silence(store, end=END).hours == 0


def test_an_empty_log_is_no_silence(store: Store) -> None:
    assert longest_silence(store, end=END).hours == 0
