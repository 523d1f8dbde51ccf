"""Shares and their difference, with intervals that hold where buyers are few; campaigns and experiments compare with it.

Wilson's interval for one share (Wilson 1927), Newcombe's for a difference: his method 10, which puts two of them
together (Newcombe 1998, Statistics in Medicine 17:873-890). Both stay inside what is possible and are near 95 % at
counts where the textbook's normal interval is far off. NumPy and SciPy are not needed.
"""

import math
from statistics import NormalDist
from typing import Final, NamedTuple

from propensity.bundle import Estimate

NORMAL: Final = NormalDist()
Z95: Final = NORMAL.inv_cdf(0.975)
RATIO_LIMIT: Final = 0.001
"""A smaller p-value says that users were lost or double on one side; a chance of one in a thousand is a false alarm."""


class Arm(NamedTuple):
    """One side of a comparison."""

    users: int
    buyers: int

    @property
    def conversion(self) -> Estimate:
        """Share of users who bought."""
        return share(self.buyers, self.users)


class SampleRatio(NamedTuple):
    """Whether the sides are as large as the split says they should be."""

    expected: float
    """Share of all users that the first side should have."""
    observed: float
    p_value: float

    @property
    def holds(self) -> bool:
        """Whether chance explains the sizes; where not, the comparison should not be believed."""
        return self.p_value >= RATIO_LIMIT


def share(hits: int, trials: int) -> Estimate:
    """Return hits/trials with Wilson's 95 % interval; from no trials nothing is known: 0 in [0, 1]."""
    if trials == 0:
        return Estimate(0.0, 0.0, 1.0)
    found, z2 = hits / trials, Z95**2
    middle = (found + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 * math.sqrt(found * (1 - found) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    low = 0.0 if hits == 0 else middle - half
    high = 1.0 if hits == trials else middle + half
    return Estimate(found, low, high)


def difference(one: Arm, other: Arm) -> Estimate:
    """Return the conversion of one less that of the other, with Newcombe's 95 % interval."""
    a, b = one.conversion, other.conversion
    found = a.value - b.value
    low = found - math.hypot(a.value - a.low, b.high - b.value)
    high = found + math.hypot(a.high - a.value, b.value - b.low)
    return Estimate(found, max(low, -1.0), min(high, 1.0))


def sample_ratio(first: int, second: int, *, expected: float) -> SampleRatio:
    """Compare two sizes with the share the first should have, by the chi-square test with one degree of freedom."""
    total = first + second
    if total == 0:
        return SampleRatio(expected, expected, 1.0)
    if not 0 < expected < 1:
        observed = first / total
        return SampleRatio(expected, observed, 1.0 if observed == expected else 0.0)
    chi2 = (first - total * expected) ** 2 / (total * expected * (1 - expected))
    return SampleRatio(expected, first / total, math.erfc(math.sqrt(chi2 / 2)))
