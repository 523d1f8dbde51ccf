"""All that is drawn before the first event: users, intents, visits, and what each mission has in mind.

Every stage has a random stream of its own, named by the seed, the stage and a number, so that a drift changes nothing
before its day and a day's events can be drawn again without the days before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

import numpy as np

from propensity.events.event import DAY
from propensity.simulate.arrays import Floats, Ints
from propensity.simulate.catalogue import CHOICES, Catalogue, draw_catalogue
from propensity.simulate.intent import Spells, draw_spells
from propensity.simulate.population import Population, draw_population, rates
from propensity.simulate.rhythm import Rhythm
from propensity.simulate.scenario import Drift, Scenario
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
class Intents:
    """The users' spells and visits, and what each spell's mission has in mind."""

    spells: Spells
    moments: Moments
    category: Ints
    """Category of each spell's mission."""
    choices: Ints
    """Products each spell's mission has in mind, one row per spell."""

    @classmethod
    def none(cls) -> Self:
        """Return no intents."""
        category = np.zeros(0, dtype=np.int64)
        return cls(Spells.none(), Moments.none(), category, category.reshape(0, CHOICES))

    def until(self, tick: float) -> "Intents":
        """Return what happens before an instant."""
        return Intents(self.spells.until(tick), self.moments.until(tick), self.category, self.choices)

    def with_more(self, more: Self) -> "Intents":
        """Return these followed by others."""
        return Intents(
            spells=Spells.chained([self.spells, more.spells]),
            moments=self.moments.with_more(more.moments, spells_before=len(self.spells.user)),
            category=np.concatenate([self.category, more.category]),
            choices=np.concatenate([self.choices, more.choices]),
        )


@dataclass(frozen=True)
class Hidden:
    """What no log shows."""

    rhythm: Rhythm
    regimes: tuple[Regime, ...]
    intents: Intents
    visits: Visits
    catalogue: Catalogue

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
    catalogue = draw_catalogue(stream(scenario.seed, Stage.CATALOGUE))
    regimes = _regimes(scenario, population=population)
    intents = _draw_intents(
        scenario, joined=population.joined, regimes=regimes, rhythm=rhythm, catalogue=catalogue
    )
    visits = draw_visits(
        intents.moments,
        spells=intents.spells,
        process=scenario.process,
        rhythm=rhythm,
        random=stream(scenario.seed, Stage.VISITS),
    )
    return Hidden(rhythm, regimes, intents, visits, catalogue)


def _regimes(scenario: Scenario, *, population: Population) -> tuple[Regime, ...]:
    """Return the constants before the drift and, where there is one, after it."""
    begins = [(scenario.start_time, scenario.process)]
    if scenario.drift_at is not None:
        begins.append((scenario.drift_time, scenario.drifted_process))
    return tuple(Regime(begin, process, rates(population, process=process)) for begin, process in begins)


def _draw_intents(
    scenario: Scenario, *, joined: Floats, regimes: Sequence[Regime], rhythm: Rhythm, catalogue: Catalogue
) -> Intents:
    """Draw each regime to the end of the log; the next one cuts it and takes over the intents it finds."""
    end = rhythm.shopping_time(scenario.end_time)
    intents = Intents.none()
    # Where the drift leaves the rates alone, it must not draw other intents either.
    changing = regimes if scenario.drift == Drift.INTENT else regimes[:1]
    for number, regime in enumerate(changing):
        begin = rhythm.shopping_time(regime.begin)
        random = stream(scenario.seed, Stage.INTENT, number)
        usual = regime.rates.mission / (regime.rates.mission + regime.rates.mission_end)
        found = intents.spells.on_mission_at(begin, users=scenario.users)
        on_mission = np.where(joined < begin, found, random.random(scenario.users) < usual)
        spells = draw_spells(
            regime.rates, begin=np.maximum(joined, begin), end=end, on_mission=on_mission, random=random
        )
        moments = draw_moments(
            spells, rates=regime.rates, random=stream(scenario.seed, Stage.MOMENTS, number)
        )
        random = stream(scenario.seed, Stage.CHOICES, number)
        category = catalogue.draw_categories(len(spells.user), random=random)
        choices = catalogue.draw_products(np.repeat(category, CHOICES), random=random).reshape(-1, CHOICES)
        intents = intents.until(begin).with_more(Intents(spells, moments, category, choices))
    return intents
