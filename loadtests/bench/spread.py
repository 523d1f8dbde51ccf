"""How numbers of several rounds are written down: the median, and the lowest and highest where there are several."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Lowest, median and highest of some rounds."""

    low: float
    middle: float
    high: float
    rounds: int

    def written(self, form: str = ",.0f") -> str:
        """Return `middle (low-high)`, or one number of one round."""
        if np.isnan(self.middle):
            return "-"
        if self.rounds == 1:
            return f"{self.middle:{form}}"
        return f"{self.middle:{form}} ({self.low:{form}}-{self.high:{form}})"


def spread(values: Sequence[float]) -> Spread:
    """Return the spread of at least one value; rounds in which nothing was measured do not count."""
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return Spread(np.nan, np.nan, np.nan, 0)
    return Spread(min(known), median(known), max(known), len(known))


def ratio(values: Sequence[float], to: Sequence[float]) -> Spread:
    """Return the spread of the ratios within each round; of none where the other was not measured."""
    if not to:
        return spread([])
    pairs = zip(values, to, strict=True)
    return spread([value / other if other else np.nan for value, other in pairs])
