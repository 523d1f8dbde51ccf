"""A training that does not end well: what it leaves in the ledger, and what it does not stop."""

import shutil
from pathlib import Path

import pytest
from sklearn.dummy import DummyClassifier

from propensity.bundle import DOCUMENT, MODEL, RECORDED, Bundle
from propensity.errors import UnusableTrainingData
from propensity.lifecycle.promotion import promote
from propensity.registry import PRODUCTION, REJECTED, Registry, TrainingRecord
from propensity.settings import Settings
from propensity.store import Store, open_store
from training.challenger import Challenger
from training.train import Training
from training.verdict import Verdict

NOW = 1_770_000_000_000_000


def clock() -> int:
    return NOW


@pytest.fixture
def store(settings: Settings) -> Store:
    return open_store(settings.store_uri.get_secret_value())


def training(settings: Settings, store: Store, registry: Registry) -> Training:
    return Training(
        settings, store=store, registry=registry, clock=clock, git_commit="abc", say=lambda _: None
    )


def registered(registry: Registry, settings: Settings, content: bytes = b"m") -> str:
    folder = settings.home / "nothing"
    folder.mkdir(exist_ok=True)
    pipeline = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    bundle = Bundle({MODEL: content, DOCUMENT: b"{}", RECORDED: b"{}"})
    return registry.record(TrainingRecord({}, {}, {}, bundle, pipeline, folder)).number


def lose_artifacts(settings: Settings) -> None:
    for folder in (settings.home / "artifacts").rglob("bundle"):
        shutil.rmtree(Path(folder))


def test_a_training_without_data_is_left_as_failed_with_its_reason(
    settings: Settings, store: Store, registry: Registry
) -> None:
    with pytest.raises(UnusableTrainingData) as refused:
        training(settings, store, registry).run("asked for by hand")
    (entry,) = store.ledger.latest(5)
    assert (entry.kind, entry.state) == ("training", "failed")
    assert entry.evidence["error"] == str(refused.value)


def test_the_champion_at_the_gate_is_the_one_served_even_where_the_registry_lost_it(
    settings: Settings, store: Store, registry: Registry
) -> None:
    number = registered(registry, settings)
    promote(number, reason="first", store=store, registry=registry, clock=clock)
    lose_artifacts(settings)
    champion = training(settings, store, registry)._champion()
    assert champion is not None
    assert champion.digest == registry.version(number).digest


def test_a_model_that_was_rolled_back_is_not_promoted_under_another_version(
    settings: Settings, store: Store, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.tag(registered(registry, settings), {REJECTED: "it sees nonsense"})
    again = registry.version(registered(registry, settings))
    verdict = Verdict(
        word="promoted", reason="better", positives=200, rows=2_000, first_cutoff=None, last_cutoff=None,
        expected_recall=1.0,
    )  # fmt: skip
    said = training(settings, store, registry)._promote(again, verdict)
    assert (said.word, "it sees nonsense" in said.reason) == ("refused", True)
    assert registry.at(PRODUCTION) is None
    assert store.champion() is None
    assert "not promoted" in caplog.text


def test_a_training_whose_version_was_rolled_back_before_ends_as_refused(
    settings: Settings, store: Store, registry: Registry
) -> None:
    entry = store.ledger.claim(kind="training", state="running", at=NOW, reason="drift", key="training:1")
    assert entry is not None
    number = registered(registry, settings)
    registry.tag(number, {"training": f"1@{entry.at}", "verdict": "promoted", REJECTED: "it sees nonsense"})
    made = training(settings, store, registry)
    made._entry = entry
    verdict = made._judge(
        Challenger(registry.version(number), registry.bundle(registry.version(number)), None)
    )
    assert (verdict.word, verdict.promotes) == ("refused", False)


def test_the_champion_at_the_gate_is_the_records_wherever_the_alias_was_moved(
    settings: Settings, store: Store, registry: Registry
) -> None:
    number = registered(registry, settings)
    promote(number, reason="first", store=store, registry=registry, clock=clock)
    other = registered(registry, settings, content=b"other")
    registry.set_alias(PRODUCTION, other)
    champion = training(settings, store, registry)._champion()
    assert champion is not None
    assert champion.digest == registry.version(number).digest != registry.version(other).digest


def test_a_training_that_failed_goes_on_under_its_number(
    settings: Settings, store: Store, registry: Registry
) -> None:
    store.ledger.claim(kind="training", state="started", at=NOW, reason="drift", key="training:1")
    for _ in range(2):
        with pytest.raises(UnusableTrainingData):
            training(settings, store, registry).run_asked(1)
    (entry,) = store.ledger.latest(5)
    assert [state for state, _ in entry.history] == ["started", "running", "failed", "running", "failed"]
    assert entry.evidence["failure"] == "UnusableTrainingData"
    store.ledger.move(entry.sequence, from_state="failed", to_state="done", at=NOW)
    assert training(settings, store, registry).run_asked(1) is None


def test_a_champion_that_nobody_can_give_back_does_not_stop_the_training(
    settings: Settings, store: Store, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.set_alias(PRODUCTION, registered(registry, settings))
    lose_artifacts(settings)
    assert training(settings, store, registry)._champion() is None
    assert "no whole champion" in caplog.text
