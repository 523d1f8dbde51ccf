"""Whole runs of the monitor just at a trigger's limit and just below it, and a gate that always refuses."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from jobs.monitor.drift import report
from jobs.monitor.drift.origin import key_of
from jobs.monitor.performance import expected_f1
from propensity.bundle import Bundle, Estimate, Recorded
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.lifecycle.trainings import under_way
from propensity.settings import Settings, read_settings
from propensity.store import Champion, MonitorWindow, Store, open_store
from tests.jobs.monitored_shop import MONDAY, MonitoredShop, document

DAYS = 3
NOW = MONDAY + DAYS * DAY + HOUR
EPSILON = 1e-9
Make = Callable[[Store, Settings], MonitoredShop]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently takes seconds; test_monitor_report draws one."""
    monkeypatch.setattr(report, "_html", lambda *_: b"<html></html>")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """The defaults, but for how many buyers are judged and how often is resampled."""
    return read_settings(home=tmp_path, bootstrap_rounds=50, min_positives=20)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def quiet(store: Store, settings: Settings) -> MonitoredShop:
    """Three quiet days after a training, some of whose users bought; each one that is made is the same."""
    shop = MonitoredShop(store, settings)
    shop.events(MONDAY - 8 * DAY, MONDAY)
    shop.live(0, DAYS)
    buyers = [user for user, rate in zip(shop.users, shop.rates, strict=True) if rate > 4.0]
    store.events.add(
        Event(f"b{day}{user}", user, "purchase", MONDAY + day * DAY + 7 * HOUR)
        for day in range(DAYS)
        for user in buyers
    )
    shop.make_champion(events=events_of(shop))
    return shop


def drifting(store: Store, settings: Settings) -> MonitoredShop:
    """Three days of other users than those of the training."""
    shop = MonitoredShop(store, settings)
    shop.events(MONDAY - 8 * DAY, MONDAY)
    shop.live(0, DAYS, shift=1.0)
    shop.make_champion(events=events_of(shop))
    return shop


@pytest.fixture
def shop(store: Store, settings: Settings) -> MonitoredShop:
    return quiet(store, settings)


def events_of(shop: MonitoredShop) -> int:
    return shop.store.events.count_before(MONDAY + DAYS * DAY)


def watch(shop: MonitoredShop, **changed: object) -> MonitorWindow:
    """Run the monitor once, with some limits set."""
    shop.settings = shop.settings.model_copy(update=changed)
    return shop.monitor(now=NOW)


def measured(make: Make, settings: Settings, **changed: object) -> list[MonitorWindow]:
    """What the monitor finds in a shop that is made like the test's own; the newest window first."""
    with open_store(f"sqlite:///{settings.home / 'peek.db'}") as store:
        watch(make(store, settings), **changed)
        return store.windows.latest(DAYS)


def measured_f1(settings: Settings) -> tuple[float, float]:
    """The upper end of F1's interval, and the share of buyers."""
    found = measured(quiet, settings)[0].performance
    assert found is not None
    assert found.judged, found.reason
    return found.metrics["f1"].high, found.positives / found.rows


def promise(shop: MonitoredShop, *, f1: float, prevalence: float) -> None:
    """Make a champion whose test days promise this F1 at a share of buyers."""
    recall, usual = 0.9, 0.1
    others = (2 * recall * prevalence / f1 - recall * prevalence - prevalence) / (1 - prevalence)
    share = recall * usual + others * (1 - usual)
    card = msgspec.structs.replace(
        document(recall=recall, events=events_of(shop)), contact_share=Estimate(share, share, share)
    )
    assert expected_f1(card, prevalence=prevalence) == pytest.approx(f1, abs=1e-12)
    bundle = Bundle.make(onnx=b"", document=card, recorded=Recorded(inputs=[], probabilities=[]))
    before = shop.store.champion()
    assert before is not None
    reference = shop.store.bundles.get(key_of(before.digest))
    assert reference is not None
    shop.store.bundles.put(bundle.digest, bundle.files)
    shop.store.bundles.put(key_of(bundle.digest), reference)
    shop.store.set_champion(
        Champion(version="1", digest=bundle.digest, verdict="promoted", promoted_at=MONDAY)
    )


