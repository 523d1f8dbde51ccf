"""What a champion's users were like on the days it was chosen and tested on: what drift is measured from.

A week has a rhythm, so a cutoff is compared with the reference cutoffs nearest in weekday and hour. A short reference
does not hold the same weekday and hour: then the nearest is hours or a day off, and how much such a mismatch does is
seen by holding each reference cutoff against its own nearest ones.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from jobs.monitor.drift.sample import Sample
from propensity.events.event import DAY, HOUR

NEAREST: Final = 3
"""Reference cutoffs a cutoff is compared with: one alone would bring its own noise with it."""
LEAST_CUTOFFS: Final = 6
DAY_IN_HOURS: Final = 3.0
"""How much a weekday further away counts, in hours of the day: days differ less than day and night."""


class Reference:
    """Rows of a version's validation and test days."""

    least_cutoffs = LEAST_CUTOFFS

    def __init__(self, sample: Sample) -> None:
        """Take the rows; sort each column once."""
        self.sample = sample
        self.cutoffs: list[int] = np.unique(sample.cutoffs).tolist()
        self._sorted = np.sort(sample.values, axis=0)

    @cached_property
    def user_count(self) -> int:
        """How many different users."""
        return self.sample.user_count

    @cached_property
    def between_cutoffs(self) -> NDArray[np.float64]:
        """Mean squared distance of each cutoff's means from those of its own nearest cutoffs."""
        means = {
            cutoff: self.places(self.sample.at([cutoff])).mean(axis=0, dtype=np.float64)
            for cutoff in self.cutoffs
        }
        gaps = [
            means[cutoff]
            - np.mean(
                [means[other] for other in nearest(cutoff, [c for c in self.cutoffs if c != cutoff])], axis=0
            )
            for cutoff in self.cutoffs
        ]
        spread: NDArray[np.float64] = np.mean(np.square(gaps), axis=0)
        return spread

    def places(self, sample: Sample) -> NDArray[np.float32]:
        """Return each value's place among the reference's, from -1 to 1, and beside them the squared places."""
        size, columns = len(self._sorted), sample.values.shape[1]
        places = np.empty((len(sample), 2 * columns), dtype=np.float32)
        for column in range(columns):
            values, ordered = sample.values[:, column], self._sorted[:, column]
            below = np.searchsorted(ordered, values, side="left")
            upto = np.searchsorted(ordered, values, side="right")
            places[:, column] = (below + upto) / size - 1
        places[:, columns:] = places[:, :columns] ** 2
        return places

    def matches(self, cutoffs: Sequence[int] | NDArray[np.int64]) -> dict[int, float]:
        """Return the reference cutoffs that these are compared with, each with its share of the weight."""
        weights: dict[int, float] = {}
        for cutoff in cutoffs:
            found = nearest(int(cutoff), self.cutoffs)
            for other in found:
                weights[other] = weights.get(other, 0.0) + 1 / len(found) / len(cutoffs)
        return weights


def nearest(cutoff: int, others: Sequence[int]) -> list[int]:
    """Return the others nearest in weekday and hour, at most NEAREST."""
    return sorted(others, key=lambda other: (distance(cutoff, other), other))[:NEAREST]


def distance(one: int, other: int) -> float:
    """Return how far two instants are in the day's and the week's rhythm, in hours."""
    apart = abs(one - other)
    hours = apart % DAY / HOUR
    days = round(apart / DAY) % 7
    return min(hours, 24 - hours) + DAY_IN_HOURS * min(days, 7 - days)
