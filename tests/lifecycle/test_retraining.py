"""When a reason starts a training: one slot, rest, budget, patience with a gate that refuses, and runs that are killed."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from propensity.errors import ClusterUnavailable, StoreUnavailable
from propensity.events.event import DAY, HOUR
from propensity.lifecycle import trainings
from propensity.lifecycle.retraining import record_decision, request_retraining
from propensity.lifecycle.slot import begin_asked, begin_by_hand, tend_training
from propensity.lifecycle.trigger import Kind, Trigger
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store, open_store

NOW = 1_770_000_000_000_000


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = NOW

    def __call__(self) -> int:
        return self.time


class Jobs:
    """Starts trainings by name, as the API server does: the same name twice is one Job."""

    def __init__(self) -> None:
        self.made: dict[str, list[str]] = {}
        self.ended: set[int] = set()
        self.away = False

    def start(self, number: int, triggers: Sequence[Trigger]) -> str:
        if self.away:
            raise ClusterUnavailable("The Kubernetes API does not answer. Try again later.")
        self.made.setdefault(f"training-{number}", [trigger.kind for trigger in triggers])
        return f"training-{number}"

    def is_gone(self, number: int) -> bool:
        return number in self.ended


class World:
    """A ledger, a clock and Jobs, and questions put to them in few words."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings
        self.clock = Clock()
        self.jobs = Jobs()

    def ask(self, *kinds: Kind, store: Store | None = None) -> LedgerEntry:
        triggers = [
            Trigger(kind=kind, reason=f"Because of {kind}.", window_end=self.clock.time) for kind in kinds
        ]
        return request_retraining(
            triggers,
            store=store or self.store,
            settings=self.settings,
            start=self.jobs.start,
            is_gone=self.jobs.is_gone,
            clock=self.clock,
        )

    def tend(self) -> None:
        tend_training(
            store=self.store,
            settings=self.settings,
            start=self.jobs.start,
            is_gone=self.jobs.is_gone,
            clock=self.clock,
        )

    def training(self) -> LedgerEntry:
        return trainings.recent_trainings(self.store)[0]

    def end(self, verdict: str = "", failure: str = "") -> None:
        entry = self.training()
        evidence = {"verdict": verdict} if verdict else {"failure": failure}
        self.store.ledger.move(
            entry.sequence,
            from_state=entry.state,
            to_state=trainings.DONE if verdict else trainings.FAILED,
            at=self.clock.time,
            evidence=evidence,
        )


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def world(uri: str, settings: Settings) -> World:
    return World(open_store(uri), settings)


def test_reasons_of_a_moment_start_one_training_named_by_its_number(world: World) -> None:
    entry = world.ask("drift", "volume")
    assert (entry.kind, entry.state) == ("decision", "retrain")
    assert entry.reason == "Because of drift. Because of volume."
    assert world.jobs.made == {"training-1": ["drift", "volume"]}
    training = world.training()
    assert (training.key, training.state) == ("training:1", "started")
    assert training.evidence["job"] == entry.subject == "training-1"
    assert trainings.kinds_of(training) == {"drift", "volume"}


def test_the_same_question_again_has_the_same_answer(world: World) -> None:
    first = world.ask("drift")
    before = world.store.ledger.latest(10)
    assert world.ask("drift") == first
    assert world.store.ledger.latest(10) == before


def test_a_retraining_without_a_reason_is_a_mistake(world: World) -> None:
    with pytest.raises(ValueError, match="reason"):
        world.ask()


def test_a_reason_that_comes_later_attaches_to_the_training_under_way(world: World) -> None:
    world.ask("drift")
    entry = world.ask("performance")
    assert (entry.state, entry.subject) == ("asked before", "training-1")
    begin_asked(1, store=world.store, clock=world.clock)
    assert world.ask("manual").state == "running"
    assert trainings.kinds_of(world.training()) == {"drift", "performance", "manual"}
    assert len(world.jobs.made) == 1


