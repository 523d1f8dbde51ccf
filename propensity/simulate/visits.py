"""The visits of all users: when each begins and ends, with which intent, and whether it ends in a purchase.

A visit's length depends on its intent and not on its outcome, and its purchase is its last event: so a visit that has
begun and not ended says nothing about the outcome beyond the intent, and the truth can be computed for it too.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from propensity.events.event import MICROS
from propensity.simulate.arrays import Bools, Floats, Ints
from propensity.simulate.intent import Spells
from propensity.simulate.population import Rates
from propensity.simulate.process import Kind, Process
from propensity.simulate.rhythm import Rhythm

LENGTH_SHAPE: Final = 2.0
"""Shape of the gamma distribution of a visit's length."""
GAP: Final = 0.8
"""A visit that would run into the user's next one is shortened to this share of the time between the two."""


@dataclass(frozen=True)
class Visits:
    """One entry per visit in each array, sorted by `begin`."""

    user: Ints
    begin: Ints
    """Wall time of the first event, microseconds since the epoch."""
    end: Ints
    """Wall time of the last event, which is the purchase where there is one."""
    spell: Ints
    """Which of the spells the visit belongs to."""
    kind: Ints
    """A value of Kind."""
    buys: Bools

    def between(self, start: int, end: int) -> slice:
        """Return which visits begin in [start, end)."""
        first, last = np.searchsorted(self.begin, [start, end])
        return slice(int(first), int(last))


@dataclass(frozen=True)
class Moments:
    """Visits before they have a length: their instants in shopping time, in no order."""

    spell: Ints
    tick: Floats
    kind: Ints
    buys: Bools

    @classmethod
    def none(cls) -> Self:
        """Return no visits."""
        nothing = np.zeros(0)
        return cls(nothing.astype(np.int64), nothing, nothing.astype(np.int64), nothing.astype(np.bool_))

    def with_more(self, more: Self, *, spells_before: int) -> "Moments":
        """Return these followed by others, whose spells come after the `spells_before` of these."""
        return Moments(
            spell=np.concatenate([self.spell, more.spell + spells_before]),
            tick=np.concatenate([self.tick, more.tick]),
            kind=np.concatenate([self.kind, more.kind]),
            buys=np.concatenate([self.buys, more.buys]),
        )

    def until(self, tick: float) -> "Moments":
        """Return the visits before an instant."""
        early = self.tick < tick
        return Moments(
            spell=self.spell[early], tick=self.tick[early], kind=self.kind[early], buys=self.buys[early]
        )


def draw_moments(spells: Spells, *, rates: Rates, random: np.random.Generator) -> Moments:
    """Draw when the users come, and whether they buy."""
    user, mission = spells.user, spells.on_mission
    ending = rates.mission_conversion * rates.satisfaction
    pace = np.where(mission, (rates.mission_visits * (1 - ending))[user], rates.browsing_visits[user])
    going_on = rates.mission_conversion * (1 - rates.satisfaction) / (1 - ending)
    conversion = np.where(mission, going_on[user], rates.browsing_conversion[user])

    spell = np.repeat(np.arange(len(user)), random.poisson(pace * (spells.end - spells.begin)))
    tick = spells.begin[spell] + random.random(len(spell)) * (spells.end - spells.begin)[spell]
    buys = random.random(len(spell)) < conversion[spell]
    first, last = np.flatnonzero(spells.opened), np.flatnonzero(spells.satisfied)
    farewell = np.flatnonzero(spells.farewell)
    parts = [len(first), len(last), len(farewell)]
    return Moments(
        spell=np.concatenate([spell, first, last, farewell]),
        tick=np.concatenate([tick, spells.begin[first], spells.end[last], spells.end[farewell]]),
        kind=np.concatenate(
            [mission[spell].astype(np.int64), np.repeat([Kind.OPENING, Kind.MISSION, Kind.FAREWELL], parts)]
        ),
        buys=np.concatenate([buys, np.repeat([False, True, False], parts)]),
    )


def draw_visits(
    moments: Moments, *, spells: Spells, process: Process, rhythm: Rhythm, random: np.random.Generator
) -> Visits:
    """Place the moments on the wall clock and give each visit a length."""
    begin = rhythm.wall_times(moments.tick)
    order = np.lexsort((moments.spell, begin))
    begin, spell = begin[order], moments.spell[order]
    user, kind = spells.user[spell], moments.kind[order]
    minutes = np.array([visit.minutes for visit in process.visits])[kind]
    length = random.gamma(LENGTH_SHAPE, minutes * (60 * MICROS / LENGTH_SHAPE))
    length = np.minimum(length, GAP * _time_to_next(user, begin))
    return Visits(
        user=user,
        begin=begin,
        end=begin + length.astype(np.int64),
        spell=spell,
        kind=kind,
        buys=moments.buys[order],
    )


def _time_to_next(user: Ints, begin: Ints) -> Floats:
    """Return how long after each visit the same user's next one begins; endless for the last."""
    order = np.lexsort((begin, user))
    ahead = np.full(len(user), np.inf)
    same = user[order][1:] == user[order][:-1]
    ahead[order[:-1][same]] = np.diff(begin[order])[same]
    return ahead
