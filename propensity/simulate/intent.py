"""The hidden process: each user browses, goes on a mission, buys or gives up, and browses again.

A visit on a mission that ends it by a purchase, and one that doesn't, are independent Poisson streams (thinning), so a
mission's end and its visits can be drawn apart and all users at once. That is exact, not an approximation. A mission
opens with a visit that never buys: its begin shows in the log, and the chain behind the truth stays what it is.
"""

from collections.abc import Sequence
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
    opened: Bools
    """The spell is a mission that began after its user's first instant, and so with a visit that only looks around."""
    satisfied: Bools
    """The spell is a mission that its last visit ended by a purchase."""
    farewell: Bools
    """The spell is a mission given up with a last visit."""

    @classmethod
    def none(cls) -> Self:
        """Return no spells."""
        nothing = np.zeros(0)
        never = nothing.astype(np.bool_)
        return cls(nothing.astype(np.int64), nothing, nothing, never, never, never, never)

    @classmethod
    def chained(cls, parts: Sequence[Self]) -> Self:
        """Return the spells of all parts, one after the other."""
        return cls(
            user=np.concatenate([part.user for part in parts]),
            begin=np.concatenate([part.begin for part in parts]),
            end=np.concatenate([part.end for part in parts]),
            on_mission=np.concatenate([part.on_mission for part in parts]),
            opened=np.concatenate([part.opened for part in parts]),
            satisfied=np.concatenate([part.satisfied for part in parts]),
            farewell=np.concatenate([part.farewell for part in parts]),
        )

    def where(self, keep: Bools) -> "Spells":
        """Return the spells that are to be kept."""
        return Spells(
            user=self.user[keep],
            begin=self.begin[keep],
            end=self.end[keep],
            on_mission=self.on_mission[keep],
            opened=self.opened[keep],
            satisfied=self.satisfied[keep],
            farewell=self.farewell[keep],
        )

    def until(self, tick: float) -> "Spells":
        """Return the same spells cut at an instant; later ones stay in their place and are empty."""
        over = self.end < tick
        return Spells(
            user=self.user,
            begin=np.minimum(self.begin, tick),
            end=np.minimum(self.end, tick),
            on_mission=self.on_mission,
            opened=self.opened,
            satisfied=self.satisfied & over,
            farewell=self.farewell & over,
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
    users = np.arange(len(begin), dtype=np.int64)
    satisfaction = 1 - rates.give_up / rates.mission_end
    clock, first = begin, True
    parts: list[Spells] = []
    while first or bool((clock < end).any()):
        browsing = random.exponential(1 / rates.mission)
        turn = clock + np.where(on_mission & first, 0.0, browsing)
        stop = turn + random.exponential(1 / rates.mission_end)
        satisfied = random.random(len(users)) < satisfaction
        farewell = ~satisfied & (random.random(len(users)) < rates.farewells)
        never, done = np.zeros_like(on_mission), stop < end
        browse = Spells(users, clock, np.minimum(turn, end), never, never, never, never)
        mission = Spells(
            user=users,
            begin=turn,
            end=np.minimum(stop, end),
            on_mission=~never,
            opened=turn > begin,
            satisfied=satisfied & done,
            farewell=farewell & done,
        )
        parts += [part.where(part.begin < part.end) for part in (browse, mission)]
        clock, first = stop, False
    return Spells.chained(parts)
