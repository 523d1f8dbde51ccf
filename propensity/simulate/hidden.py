"""All that is drawn before the first event: users, intents, visits, and what each mission has in mind.

Every stage has a random stream of its own, named by the seed, the stage and a number, so that a drift changes nothing
before its day and a day's events can be drawn again without the days before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from propensity.events.event import DAY
from propensity.simulate.arrays import Ints
from propensity.simulate.catalogue import CHOICES, Catalogue, draw_catalogue
from propensity.simulate.intent import Spells, draw_spells
from propensity.simulate.population import Population, draw_population, rates
from propensity.simulate.rhythm import Rhythm
from propensity.simulate.scenario import Scenario
from propensity.simulate.truth import Regime
from propensity.simulate.visits import Moments, Visits, draw_moments, draw_visits


class Stage(IntEnum):
    """Whose random stream it is; the numbers are part of what a seed means."""

    POPULATION = 0
    INTENT = 1
    MOMENTS = 2
    VISITS = 3
    CATALOGUE = 4
    CHOICES = 5
    CLICKS = 6


@dataclass(frozen=True)
class Hidden:
    """What no log shows."""

    rhythm: Rhythm
    population: Population
    regimes: tuple[Regime, ...]
    spells: Spells
    visits: Visits
    catalogue: Catalogue
    category: Ints
    """Category of each spell's mission."""
    choices: Ints
    """Products each spell's mission has in mind, one row per spell."""

    def regime_at(self, time: int) -> Regime:
        """Return the constants that hold at a wall time."""
        return [regime for regime in self.regimes if regime.begin <= time][-1]


def stream(seed: int, stage: Stage, number: int = 0) -> np.random.Generator:
    """Return the random stream of one stage."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stage, number)))


def draw_hidden(scenario: Scenario) -> Hidden:
    """Draw all that is hidden in a scenario's log."""
    rhythm = Rhythm.between(scenario.start_time, scenario.end_time + 2 * DAY)
    population = draw_population(
        scenario.users,
        process=scenario.process,
        span=rhythm.shopping_time(scenario.end_time),
        random=stream(scenario.seed, Stage.POPULATION),
    )
    regimes = _regimes(scenario, population=population)
    spells, moments = _draw_intents(scenario, population=population, regimes=regimes, rhythm=rhythm)
    visits = draw_visits(
        moments,
        spells=spells,
        process=scenario.process,
        rhythm=rhythm,
        random=stream(scenario.seed, Stage.VISITS),
    )
    catalogue = draw_catalogue(stream(scenario.seed, Stage.CATALOGUE))
    random = stream(scenario.seed, Stage.CHOICES)
    category = catalogue.draw_categories(len(spells.user), random=random)
    choices = catalogue.draw_products(np.repeat(category, CHOICES), random=random).reshape(-1, CHOICES)
    return Hidden(rhythm, population, regimes, spells, visits, catalogue, category, choices)


def _regimes(scenario: Scenario, *, population: Population) -> tuple[Regime, ...]:
    """Return the constants before the drift and, where there is one, after it."""
    begins = [(scenario.start_time, scenario.process)]
    if scenario.drift_at is not None:
        begins.append((scenario.drift_time, scenario.drifted_process))
    return tuple(Regime(begin, process, rates(population, process=process)) for begin, process in begins)


def _draw_intents(
    scenario: Scenario, *, population: Population, regimes: Sequence[Regime], rhythm: Rhythm
) -> tuple[Spells, Moments]:
    """Draw intents and visits regime by regime; each takes over the intents that the one before it left."""
    ends = [*(regime.begin for regime in regimes[1:]), scenario.end_time]
    spells, moments = Spells.none(), Moments.none()
    for number, (regime, end) in enumerate(zip(regimes, ends, strict=True)):
        random = stream(scenario.seed, Stage.INTENT, number)
        begin = rhythm.shopping_time(regime.begin)
        usual = regime.rates.mission / (regime.rates.mission + regime.rates.mission_end)
        on_mission = random.random(scenario.users) < usual
        if number:
            before = population.joined < begin
            on_mission = np.where(before, spells.on_mission_at(begin, users=scenario.users), on_mission)
        added = draw_spells(
            regime.rates,
            begin=np.maximum(population.joined, begin),
            end=rhythm.shopping_time(end),
            on_mission=on_mission,
            random=random,
        )
        visits = draw_moments(added, rates=regime.rates, random=stream(scenario.seed, Stage.MOMENTS, number))
        moments = moments.with_more(visits, spells_before=len(spells.user))
        spells = spells.with_more(added)
    return spells, moments
