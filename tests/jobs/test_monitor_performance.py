"""Live performance: what is promised at a window's share of buyers, who is counted, and when it is a reason to retrain."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pytest

from jobs.monitor.performance import expected_f1, measure, performance_trigger
from jobs.monitor.quality import Silence
from jobs.monitor.volume import count_volume, trained_events, volume_trigger
from propensity.bundle import Estimate
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.settings import Settings, read_settings
from propensity.store import LedgerEntry, Outcome, Store, open_store
from propensity.store.findings import Performance, Volume
from tests.jobs.monitored_shop import MONDAY, document

USERS = 300
NO_SILENCE = Silence(0, 0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(home=tmp_path, bootstrap_rounds=100, min_positives=20)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def fill(store: Store, *, cutoff: int = MONDAY, version: str = "1", recall: float = 0.9) -> None:
    """One cutoff's outcomes: a tenth of the users buy, and the model says yes to a share of them and a third of all others."""
    chance = np.random.default_rng(4)
    rows = []
    for number in range(USERS):
        label = int(number % 10 == 0)
        yes = int(chance.random() < (recall if label else 1 / 3))
        rows.append(
            Outcome(
                user_id=f"u{number}", cutoff=cutoff, label=label, probability=0.3 * yes + 0.2, prediction=yes,
                model_version=version, joined_at=0,
            )
        )  # fmt: skip
    store.outcomes.add(rows)


def measured(store: Store, settings: Settings, **other: object) -> Performance:
    given = {
        "version": "1",
        "document": document(),
        "since": MONDAY - 1,
        "until": MONDAY + 7 * DAY,
        "silence": NO_SILENCE,
    }
    return measure(store, settings=settings, **(given | other))  # type: ignore[arg-type]


def test_the_promise_at_the_test_days_share_of_buyers_is_their_f1() -> None:
    card = document(recall=0.8, contact_share=0.4)
    precision = 0.8 * 0.1 / 0.4
    usual = 2 * precision * 0.8 / (precision + 0.8)
    assert expected_f1(card, prevalence=0.1) == pytest.approx(usual)
    assert (expected_f1(card, prevalence=0.05) or 1) < usual < (expected_f1(card, prevalence=0.2) or 0)


def test_the_promise_is_what_counting_gives_at_another_share() -> None:
    card = document(recall=0.8, contact_share=0.08 + 0.9 * 0.25)  # a quarter of the others
    hits, said = 0.8 * 300, 0.8 * 300 + 0.25 * 700
    assert expected_f1(card, prevalence=0.3) == pytest.approx(2 * hits / (said + 300))


def test_a_card_without_test_days_promises_nothing() -> None:
    assert expected_f1(msgspec.structs.replace(document(), periods={}), prevalence=0.1) is None


def test_live_metrics_are_those_of_the_outcomes(store: Store, settings: Settings) -> None:
    for day in range(3):
        fill(store, cutoff=MONDAY + day * DAY)
    found = measured(store, settings)
    assert (found.judged, found.rows, found.users, found.positives) == (True, 900, 300, 90)
    assert (found.first_cutoff, found.last_cutoff) == (MONDAY, MONDAY + 2 * DAY)
    recall = found.metrics["recall"]
    assert recall.low < recall.value < recall.high
    assert found.f1_limit == pytest.approx(0.95 * (found.expected_f1 or 0))
    assert {"f1", "precision", "average_precision", "brier", "roc_auc", "accuracy"} <= found.metrics.keys()


def test_users_who_were_contacted_are_not_counted(store: Store, settings: Settings) -> None:
    fill(store)
    treated = {f"u{number}" for number in range(60)}
    assert (measured(store, settings).rows, measured(store, settings, treated=treated).rows) == (300, 240)


def test_other_versions_and_other_times_are_not_counted(store: Store, settings: Settings) -> None:
    fill(store)
    fill(store, cutoff=MONDAY + HOUR, version="2")
    fill(store, cutoff=MONDAY - 1)
    fill(store, cutoff=MONDAY + 7 * DAY + 1)
    fill(store, cutoff=MONDAY + 7 * DAY)
    assert measured(store, settings).rows == 600


