"""Feeds that come once a day, come back after an outage or stop; and a score job that still writes when the monitor runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.monitor.drift import report
from propensity.events.event import DAY, HOUR
from propensity.settings import Settings, read_settings
from propensity.store import MonitorWindow, Store, open_store
from tests.jobs.monitored_shop import MONDAY, SCORED_EVERY, MonitoredShop

RUNS = [minutes * HOUR // 60 for minutes in (40, 6 * 60 + 40, 12 * 60 + 40, 18 * 60 + 40)]
"""When the chart's schedule runs the monitor."""
DAYS = 5


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently takes seconds; test_monitor_report draws one."""
    monkeypatch.setattr(report, "_html", lambda *_: b"<html></html>")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(home=tmp_path, workers=1, bootstrap_rounds=50, min_positives=20, volume_growth=1e6)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def shop(store: Store, settings: Settings) -> MonitoredShop:
    shop = MonitoredShop(store, settings)
    shop.make_champion()
    shop.events(MONDAY - 8 * DAY, MONDAY - 1, per_hour=2)
    return shop


def told(store: Store, end: int) -> list[str]:
    """What the ledger says of a window, oldest first."""
    entries = store.ledger.latest(200, "decision")[::-1]
    return [entry.state for entry in entries if entry.evidence["window_end"] == end]


def recorded(store: Store) -> list[MonitorWindow]:
    return store.windows.latest(50)[::-1]


@pytest.mark.parametrize("arrives", [1, 9, 17])
def test_each_window_of_a_log_that_comes_once_a_day_is_judged_once(shop: MonitoredShop, arrives: int) -> None:
    for day in range(1, DAYS + 1):
        looks = [*((at, True) for at in RUNS), (arrives * HOUR, False)]
        for at, is_monitor in sorted(looks):
            if is_monitor:
                shop.monitor(now=MONDAY + day * DAY + at)
            else:
                begin = MONDAY + (day - 1) * DAY
                shop.events(begin, begin + DAY - 1, per_hour=2)
                shop.score(begin + DAY - HOUR)
    windows = [one for one in recorded(shop.store) if one.decision]
    ends = [one.end for one in windows]
    assert ends == [MONDAY + day * DAY for day in range(-1, DAYS)]
    assert {one.quality.stale for one in windows} == {""}
    assert all(one.drift.judged for one in windows[2:])  # those with scores
    assert {one.decision for one in windows} == {"not needed"}
    for end in ends[1:]:
        assert told(shop.store, end)[-1] == "not needed"
        assert told(shop.store, end).count("not needed") == 1
        assert told(shop.store, end).count("stale data") <= 1


def test_a_window_whose_events_came_late_but_all_is_judged_after_all(shop: MonitoredShop) -> None:
    shop.live(0, 1)
    shop.monitor(now=MONDAY + DAY + HOUR)
    end = MONDAY + 2 * DAY
    for now in (end + 2 * HOUR // 3, end + 6 * HOUR):  # away since ten in the morning
        shop.events(MONDAY + DAY, MONDAY + DAY + 10 * HOUR)
        window = shop.monitor(now=now)
        assert (window.end, window.decision) == (end, "stale data")
        assert not window.drift.judged
    assert told(shop.store, end) == ["stale data"]
    assert shop.store.windows.get("1", end) is None
    shop.live(1, 1)
    shop.events(end, end + 12 * HOUR)
    window = shop.monitor(now=end + 12 * HOUR + HOUR // 2)
    assert (window.end, window.decision, window.quality.stale) == (end, "not needed", "")
    assert window.drift.judged
    assert told(shop.store, end) == ["stale data", "not needed"]
    assert shop.store.windows.get("1", end) == window


def test_of_a_feed_that_stopped_nothing_is_judged_also_not_what_came_before(shop: MonitoredShop) -> None:
    shop.live(0, 3, shift=3.0)  # a drift that nobody has looked at
    for hour in range(48, 120, 6):
        window = shop.monitor(now=MONDAY + 3 * DAY + hour * HOUR)
        assert window.decision == "stale data"
    assert recorded(shop.store) == []
    assert shop.jobs.made == {}


def test_a_window_is_judged_on_scores_that_are_all_written(shop: MonitoredShop) -> None:
    shop.live(0, 1)
    end = MONDAY + 2 * DAY
    shop.monitor(now=MONDAY + DAY + HOUR)
    shop.events(MONDAY + DAY, end + HOUR)
    for cutoff in range(MONDAY + DAY + SCORED_EVERY, end, SCORED_EVERY):
        shop.score(cutoff)
    shop.score(end, users=shop.users[:150], finish=False)
    window = shop.monitor(now=end + 2 * HOUR // 3)
    assert (window.end, window.decision) == (end, "")
    assert "not finished a cutoff" in window.reason
    assert told(shop.store, end) == []
    shop.score(end)
    judged = shop.monitor(now=end + 7 * HOUR)
    assert (judged.end, judged.decision, judged.drift.users) == (end, "not needed", 600)
    assert len(judged.drift.cutoffs) == 4


def test_a_cutoff_that_is_never_finished_is_waited_for_until_the_next_window_is_over(
    shop: MonitoredShop,
) -> None:
    shop.live(0, 1)
    shop.monitor(now=MONDAY + DAY + HOUR)
    for day in (1, 2):
        begin, end = MONDAY + day * DAY, MONDAY + (day + 1) * DAY
        shop.events(begin, end + HOUR)
        for cutoff in range(begin + SCORED_EVERY, end, SCORED_EVERY):
            shop.score(cutoff)
        shop.score(end, users=shop.users[:150], shift=5.0, finish=False)
        window = shop.monitor(now=end + HOUR)
    assert (window.end, window.decision) == (MONDAY + 2 * DAY, "not needed")
    assert len(window.drift.cutoffs) == 3
    assert shop.monitor(now=end + 2 * HOUR).end == MONDAY + 3 * DAY
    assert shop.store.windows.get("1", MONDAY + 3 * DAY) is None
