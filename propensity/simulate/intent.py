"""The hidden process: each user browses, goes on a mission, buys or gives up, and browses again.

A visit on a mission that ends it by a purchase, and one that doesn't, are independent Poisson streams (thinning), so a
mission's end and its visits can be drawn apart and all users at once. That is exact, not an approximation.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from propensity.simulate.arrays import Bools, Floats, Ints
from propensity.simulate.population import Rates


@dataclass(frozen=True)
class Spells:
    """Stretches of one intent, in shopping time; a user's spells follow each other without a gap."""

    user: Ints
    begin: Floats
    end: Floats
    on_mission: Bools
    satisfied: Bools
    """The spell is a mission that its last visit ended by a purchase."""

    @classmethod
    def none(cls) -> Self:
        """Return no spells."""
        nothing = np.zeros(0)
        return cls(nothing.astype(np.int64), nothing, nothing, nothing.astype(bool), nothing.astype(bool))

    def with_more(self, more: Self) -> "Spells":
        """Return these spells followed by others."""
        return Spells(
            user=np.concatenate([self.user, more.user]),
            begin=np.concatenate([self.begin, more.begin]),
            end=np.concatenate([self.end, more.end]),
            on_mission=np.concatenate([self.on_mission, more.on_mission]),
            satisfied=np.concatenate([self.satisfied, more.satisfied]),
        )

    def where(self, keep: Bools) -> "Spells":
        """Return the spells that are to be kept."""
        return Spells(
            user=self.user[keep],
            begin=self.begin[keep],
            end=self.end[keep],
            on_mission=self.on_mission[keep],
            satisfied=self.satisfied[keep],
        )

    def on_mission_at(self, tick: float, *, users: int) -> Bools:
        """Return, for each of `users` users, whether this instant lies in a mission."""
        answer = np.zeros(users, dtype=np.bool_)
        answer[self.user[self.on_mission & (self.begin <= tick) & (tick < self.end)]] = True
        return answer


def draw_spells(
    rates: Rates, *, begin: Floats, end: float, on_mission: Bools, random: np.random.Generator
) -> Spells:
    """Draw every user's spells from `begin`, in the given intent, to `end`; users who begin later have none."""
    users = len(begin)
    clocks, edges, satisfied = begin.copy(), [], []
    satisfaction = 1 - rates.give_up / rates.mission_end
    turn = 0
    while turn == 0 or bool((clocks < end).any()):
        browsing = random.exponential(1 / rates.mission)
        browsing = np.where(on_mission, 0.0, browsing) if turn == 0 else browsing
        mission = random.exponential(1 / rates.mission_end)
        edges.append((clocks, clocks + browsing, clocks + browsing + mission))
        satisfied.append(random.random(users) < satisfaction)
        clocks = edges[-1][2]
        turn += 1
    starts, turns, stops = (np.stack(part).ravel() for part in zip(*edges, strict=True))
    return _clipped(starts, turns, stops, satisfied=np.stack(satisfied).ravel(), users=users, end=end)


def _clipped(
    starts: Floats, turns: Floats, stops: Floats, *, satisfied: Bools, users: int, end: float
) -> Spells:
    user = np.tile(np.arange(users, dtype=np.int64), len(starts) // users)
    spells = Spells(
        user=np.concatenate([user, user]),
        begin=np.concatenate([starts, turns]),
        end=np.minimum(np.concatenate([turns, stops]), end),
        on_mission=np.repeat([False, True], len(starts)),
        satisfied=np.concatenate([np.zeros_like(satisfied), satisfied & (stops < end)]),
    )
    return spells.where(spells.begin < spells.end)