def test_a_training_by_hand_has_the_slot_too(world: World) -> None:
    training = begin_by_hand("asked for by hand", store=world.store, clock=world.clock)
    assert training.key == "training:1"
    assert world.ask("drift").state == "running"
    assert world.jobs.made == {}


def test_ten_at_the_same_moment_start_one_training(world: World, uri: str) -> None:
    kinds: list[Kind] = ["volume", "performance", "drift"]
    together, answers = threading.Barrier(10), []

    def ask(number: int) -> None:
        with open_store(uri) as own:
            together.wait(10)
            answers.append(world.ask(kinds[number % 3], store=own).state)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(answers) == 10
    assert len(world.jobs.made) == 1
    assert len(trainings.recent_trainings(world.store)) == 1
    assert trainings.kinds_of(world.training()) == set(kinds)
    decisions = [entry.state for entry in world.store.ledger.latest(20, "decision")]
    assert sorted(decisions) == ["asked before", "asked before", "retrain"]


class Killed(StoreUnavailable):
    """Stands for a process that ends here."""


class KilledAfter:
    """The real ledger, which ends the process after so many writes."""

    def __init__(self, real: Store, writes: int) -> None:
        self._real = real.ledger
        self._left = writes

    def __getattr__(self, name: str) -> object:
        found = getattr(self._real, name)
        return self._counted(found) if name in {"claim", "move"} else found

    def _counted(self, write: object) -> object:
        def function(*given: object, **named: object) -> object:
            done = write(*given, **named)  # type: ignore[operator]
            self._left -= 1
            if not self._left:
                raise Killed
            return done

        return function


@pytest.mark.parametrize("writes", [1, 2, 3], ids=["claimed", "started", "decided"])
def test_a_run_killed_after_any_write_is_finished_by_the_next(world: World, uri: str, writes: int) -> None:
    with open_store(uri) as dying:
        dying.ledger = KilledAfter(dying, writes)  # type: ignore[assignment]
        with pytest.raises(Killed):
            world.ask("drift", store=dying)
    assert world.ask("drift").state == "retrain"
    assert world.jobs.made == {"training-1": ["drift"]}
    told = [(entry.kind, entry.state) for entry in world.store.ledger.latest(10)]
    assert told == [("decision", "retrain"), ("training", "started")]


def test_with_the_cluster_away_the_training_is_started_by_the_next_run(world: World) -> None:
    world.jobs.away = True
    with pytest.raises(ClusterUnavailable):
        world.ask("drift")
    assert world.training().state == "intended"
    world.jobs.away = False
    world.tend()
    assert world.training().state == "started"
    assert world.ask("drift").state == "retrain"
    assert world.jobs.made == {"training-1": ["drift"]}


def test_after_a_training_triggers_rest_and_a_person_need_not(world: World) -> None:
    world.ask("drift")
    world.end("promoted")
    world.clock.time += round(world.settings.retrain_cooldown_hours * HOUR) - 1
    assert world.ask("volume").state == "cooldown"
    assert world.ask("manual").state == "retrain"


def test_rest_ends_on_time(world: World) -> None:
    world.ask("drift")
    world.end("promoted")
    world.clock.time += round(world.settings.retrain_cooldown_hours * HOUR)
    assert world.ask("volume").state == "retrain"


def test_the_daily_budget_holds_for_everybody_and_comes_back(world: World) -> None:
    for _ in range(world.settings.retrain_daily_budget):
        assert world.ask("manual").state == "retrain"
        world.end("promoted")
        world.clock.time += HOUR
    assert world.ask("manual").state == "budget"
    world.clock.time += DAY
    assert world.ask("manual").state == "retrain"


@pytest.mark.parametrize("end", [{"verdict": "promoted"}, {"verdict": "refused"}])
def test_trainings_dated_by_a_clock_that_ran_ahead_forbid_none_once_it_is_right(
    world: World, end: dict[str, str]
) -> None:
    world.clock.time += 365 * DAY
    for _ in range(world.settings.retrain_daily_budget):
        world.ask("manual", "drift")
        world.end(**end)
        world.clock.time += 1
    world.clock.time = NOW
    assert world.ask("drift").state == "retrain"


