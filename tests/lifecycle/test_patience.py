"""A gate that always refuses sees few trainings, whichever triggers ask for them, in whatever order."""

from collections.abc import Sequence

import numpy as np
import pytest

from propensity.events.event import DAY, HOUR
from propensity.lifecycle.trigger import Kind
from tests.lifecycle.slot_world import NOW, World

KINDS: list[Kind] = ["volume", "performance", "drift"]
WINDOWS = 30


def at_random(seed: int) -> list[Sequence[Kind]]:
    chance = np.random.default_rng(seed)
    return [[kind for kind in KINDS if chance.random() < 0.5] for _ in range(WINDOWS)]


PATTERNS: dict[str, list[Sequence[Kind]]] = {
    "one that lasts": [["drift"]] * WINDOWS,
    "all three": [KINDS] * WINDOWS,
    "one after the other": [[KINDS[day % 3]] for day in range(WINDOWS)],
    "drift, and volume every sixth day": [
        ["drift", "volume"] if day % 6 == 5 else ["drift"] for day in range(WINDOWS)
    ],
    "each anew when the others wait": [
        ["volume"] if day < 16 else [KINDS[day % 3]] if day < 20 else KINDS for day in range(WINDOWS)
    ],
    "a week each": [[KINDS[day // 7 % 3]] for day in range(WINDOWS)],
    **{f"at random, {seed}": at_random(seed) for seed in range(8)},
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_gate_that_always_refuses_sees_at_most_six_trainings_in_thirty_windows(
    world: World, pattern: str
) -> None:
    for day, kinds in enumerate(PATTERNS[pattern]):
        world.clock.time = NOW + day * DAY
        if kinds and world.ask(*kinds).state == "retrain":
            world.clock.time += HOUR
            world.end("refused")
    assert 3 <= len(world.jobs.made) <= 6


def test_all_triggers_wait_1_2_4_days_from_the_second_training_in_vain_on(world: World) -> None:
    waited: list[float] = []
    kinds: list[Kind] = ["volume", "performance"]
    for number in range(5):
        asked = world.clock.time
        while world.ask(kinds[number % 2]).state != "retrain":
            world.clock.time += HOUR
        waited.append((world.clock.time - asked) / HOUR)
        world.end("refused")
    assert waited == [0, world.settings.retrain_cooldown_hours, 24, 48, 96]


def test_what_a_person_asked_for_in_vain_lets_no_trigger_wait_and_a_person_never_waits(world: World) -> None:
    for _ in range(4):
        assert world.ask("manual").state == "retrain"
        world.end("refused")
        world.clock.time += DAY
    assert world.ask("drift").state == "retrain"
    world.end("refused")
    world.clock.time += DAY
    assert world.ask("volume").state == "retrain"
    world.end("refused")
    world.clock.time += HOUR
    assert world.ask("performance").state == "cooldown"
    world.clock.time += DAY
    world.ask("performance")
    world.end("promoted")
    world.clock.time += 7 * HOUR
    assert world.ask("drift").state == "retrain"
