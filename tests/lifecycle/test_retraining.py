"""When a reason starts a training: one slot, rest, budget, and patience with a gate that refuses."""

import pytest

from propensity.errors import ClusterUnavailable
from propensity.events.event import DAY, HOUR
from propensity.lifecycle import trainings
from propensity.lifecycle.retraining import record_decision
from propensity.lifecycle.slot import begin_asked, begin_by_hand
from propensity.store import LedgerEntry
from tests.lifecycle.slot_world import NOW, World


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
