"""Ten monitors at the same moment, each with a reason of its own: one training, which has all of the reasons."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jobs.monitor.drift import report
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.lifecycle import trainings
from propensity.settings import read_settings
from propensity.store import MonitorWindow, Store, open_store
from tests.jobs.monitored_shop import MONDAY, MonitoredShop

MONITORS = 10
NOW = MONDAY + 3 * DAY + HOUR
DEAF: dict[str, Any] = {"volume_growth": 1e6, "drift_min_effect": 1.0, "performance_drop_share": 0.99}
"""Limits at which nothing is a reason."""
ONLY: dict[str, dict[str, Any]] = {
    "volume": DEAF | {"volume_growth": 0.1},
    "performance": DEAF | {"performance_floor": 1.0},
    "drift": DEAF | {"drift_min_effect": 0.04, "drift_persistence": 1},
}


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently takes seconds; test_monitor_report draws one."""
    monkeypatch.setattr(report, "_html", lambda *_: b"<html></html>")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def shop(store: Store, tmp_path: Path) -> MonitoredShop:
    """A shop that has grown, whose users drift and do not buy as foretold."""
    settings = read_settings(home=tmp_path, workers=1, bootstrap_rounds=50, min_positives=20)
    shop = MonitoredShop(store, settings)
    shop.make_champion(events=1_000)
    shop.events(MONDAY - 8 * DAY, MONDAY)
    shop.live(0, 3, shift=1.0)
    store.events.add(
        Event(f"b{day}{user}", user, "purchase", MONDAY + day * DAY + 7 * HOUR)
        for day in range(3)
        for user in shop.users[:60]
    )
    return shop


class Together:
    """The store's windows; who has looked for the first one waits until all have."""

    def __init__(self, store: Store, barrier: threading.Barrier) -> None:
        self._real = store.windows
        self._barrier: threading.Barrier | None = barrier
        self.add = store.windows.add

    def get(self, version: str, end: int) -> MonitorWindow | None:
        found = self._real.get(version, end)
        barrier, self._barrier = self._barrier, None
        if barrier:
            barrier.wait(timeout=120)
        return found


def test_ten_monitors_with_different_triggers_at_the_same_moment_make_one_job(
    shop: MonitoredShop, tmp_path: Path
) -> None:
    barrier = threading.Barrier(MONITORS)

    def watch(kind: str) -> str:
        with open_store(f"sqlite:///{tmp_path / 'store.db'}") as own:
            own.windows = Together(own, barrier)  # type: ignore[assignment]
            one = MonitoredShop(own, shop.settings.model_copy(update=ONLY[kind]))
            one.jobs = shop.jobs
            return one.monitor(now=NOW).decision

    with ThreadPoolExecutor(MONITORS) as pool:
        told = list(pool.map(watch, [list(ONLY)[number % 3] for number in range(MONITORS)]))
    assert len(set(told)) == 1, "the window has one record"
    assert len(shop.jobs.made) == 1
    (training,) = shop.store.ledger.latest(50, "training")
    assert training.state == "started"
    assert trainings.kinds_of(training) == set(ONLY)
    decisions = {entry.key: entry.state for entry in shop.store.ledger.latest(50, "decision")}
    assert sorted(decisions.values()) == ["asked before", "asked before", "retrain"]
    assert len(shop.store.windows.latest(50)) == 3
