"""One training at a time, whoever starts it and whatever is away; and nobody pays for a cluster that was away."""

import threading
from collections.abc import Callable

import pytest

from propensity.errors import ClusterUnavailable, TrainingUnderWay
from propensity.events.event import HOUR
from propensity.lifecycle import trainings
from propensity.lifecycle.slot import begin_asked, begin_by_hand
from propensity.store import LedgerEntry, Store, open_store
from tests.lifecycle.slot_world import World


def by_hand(world: World, *, force: bool = False, store: Store | None = None) -> LedgerEntry:
    return begin_by_hand("by hand", store=store or world.store, clock=world.clock, force=force)


def states(world: World) -> list[str]:
    return [entry.state for entry in trainings.recent_trainings(world.store)][::-1]


@pytest.mark.parametrize("state", ["intended", "started", "running", "registered"])
def test_a_person_is_refused_while_a_training_is_under_way_and_told_what_to_do(
    world: World, state: str
) -> None:
    world.store.ledger.claim(kind="training", state=state, at=world.clock(), reason="drift", key="training:1")
    with pytest.raises(
        TrainingUnderWay, match=rf"Training 1 is {state}.*Wait for its end.*--force gives it up"
    ):
        by_hand(world)
    assert states(world) == [state]


def test_a_person_who_insists_takes_the_slot_and_the_other_is_given_up(world: World) -> None:
    world.ask("drift")
    begin_asked(1, store=world.store, clock=world.clock)
    assert trainings.number_of(by_hand(world, force=True)) == 2
    assert states(world) == ["failed", "running"]
    assert begin_asked(1, store=world.store, clock=world.clock) is None
    world.end("promoted")
    first = trainings.recent_trainings(world.store)[1]
    assert trainings.is_given_up(first)
    assert not trainings.came_to_nothing(first)


def test_of_ten_people_at_the_same_moment_one_trains(world: World, uri: str) -> None:
    together, refused = threading.Barrier(10), []

    def start() -> None:
        with open_store(uri) as own:
            together.wait(10)
            try:
                by_hand(world, store=own)
            except TrainingUnderWay:
                refused.append(1)

    threads = [threading.Thread(target=start) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(refused) == 9
    assert states(world) == ["running"]


def test_a_training_has_its_time_from_its_start_not_from_when_it_was_claimed(world: World) -> None:
    world.jobs.away = True
    with pytest.raises(ClusterUnavailable):
        world.ask("drift")
    world.clock.time += 5 * HOUR // 2
    world.jobs.away = False
    world.tend()
    begin_asked(1, store=world.store, clock=world.clock)
    world.clock.time += HOUR
    world.tend()
    assert states(world) == ["running"]
    assert world.ask("manual").state == "running"
    world.clock.time += 2 * HOUR + 1
    world.tend()
    assert states(world) == ["failed"]


def test_a_training_that_could_not_be_started_for_hours_is_started_when_the_cluster_is_back(
    world: World,
) -> None:
    world.jobs.away = True
    with pytest.raises(ClusterUnavailable):
        world.ask("drift")
    for hours in (1, 4, 30):
        world.clock.time += hours * HOUR
        with pytest.raises(ClusterUnavailable):
            world.tend()
        assert states(world) == ["intended"]
    world.jobs.away = False
    world.tend()
    assert states(world) == ["started"]
    assert world.jobs.made == {"training-1": ["drift"]}


def test_a_training_that_an_earlier_release_gave_up_unstarted_lets_no_trigger_wait(world: World) -> None:
    entry = world.store.ledger.claim(
        kind="training", state="intended", at=world.clock(), reason="drift", key="training:1",
        evidence={"trigger drift": {}},
    )  # fmt: skip
    assert entry is not None
    world.clock.time += 4 * HOUR
    world.end(failure=trainings.OVERDUE)
    world.clock.time += 8 * HOUR
    assert world.ask("drift").state == "retrain"


class Overtaken:
    """The real ledger, of one that is overtaken by another just before its first change of a state."""

    def __init__(self, real: Store, by: Callable[[], object]) -> None:
        self._real = real.ledger
        self._by: Callable[[], object] | None = by

    def __getattr__(self, name: str) -> object:
        if name == "move" and self._by is not None:
            overtake, self._by = self._by, None
            overtake()
        return getattr(self._real, name)


def test_a_retry_that_is_overtaken_by_the_next_number_does_not_begin(world: World, uri: str) -> None:
    world.ask("drift")
    world.end(failure="RegistryUnavailable")
    with open_store(uri) as late:
        late.ledger = Overtaken(late, lambda: world.ask("manual"))  # type: ignore[assignment]
        assert begin_asked(1, store=late, clock=world.clock) is None
    assert states(world) == ["closed", "started"]


def test_who_is_overtaken_by_a_retry_claims_nothing(world: World, uri: str) -> None:
    world.ask("drift")
    world.end(failure="RegistryUnavailable")

    def retry() -> None:
        assert begin_asked(1, store=world.store, clock=world.clock)

    with open_store(uri) as late:
        late.ledger = Overtaken(late, retry)  # type: ignore[assignment]
        assert world.ask("manual", store=late).state == "running"
    assert states(world) == ["running"]


def test_a_closed_training_counts_as_when_it_failed(world: World) -> None:
    world.ask("drift")
    world.end(failure="UnusableTrainingData")
    failed_at = world.clock.time
    world.clock.time += 20 * HOUR
    world.ask("volume")
    world.end(failure="StoreUnavailable")
    assert trainings.waits_until("drift", trainings.recent_trainings(world.store)) == failed_at + 24 * HOUR
