"""A training that others gave up while it still ran: it promotes nothing, and says nothing else of itself."""

from pathlib import Path

import pytest
from sklearn.dummy import DummyClassifier

from propensity.errors import TrainingGivenUp
from propensity.lifecycle import trainings
from propensity.lifecycle.slot import begin_by_hand, tend_training
from propensity.registry import PRODUCTION, Registry, TrainingRecord
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store, open_store
from tests.lifecycle.conftest import bundle
from training.challenger import Challenger
from training.gate import Verdict
from training.progress import Progress
from training.train import Training

NOW = 1_770_000_000_000_000
DAY = 86_400_000_000
PROMOTED = Verdict(
    word="promoted", reason="better", positives=200, rows=2_000, first_cutoff=None, last_cutoff=None, expected_recall=1.0
)  # fmt: skip


def clock() -> int:
    return NOW


@pytest.fixture
def store(settings: Settings) -> Store:
    return open_store(settings.store_uri.get_secret_value())


def overdue(store: Store, settings: Settings) -> None:
    """Let the monitor find, a day later, that the training has had its time."""
    tend_training(
        store=store, settings=settings, start=lambda *_: "", is_gone=lambda _: False, clock=lambda: NOW + DAY
    )


def newest(store: Store) -> LedgerEntry:
    return trainings.recent_trainings(store)[0]


class Slow(Training):
    """The real training but for what takes long: the model is there, and the gate says yes after a day."""

    def _made(self) -> Challenger:
        folder = self._settings.home / "nothing"
        folder.mkdir(exist_ok=True)
        model = bundle(0.1)
        record = TrainingRecord(
            {}, {}, {}, model, DummyClassifier().fit([[0.0], [1.0]], [0, 1]), Path(folder)
        )
        return Challenger(self._registry.record(record), model, None)

    def _asked_gate(self, _: Challenger) -> Verdict:
        overdue(self._store, self._settings)
        return PROMOTED


def test_a_training_given_up_while_the_gate_judged_is_not_promoted_and_stays_failed(
    settings: Settings, store: Store, registry: Registry
) -> None:
    training = Slow(
        settings, store=store, registry=registry, clock=clock, git_commit="abc", say=lambda _: None
    )
    with pytest.raises(
        TrainingGivenUp, match="Training 1 was given up: It did not end within 3 hours"
    ) as error:
        training.run("by hand")
    assert error.value.exit_code == 5
    assert registry.at(PRODUCTION) is None
    assert store.champion() is None
    assert (newest(store).state, newest(store).evidence["failure"]) == ("failed", trainings.OVERDUE)


def test_no_stage_writes_over_what_others_said_of_it(settings: Settings, store: Store) -> None:
    progress = Progress(begin_by_hand("by hand", store=store, clock=clock), store=store, clock=clock)
    progress.leave(trainings.REGISTERED)
    overdue(store, settings)
    before = newest(store)
    for state in (trainings.REGISTERED, trainings.DONE):
        with pytest.raises(TrainingGivenUp):
            progress.leave(state)
    progress.fail(ValueError, ValueError("an error"), None)
    assert newest(store) == before


def test_a_training_whose_slot_a_person_took_does_not_go_on(store: Store) -> None:
    progress = Progress(begin_by_hand("by hand", store=store, clock=clock), store=store, clock=clock)
    progress.check()
    begin_by_hand("better idea", store=store, clock=clock, force=True)
    with pytest.raises(TrainingGivenUp, match="A person took its slot"):
        progress.check()