def assert_asked(shop: MonitoredShop, window: MonitorWindow, kind: str, *, fires: bool) -> None:
    assert window.decision == ("retrain" if fires else "not needed"), window.reason
    assert shop.jobs.made == ({1: [kind]} if fires else {})


def test_a_shop_that_is_as_it_was_needs_nothing(shop: MonitoredShop) -> None:
    window = watch(shop)
    assert (window.decision, window.drift.judged) == ("not needed", True)
    assert window.performance is not None
    assert window.performance.judged
    assert window.volume is not None
    assert window.volume.growth == 0


@pytest.mark.parametrize(("lacking", "fires"), [(0, True), (1, False)])
def test_ten_percent_more_events_start_a_training_and_one_event_less_does_not(
    shop: MonitoredShop, lacking: int, *, fires: bool
) -> None:
    whole = -(-(events_of(shop) + 1) // 11) * 11
    shop.make_champion(events=whole * 10 // 11)
    more = whole - events_of(shop) - lacking
    shop.store.events.add(
        Event(f"x{number}", "u00000", "view", MONDAY + HOUR + number) for number in range(more)
    )
    assert events_of(shop) == whole - lacking
    assert_asked(shop, watch(shop), "volume", fires=fires)


@pytest.mark.parametrize(("off", "fires"), [(EPSILON, True), (-EPSILON, False)])
def test_f1_five_percent_below_its_promise_starts_a_training_and_just_not_does_not(
    shop: MonitoredShop, settings: Settings, off: float, *, fires: bool
) -> None:
    high, prevalence = measured_f1(settings)
    promise(shop, f1=(high + off) / 0.95, prevalence=prevalence)
    assert_asked(shop, watch(shop), "performance", fires=fires)


@pytest.mark.parametrize(("off", "fires"), [(EPSILON, True), (-EPSILON, False)])
def test_f1_under_a_set_floor_starts_a_training_and_just_not_does_not(
    shop: MonitoredShop, settings: Settings, off: float, *, fires: bool
) -> None:
    high, _ = measured_f1(settings)
    window = watch(shop, performance_drop_share=0.99, performance_floor=high + off)
    assert_asked(shop, window, "performance", fires=fires)


@pytest.mark.parametrize(("factor", "fires"), [(1 - 1e-6, True), (1 + 1e-6, False)])
def test_a_drift_of_just_the_size_that_matters_starts_a_training_and_just_not_does_not(
    store: Store, settings: Settings, factor: float, *, fires: bool
) -> None:
    at_ease = {"performance_drop_share": 0.99}
    newest, *before = [
        max(abs(one.shift) for one in window.drift.features if one.name == "cart_count")
        for window in measured(drifting, settings, **at_ease)
    ]
    lasting = min(newest, max(before))  # now and in one of the two windows before
    shop = drifting(store, settings)
    window = watch(shop, drift_min_effect=factor * lasting, **at_ease)
    assert_asked(shop, window, "drift", fires=fires)


def test_a_gate_that_always_refuses_sees_at_most_six_trainings_in_thirty_windows_of_drift(
    store: Store, settings: Settings
) -> None:
    shop = MonitoredShop(
        store, settings.model_copy(update={"performance_drop_share": 0.99, "volume_growth": 9})
    )
    shop.events(MONDAY - 8 * DAY, MONDAY, per_hour=1)
    shop.make_champion(events=100_000)
    decisions = Counter[str]()
    for day in range(30):
        shop.events(MONDAY + day * DAY, MONDAY + (day + 1) * DAY, per_hour=1)
        shop.score(MONDAY + (day + 1) * DAY, shift=1.5)
        decisions[shop.monitor(now=MONDAY + (day + 1) * DAY + HOUR).decision] += 1
        for entry in under_way(store.ledger.latest(9, "training")):
            store.ledger.move(
                entry.sequence, from_state=entry.state, to_state="done", at=MONDAY + (day + 1) * DAY + 2 * HOUR,
                evidence={"verdict": "refused"},
            )  # fmt: skip
    assert decisions == {
        "not needed": 1,
        "retrain": len(shop.jobs.made),
        "cooldown": 29 - len(shop.jobs.made),
    }
    assert 4 <= len(shop.jobs.made) <= 6
