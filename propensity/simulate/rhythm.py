"""The rhythm of day and week, as a clock that runs faster when people shop.

All the random processes run on this clock: on it they are homogeneous, which makes them exactly computable, and read on
the wall they have quiet nights and busy evenings.
"""

from typing import Final, Self

import numpy as np

from propensity.events.event import HOUR
from propensity.simulate.arrays import Floats, Ints

HOURS: Final = (14, 9, 6, 5, 5, 8, 16, 28, 40, 48, 54, 58, 64, 60, 54, 52, 54, 60, 70, 84, 96, 92, 66, 34)
"""Traffic by hour of the day, UTC: lunch and evening peaks, a quiet night."""
WEEKDAYS: Final = (0.94, 0.92, 0.95, 0.98, 1.00, 1.12, 1.16)
"""Traffic by weekday, Monday first: busier weekends."""


class Rhythm:
    """Translates between wall time (microseconds) and shopping time (days of an average rhythm, 0 at the start)."""

    def __init__(self, *, walls: Floats, ticks: Floats, origin: int) -> None:
        self._walls, self._ticks, self._origin = walls, ticks, origin

    @classmethod
    def between(cls, start: int, end: int) -> Self:
        """Return the clock for wall times from `start` to `end`, microseconds since the epoch."""
        hours = np.arange(start // HOUR, end // HOUR + 2, dtype=np.int64)
        weekdays = (hours // 24 + 3) % 7  # the epoch began on a Thursday
        weights = np.asarray(HOURS, dtype=np.float64)[hours % 24] * np.asarray(WEEKDAYS)[weekdays]
        weights /= float(np.sum(HOURS)) * float(np.mean(WEEKDAYS))
        ticks = np.concatenate([[0.0], np.cumsum(weights[:-1])])
        walls = ((hours * HOUR) - start).astype(np.float64)
        return cls(walls=walls, ticks=ticks - np.interp(0.0, walls, ticks), origin=start)

    def shopping_time(self, wall: int) -> float:
        """Return the shopping time of a wall time."""
        return float(np.interp(float(wall - self._origin), self._walls, self._ticks))

    def wall_times(self, ticks: Floats) -> Ints:
        """Return the wall times of shopping times."""
        return np.interp(ticks, self._ticks, self._walls).astype(np.int64) + self._origin
