"""A 95 % interval for a difference that may be looked at every day, and acted upon the first day it leaves out zero.

An ordinary interval is right on the day it was planned for; who looks daily and stops at the first "significant" day is
wrong far more often than one time in twenty. This is an asymptotic confidence sequence with a normal mixture
(Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas 2024, "Time-uniform central limit theory and asymptotic confidence
sequences", Annals of Statistics 52; the mixture is that of Robbins 1970): over all days together it leaves
out the truth with a chance of at most 5 %. It is about half as wide again as the ordinary one at the planned size, and
relatively wider before and after. Its variance is Agresti and Caffo's (2000, one buyer and one other user added to
each side), so that days with no buyer on one side do not look certain.
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
    (n1, share1, spread1), (n2, share2, spread2) = _side(*challenger), _side(*champion)
    reach = radius((n1 + n2) / planned, alpha=alpha) * np.sqrt(spread1 + spread2)
    found = share1 - share2
    return np.maximum(found - reach, -1.0), np.minimum(found + reach, 1.0)


def radius(progress: ArrayLike, *, alpha: float = ALPHA) -> Floats:
    """Return the interval's half-width in standard errors, when `progress` times the planned users were seen."""
    # Their approximation (appendix) to the mixture that is narrowest at progress 1.
    widest = -2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))
    time = np.maximum(np.asarray(progress, dtype=np.float64), 1e-12) * widest
    return np.asarray(np.sqrt(2 * (1 + 1 / time) * np.log(np.sqrt(time + 1) / alpha)))


def _side(users: ArrayLike, buyers: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return users, share of buyers, and the variance of that share."""
    count, bought = np.asarray(users, dtype=np.float64), np.asarray(buyers, dtype=np.float64)
    safe = (bought + 1) / (count + 2)
    return count, bought / np.maximum(1.0, count), safe * (1 - safe) / (count + 2)
