"""Runs of the monitor as a schedule makes them: quiet, drifting, late, twice, ten at once, and after a failure."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.monitor.drift import report
from propensity.errors import NoChampion, RegistryUnavailable, StoreUnavailable
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.settings import Settings, read_settings
from propensity.store import Contact, LedgerEntry, Store, open_store
from tests.jobs.monitored_shop import MONDAY, MonitoredShop

HOUR_AFTER = HOUR


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(home=tmp_path, workers=1, bootstrap_rounds=50, min_positives=20, volume_growth=1e6)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently takes seconds; test_monitor_report draws one."""
    monkeypatch.setattr(report, "_html", lambda *_: b"<html></html>")


@pytest.fixture
def shop(store: Store, settings: Settings) -> MonitoredShop:
    """A shop with a champion and a week of events before it."""
    shop = MonitoredShop(store, settings)
    shop.make_champion()
    shop.events(MONDAY - 8 * DAY, MONDAY)
    return shop


def decisions(store: Store) -> list[LedgerEntry]:
    return store.ledger.latest(50, "decision")[::-1]


def test_without_a_champion_there_is_nothing_to_watch(store: Store, settings: Settings) -> None:
    with pytest.raises(NoChampion):
        MonitoredShop(store, settings).monitor(now=MONDAY)


def test_quiet_windows_start_nothing_and_the_ledger_says_why(shop: MonitoredShop) -> None:
    for day in range(3):
        shop.live(day, 1)
        window = shop.monitor(now=MONDAY + (day + 1) * DAY + HOUR_AFTER)
        assert (window.end, window.decision) == (MONDAY + (day + 1) * DAY, "not needed")
        assert window.drift.judged
        assert window.quality.events == 144
    assert shop.jobs.made == {}
    assert [entry.state for entry in decisions(shop.store)] == ["not needed"] * 3
    assert "none for long enough" in decisions(shop.store)[-1].reason


def test_users_whom_a_campaign_touched_say_nothing_of_the_model(shop: MonitoredShop) -> None:
    arms = ["treated"] * 40 + ["control"] * 40
    shop.store.contacts.add(
        Contact(list_id="a", user_id=user, arm=arm, probability=0.5, listed_at=MONDAY)
        for user, arm in zip(shop.users, arms, strict=False)
    )
    shop.live(0, 3)
    performance = shop.monitor(now=MONDAY + 3 * DAY + HOUR_AFTER).performance
    assert performance is not None
    cutoffs = shop.store.outcomes.cutoffs(since=MONDAY, until=MONDAY + 3 * DAY)
    assert performance.rows == sum(cutoffs.values()) - 40 * len(cutoffs) > 0


def test_a_drift_that_stays_starts_one_training(shop: MonitoredShop) -> None:
    shop.live(0, 1)
    shop.monitor(now=MONDAY + DAY + HOUR_AFTER)
    for day in (1, 2, 3):
        shop.live(day, 1, shift=1.0)
        shop.monitor(now=MONDAY + (day + 1) * DAY + HOUR_AFTER)
    assert shop.jobs.made == {1: ["drift"]}
    states = [entry.state for entry in decisions(shop.store)]
    assert states == ["not needed", "not needed", "retrain", "cooldown"]
    retrain = decisions(shop.store)[2]
    assert "cart_count (+0." in retrain.reason
    window = shop.store.windows.get("1", MONDAY + 3 * DAY)
    assert window is not None
    assert (window.sequence, window.drift.persistent) == (retrain.sequence, ["cart_count"])


def test_a_drift_of_one_window_starts_nothing(shop: MonitoredShop) -> None:
    for day, shift in enumerate((0.0, 1.0, 0.0, 0.0)):
        shop.live(day, 1, shift=shift)
        window = shop.monitor(now=MONDAY + (day + 1) * DAY + HOUR_AFTER)
        assert any(one.drift for one in window.drift.features) == bool(shift)
    assert shop.jobs.made == {}


