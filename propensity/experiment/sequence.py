"""A 95 % interval for a difference that may be looked at every day, and acted upon the first day it leaves out zero.

An ordinary interval is right on the day it was planned for; who looks daily and stops at the first "significant" day is
wrong far more often than one time in twenty. This is an asymptotic confidence sequence with a normal mixture
(Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, "Time-uniform central limit theory and asymptotic confidence
sequences", Annals of Statistics 52; the mixture is that of Robbins 1970): over all days together it leaves
out the truth with a chance of at most 5 %. It is about half as wide again as the ordinary one at the planned size, and
relatively wider before and after. Its variance is the larger of two: each side's own, and the one as if both sold alike. A
small side with few buyers by chance would else look certain as well as bad. In either, one buyer and one other user are
added to each side (Agresti and Caffo 2000), so that days with no buyer on one side do not look certain.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
ALPHA: Final = 0.05


def confidence_sequence(
    challenger: tuple[ArrayLike, ArrayLike],
    champion: tuple[ArrayLike, ArrayLike],
    *,
    planned: float,
    alpha: float = ALPHA,
) -> tuple[Floats, Floats]:
    """Return the ends of the interval for challenger less champion, each given as (users, buyers).

    `planned` is the number of users, both sides together, at which it should be narrowest; it has to be settled
    before the first look. Arrays of looks are taken as well as single numbers.
    """
    one, other = _counts(challenger), _counts(champion)
    users, buyers = one[0] + other[0], one[1] + other[1]
    alike = _spread(users, buyers, ones=2) * (1 / (one[0] + 2) + 1 / (other[0] + 2))
    apart = _spread(*one, ones=1) / (one[0] + 2) + _spread(*other, ones=1) / (other[0] + 2)
    reach = radius(users / planned, alpha=alpha) * np.sqrt(np.maximum(alike, apart))
    found = _share(*one) - _share(*other)
    return np.maximum(found - reach, -1.0), np.minimum(found + reach, 1.0)


def radius(progress: ArrayLike, *, alpha: float = ALPHA) -> Floats:
    """Return the interval's half-width in standard errors, when `progress` times the planned users were seen."""
    # Their approximation (appendix) to the mixture that is narrowest at progress 1.
    widest = -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))
    time = np.maximum(np.asarray(progress, dtype=np.float64), 1e-12) * widest
    return np.asarray(np.sqrt(2 * (1 + 1 / time) * np.log(np.sqrt(time + 1) / alpha)))


def _counts(side: tuple[ArrayLike, ArrayLike]) -> tuple[Floats, Floats]:
    return np.asarray(side[0], dtype=np.float64), np.asarray(side[1], dtype=np.float64)


def _share(users: Floats, buyers: Floats) -> Floats:
    return np.asarray(buyers / np.maximum(1.0, users))


def _spread(users: Floats, buyers: Floats, *, ones: int) -> Floats:
    """Return one user's variance, after `ones` buyers and as many others were added."""
    share = (buyers + ones) / (users + 2 * ones)
    return np.asarray(share * (1 - share))
