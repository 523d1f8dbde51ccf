"""Who gets the training slot when several ask at once, or when who asks is killed in between."""

import threading
from collections.abc import Callable

import pytest

from propensity.errors import StoreUnavailable
from propensity.lifecycle import trainings
from propensity.lifecycle.trigger import Kind
from propensity.store import Store, open_store
from tests.lifecycle.slot_world import World


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


class Overtaken:
    """The real ledger, of one that is overtaken by another between looking and its first claim."""

    def __init__(self, real: Store, by: Callable[[], None]) -> None:
        self._real = real.ledger
        self._by: Callable[[], None] | None = by

    def __getattr__(self, name: str) -> object:
        if name == "claim" and self._by is not None:
            overtake, self._by = self._by, None
            overtake()
        return getattr(self._real, name)


def test_who_is_overtaken_by_the_same_question_tells_of_the_training_it_started(
    world: World, uri: str
) -> None:
    def claim_and_die() -> None:
        with open_store(uri) as dying:
            dying.ledger = KilledAfter(dying, 1)  # type: ignore[assignment]
            with pytest.raises(Killed):
                world.ask("drift", store=dying)

    with open_store(uri) as overtaken:
        overtaken.ledger = Overtaken(overtaken, claim_and_die)  # type: ignore[assignment]
        decision = world.ask("drift", store=overtaken)
    assert decision.state == "retrain"
    assert world.ask("drift") == decision
    assert world.jobs.made == {"training-1": ["drift"]}