def test_a_window_is_watched_once(shop: MonitoredShop) -> None:
    shop.live(0, 1)
    first = shop.monitor(now=MONDAY + DAY + HOUR_AFTER)
    shop.live(1, 0)
    shop.score(MONDAY + DAY, shift=5.0)
    assert shop.monitor(now=MONDAY + DAY + 7 * HOUR) == first
    assert len(shop.store.ledger.latest(50)) == 1
    assert len(shop.store.windows.latest(50)) == 1


def test_a_window_that_is_not_over_is_not_counted(shop: MonitoredShop) -> None:
    shop.live(0, 1)
    shop.events(MONDAY + DAY, MONDAY + 2 * DAY - HOUR)
    window = shop.monitor(now=MONDAY + 2 * DAY + HOUR)
    assert window.end == MONDAY + DAY


def test_windows_that_were_missed_are_looked_at_by_the_next_run(shop: MonitoredShop) -> None:
    shop.live(0, 3, shift=1.0)
    window = shop.monitor(now=MONDAY + 3 * DAY + HOUR_AFTER)
    assert [one.end for one in shop.store.windows.latest(9)] == [MONDAY + n * DAY for n in (3, 2, 1)]
    assert window.decision == "retrain"
    missed = shop.store.windows.get("1", MONDAY + DAY)
    assert missed is not None
    assert (missed.decision, missed.drift.judged, missed.performance) == ("", True, None)


def test_a_feed_that_stopped_for_two_days_is_stale_data_and_no_reason_to_retrain(shop: MonitoredShop) -> None:
    shop.live(0, 1)
    shop.monitor(now=MONDAY + DAY + HOUR_AFTER)
    for day in (1, 2):  # scores go on, of users who seem to do nothing
        for hour in (6, 12, 18, 24):
            shop.score(MONDAY + day * DAY + hour * HOUR, shift=3.0)
        window = shop.monitor(now=MONDAY + (day + 1) * DAY + HOUR_AFTER)
        assert window.decision == "stale data"
        assert not window.drift.judged
    for day in (3, 4, 5):  # it is back, and the features are not yet
        shop.live(day, 1, shift=3.0)
        window = shop.monitor(now=MONDAY + (day + 1) * DAY + HOUR_AFTER)
        assert window.decision == "stale data"
    assert "silent for 47 hours" in window.reason
    assert shop.jobs.made == {}


def test_a_feed_that_is_a_little_late_is_waited_for(shop: MonitoredShop) -> None:
    shop.live(0, 1)
    first = shop.monitor(now=MONDAY + DAY + HOUR)
    shop.events(MONDAY + DAY, MONDAY + 2 * DAY - 2 * HOUR)
    assert shop.monitor(now=MONDAY + 2 * DAY + 6 * HOUR) == first