def test_clocks_that_differ_by_minutes_shorten_no_rest(world: World) -> None:
    world.ask("drift")
    world.clock.time += HOUR
    world.end("promoted")
    world.clock.time = NOW
    assert world.ask("volume").state == "cooldown"


def test_a_gate_that_always_refuses_sees_at_most_six_trainings_in_thirty_days(world: World) -> None:
    for day in range(30):
        world.clock.time = NOW + day * DAY
        if world.ask("drift", "performance").state == "retrain":
            world.clock.time += HOUR
            world.end("refused")
    assert 4 <= len(world.jobs.made) <= 6


def test_waiting_doubles_and_a_promotion_ends_it(world: World) -> None:
    waits = []
    for verdict in ("refused", "not enough evidence", "refused", "promoted"):
        world.clock.time += 40 * DAY
        world.ask("drift")
        world.end(verdict)
        waits.append(trainings.waits_until("drift", trainings.recent_trainings(world.store)))
    ended = [waits[n] - (NOW + (n + 1) * 40 * DAY) for n in range(3)]
    assert ended == [DAY, 2 * DAY, 4 * DAY]
    assert waits[3] == 0


def test_another_trigger_does_not_wait_for_what_was_not_its_own(world: World) -> None:
    world.ask("drift")
    world.end("refused")
    world.clock.time += 7 * HOUR
    assert world.ask("drift").state == "cooldown"
    assert world.ask("performance").state == "retrain"


@pytest.mark.parametrize(
    ("failure", "decision"), [("StoreUnavailable", "retrain"), ("UnusableTrainingData", "cooldown")]
)
def test_a_failure_counts_where_the_same_data_would_have_it_again(
    world: World, failure: str, decision: str
) -> None:
    world.ask("drift")
    world.end(failure=failure)
    world.clock.time += 7 * HOUR
    assert world.ask("drift").state == decision


def test_a_training_that_hangs_gives_up_its_slot_at_its_deadline(world: World) -> None:
    world.ask("drift")
    begin_asked(1, store=world.store, clock=world.clock)
    world.clock.time += round(world.settings.training_deadline_hours * HOUR)
    world.tend()
    assert world.training().state == "running"
    world.clock.time += 1
    world.tend()
    assert (world.training().state, world.training().evidence["failure"]) == ("failed", "Overdue")
    assert begin_asked(1, store=world.store, clock=world.clock) is None


def test_a_training_whose_job_is_gone_gives_up_its_slot(world: World) -> None:
    world.ask("drift")
    world.tend()
    assert world.training().state == "started"
    world.jobs.ended.add(1)
    world.tend()
    assert (world.training().state, world.training().evidence["failure"]) == ("failed", "Gone")


def test_a_job_that_crashed_goes_on_with_its_own_entry(world: World) -> None:
    world.ask("drift")
    for _ in range(2):
        entry = begin_asked(1, store=world.store, clock=world.clock)
        assert entry is not None
        assert entry.state == "running"
        world.end(failure="RegistryUnavailable")
    begin_asked(1, store=world.store, clock=world.clock)
    world.end("promoted")
    assert begin_asked(1, store=world.store, clock=world.clock) is None
    assert len(trainings.recent_trainings(world.store)) == 1


def test_why_a_window_starts_nothing_is_written_once(world: World) -> None:
    def say() -> LedgerEntry:
        return record_decision(
            "stale data",
            window_end=NOW,
            reason="No event for two days.",
            evidence={"last_event": NOW - 2 * DAY},
            store=world.store,
            clock=world.clock,
        )

    first = say()
    assert say() == first
    assert (first.kind, first.state, first.evidence["window_end"]) == ("decision", "stale data", NOW)
    assert world.store.ledger.latest(10) == [first]
