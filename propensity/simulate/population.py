"""The users: what each of them is like, drawn once and never changed."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from propensity.simulate.arrays import Floats
from propensity.simulate.process import Process

VISIT_ACTIVITY: Final = 0.25
"""Power of a user's activity in the visits of a mission: on a mission even the quiet come often."""


@dataclass(frozen=True)
class Population:
    """One entry per user in each array."""

    activity: Floats
    """Visits relative to the typical user's; mean 1."""
    eagerness: Floats
    """Missions relative to what the activity explains."""
    persuasion: Floats
    """Odds that a visit ends in a purchase, relative to the typical user's."""
    joined: Floats
    """Shopping time from which the user may appear."""


@dataclass(frozen=True)
class Rates:
    """One user's rates per shopping day in each array, under one table of constants."""

    mission: Floats
    give_up: Floats
    browsing_visits: Floats
    mission_visits: Floats
    browsing_conversion: Floats
    mission_conversion: Floats
    satisfaction: float
    farewells: float

    @property
    def mission_end(self) -> Floats:
        """Rate at which a mission ends: given up, or satisfied by a purchase."""
        return self.give_up + self.mission_visits * self.mission_conversion * self.satisfaction


def draw_population(users: int, *, process: Process, span: float, random: np.random.Generator) -> Population:
    """Draw the users of a log that lasts `span` shopping days."""
    return Population(
        activity=_spread(users, process.activity_spread, random=random),
        eagerness=_spread(users, process.eagerness_spread, random=random),
        persuasion=_spread(users, process.conversion_spread, random=random),
        joined=np.where(random.random(users) < process.newcomers, random.random(users) * span, 0.0),
    )


def rates(population: Population, *, process: Process) -> Rates:
    """Return every user's own rates under these constants."""
    return Rates(
        mission=process.mission_rate * population.activity * population.eagerness,
        give_up=np.full_like(population.activity, process.give_up_rate),
        browsing_visits=process.browsing_visits * population.activity,
        mission_visits=process.mission_visits * population.activity**VISIT_ACTIVITY,
        browsing_conversion=_with_odds(process.browsing_conversion, population.persuasion),
        mission_conversion=_with_odds(process.mission_conversion, population.persuasion),
        satisfaction=process.satisfaction,
        farewells=process.farewells,
    )


def _spread(users: int, deviation: float, *, random: np.random.Generator) -> Floats:
    """Draw log-normal factors of mean 1."""
    return np.exp(random.normal(-(deviation**2) / 2, deviation, users))


def _with_odds(share: float, factor: Floats) -> Floats:
    odds = share / (1 - share) * factor
    return odds / (1 + odds)