def test_volume_alone_starts_a_training(store: Store, tmp_path: Path) -> None:
    settings = read_settings(home=tmp_path, volume_growth=0.1)
    shop = MonitoredShop(store, settings)
    shop.make_champion(events=1_296 * 10 // 11)
    shop.events(MONDAY - 8 * DAY, MONDAY)
    shop.live(0, 1)
    window = shop.monitor(now=MONDAY + DAY + HOUR_AFTER)
    assert window.decision == "retrain"
    assert shop.jobs.made == {1: ["volume"]}


def test_answers_that_do_not_come_true_start_a_training(shop: MonitoredShop) -> None:
    shop.live(0, 3)
    shop.store.events.add(
        Event(f"b{day}{user}", user, "purchase", MONDAY + day * DAY + 7 * HOUR)
        for day in range(3)
        for user, rate in zip(shop.users[:60], shop.rates, strict=False)
        if rate < 3.0  # those who were told apart as buying less
    )
    window = shop.monitor(now=MONDAY + 3 * DAY + HOUR_AFTER)
    assert window.performance is not None
    assert window.performance.judged
    assert window.performance.metrics["f1"].high < (window.performance.f1_limit or 0)
    assert shop.jobs.made == {1: ["performance"]}


def test_ten_monitors_at_once_ask_for_one_training(shop: MonitoredShop, tmp_path: Path) -> None:
    shop.live(0, 3, shift=1.0)
    gate = threading.Barrier(10)
    seen: list[str] = []

    def run() -> None:
        with open_store(f"sqlite:///{tmp_path / 'store.db'}") as own:
            gate.wait(timeout=20)
            seen.append(shop.monitor(now=MONDAY + 3 * DAY + HOUR_AFTER, store=own).decision)

    threads = [threading.Thread(target=run) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert seen == ["retrain"] * 10
    assert shop.jobs.made == {1: ["drift"]}
    assert len(shop.store.ledger.latest(50, "training")) == 1
    assert len(shop.store.windows.latest(50)) == 3


def test_a_store_that_goes_away_leaves_nothing_half_done(shop: MonitoredShop, tmp_path: Path) -> None:
    shop.live(0, 3, shift=1.0)
    now = MONDAY + 3 * DAY + HOUR_AFTER

    class Away:
        """The store's windows while it is away for writes."""

        def __init__(self, store: Store) -> None:
            self._windows = store.windows
            self.get = store.windows.get

        def add(self, _: object) -> bool:
            raise StoreUnavailable("The store does not answer. Try again later.")

    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as broken:
        broken.windows = Away(broken)  # type: ignore[assignment]
        with pytest.raises(StoreUnavailable):
            shop.monitor(now=now, store=broken)
    assert shop.store.windows.latest(9) == []
    assert shop.monitor(now=now).decision == "retrain"
    assert shop.jobs.made == {1: ["drift"]}


def test_a_registry_that_is_away_is_needed_only_for_the_first_copy_of_the_reference(
    shop: MonitoredShop,
) -> None:
    shop.live(0, 1)
    assert shop.monitor(
        now=MONDAY + DAY + HOUR_AFTER
    ).drift.judged  # by the copy; no_registry() was not asked
    shop.make_champion(version="2", with_reference=False)
    with pytest.raises(RegistryUnavailable):
        shop.monitor(now=MONDAY + DAY + HOUR_AFTER)
    assert [one.version for one in shop.store.windows.latest(9)] == ["1"]
    assert len(decisions(shop.store)) == 1


def test_reports_are_kept_for_as_long_as_is_set(shop: MonitoredShop) -> None:
    shop.store.reports.put("old", b"", at=MONDAY - 29 * DAY - 1)
    shop.store.reports.put("young", b"", at=MONDAY - 29 * DAY)
    shop.live(0, 1)
    window = shop.monitor(now=MONDAY + DAY + HOUR_AFTER)
    assert shop.store.reports.names(9) == [window.report, "young"]


def test_a_look_into_the_future_neither_stands_for_the_day_itself_nor_drops_its_reports(
    shop: MonitoredShop,
) -> None:
    shop.live(0, 1)
    present = MONDAY + DAY + HOUR_AFTER
    shop.monitor(now=present)
    kept = shop.store.reports.names(9)
    assert kept
    foreseen = shop.monitor(now=MONDAY + 60 * DAY, clock=lambda: present)
    assert foreseen.decision == "stale data"
    assert shop.store.windows.get("1", MONDAY + 60 * DAY) is None
    assert shop.store.reports.names(9) == kept


def test_a_look_at_times_long_past_is_kept(shop: MonitoredShop) -> None:
    shop.live(0, 1)
    window = shop.monitor(now=MONDAY + DAY + HOUR_AFTER, clock=lambda: MONDAY + 300 * DAY)
    assert shop.store.windows.get("1", MONDAY + DAY) == window
    assert shop.store.reports.names(9) == [window.report]