@pytest.mark.parametrize(("hours", "rows"), [(12, 600), (13, 300)])
def test_days_in_which_the_feed_was_silent_are_not_counted(
    store: Store, settings: Settings, hours: int, rows: int
) -> None:
    fill(store)
    fill(store, cutoff=MONDAY + 2 * DAY)
    silence = Silence(MONDAY + DAY - HOUR, MONDAY + DAY + (hours - 1) * HOUR)
    assert measured(store, settings, silence=silence).rows == rows


def test_too_few_buyers_are_not_judged(store: Store, settings: Settings) -> None:
    fill(store)
    few = settings.model_copy(update={"min_positives": 31})
    found = measured(store, few)
    assert (found.judged, found.positives) == (False, 30)
    assert "31 are needed" in found.reason
    assert measured(store, settings.model_copy(update={"min_positives": 30})).judged


def performance(*, high: float, limit: float | None = 0.5) -> Performance:
    numbers = {"f1": Estimate(high - 0.02, high - 0.04, high), "average_precision": Estimate(0.1, 0.1, 0.1)}
    return Performance(judged=True, reason="", metrics=numbers, f1_limit=limit, positives=99)


@pytest.mark.parametrize(("high", "fires"), [(0.499, True), (0.5, False)])
def test_performance_fires_where_the_whole_interval_lies_below_the_limit(
    settings: Settings, high: float, *, fires: bool
) -> None:
    trigger = performance_trigger(performance(high=high), window_end=5, settings=settings)
    assert bool(trigger) is fires
    assert trigger is None or (trigger.kind, trigger.window_end) == ("performance", 5)


@pytest.mark.parametrize(("high", "fires"), [(0.859, True), (0.86, False)])
@pytest.mark.parametrize("limit", [0.5, None])
def test_a_floor_fires_by_itself(
    settings: Settings, limit: float | None, high: float, *, fires: bool
) -> None:
    floored = settings.model_copy(update={"performance_floor": 0.86})
    trigger = performance_trigger(performance(high=high, limit=limit), window_end=5, settings=floored)
    assert bool(trigger) is fires
    assert trigger is None or "floor of 0.86" in trigger.reason
    assert performance_trigger(performance(high=high, limit=limit), window_end=5, settings=settings) is None


def test_what_was_not_judged_fires_nothing(settings: Settings) -> None:
    found = Performance(judged=False, reason="few")
    assert performance_trigger(found, window_end=5, settings=settings) is None


def test_a_model_that_lost_its_recall_fires(store: Store, settings: Settings) -> None:
    for day in range(7):
        fill(store, cutoff=MONDAY + day * DAY, recall=0.3)
    found = measured(store, settings)
    trigger = performance_trigger(found, window_end=5, settings=settings)
    assert trigger is not None
    assert trigger.evidence["positives"] == 210


@pytest.mark.parametrize(("events", "fires"), [(1_099, False), (1_100, True)])
def test_volume_fires_from_ten_percent_on(settings: Settings, events: int, *, fires: bool) -> None:
    found = Volume(events=events, trained_events=1_000, growth=(events - 1_000) / 1_000)
    trigger = volume_trigger(found, window_end=5, settings=settings)
    assert bool(trigger) is fires
    assert trigger is None or "1,100 events are +10% since the last training on 1,000" in trigger.reason


def training(sequence: int, state: str, **evidence: object) -> LedgerEntry:
    return LedgerEntry(
        sequence=sequence, kind="training", state=state, at=0, updated_at=0, reason="", evidence=evidence
    )


def test_volume_counts_from_the_last_finished_training_whatever_its_verdict(store: Store) -> None:
    trainings = [
        training(3, "failed", events=9),
        training(2, "done", events=8, verdict="refused"),
        training(1, "done", events=7),
    ]
    assert trained_events(trainings, champion=document()) == 8
    assert trained_events(trainings[:1], champion=document(events=5)) == 5
    assert trained_events([training(1, "done")], champion=document(events=5)) == 5
    store.events.add(Event(str(time), "ann", "view", time) for time in range(10))
    assert count_volume(store, document=document(events=5), end=8) == Volume(
        events=8, trained_events=5, growth=0.6
    )
