"""Whole runs of the monitor with drift just at its limits for false discoveries and for how long it lasts, and just not."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from jobs.monitor.drift import report, verdict
from jobs.monitor.drift.origin import reference_of
from jobs.monitor.drift.sample import COLUMNS
from jobs.monitor.drift.window import window_sample
from propensity.events.event import DAY, HOUR
from propensity.settings import Settings, read_settings
from propensity.store import Store, open_store
from tests.jobs.monitored_shop import MONDAY, MonitoredShop, no_registry

DAYS = 3
CART = COLUMNS.index("cart_count")


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently takes seconds; test_monitor_report draws one."""
    monkeypatch.setattr(report, "_html", lambda *_: b"<html></html>")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(
        home=tmp_path, bootstrap_rounds=50, min_positives=20, performance_drop_share=0.99, volume_growth=1e6
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def lived(store: Store, settings: Settings, shifts: tuple[float, ...]) -> MonitoredShop:
    """A shop after as many days, each with users as far from those of the training."""
    shop = MonitoredShop(store, settings)
    shop.make_champion()
    shop.events(MONDAY - 8 * DAY, MONDAY)
    for day, shift in enumerate(shifts):
        shop.live(day, 1, shift=shift)
    return shop


def least_rate(store: Store, settings: Settings, day: int) -> float:
    """The false-discovery rate from which on a day's drift of cart_count is found, by Benjamini and Hochberg's rule."""
    champion = store.champion()
    assert champion is not None
    start = MONDAY + day * DAY
    window = window_sample(
        store,
        version=champion.version,
        digest=champion.digest,
        start=start,
        end=start + DAY,
        max_users=10_000,
    )
    reference = reference_of(champion, store=store, registry=no_registry, max_users=settings.drift_max_users)
    assert reference is not None
    matches = reference.matches(np.unique(window.cutoffs))
    effects, variances = verdict._compare(window, reference, matches=matches)
    p_values = verdict._p_values(effects, variances, degrees=len(reference.cutoffs) - 1)
    ordered = np.sort(p_values.ravel())
    rank = int(np.searchsorted(ordered, p_values[0, CART]))
    needed = ordered[rank:] * len(ordered) / np.arange(rank + 1, len(ordered) + 1)
    return float(needed.min())


@pytest.mark.parametrize(("factor", "decision"), [(1 + 1e-6, "retrain"), (1 - 1e-6, "not needed")])
def test_a_drift_just_significant_enough_starts_a_training_and_just_not_does_not(
    store: Store, settings: Settings, factor: float, decision: str
) -> None:
    shop = lived(store, settings, (1.0,) * DAYS)
    *before, newest = [least_rate(store, settings, day) for day in range(DAYS)]
    lasting = max(newest, min(before))  # now, and in one of the two windows before
    assert 0 < lasting < settings.drift_false_discovery
    shop.settings = settings.model_copy(update={"drift_false_discovery": factor * lasting})
    window = shop.monitor(now=MONDAY + DAYS * DAY + HOUR)
    assert (window.decision, window.drift.judged) == (decision, True)
    assert shop.jobs.made == ({1: ["drift"]} if decision == "retrain" else {})


@pytest.mark.parametrize(
    ("shifts", "persistence", "decision"),
    [
        ((0.0, 1.0, 1.0), 2, "retrain"),
        ((1.0, 0.0, 1.0), 2, "retrain"),
        ((0.0, 0.0, 1.0), 2, "not needed"),
        ((1.0, 1.0, 0.0), 2, "not needed"),
        ((1.0, 1.0, 1.0), 3, "retrain"),
        ((0.0, 1.0, 1.0), 3, "not needed"),
    ],
)
def test_a_drift_that_lasts_just_long_enough_starts_a_training_and_one_window_less_does_not(
    store: Store, settings: Settings, shifts: tuple[float, ...], persistence: int, decision: str
) -> None:
    shop = lived(store, settings.model_copy(update={"drift_persistence": persistence}), shifts)
    window = shop.monitor(now=MONDAY + DAYS * DAY + HOUR)
    assert (window.decision, window.drift.judged) == (decision, True)
    assert shop.jobs.made == ({1: ["drift"]} if decision == "retrain" else {})
