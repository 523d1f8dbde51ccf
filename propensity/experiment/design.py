"""How many users an experiment needs to notice the smallest effect that matters.

The two-proportion formula (Fleiss, Levin and Paik 2003, "Statistical Methods for Rates and Proportions", section 4.2,
with unequal sides), with two things changed. The bar to clear is that of the confidence sequence at its planned size, not
the ordinary 1.96; looking every day costs about twice the users, and pays by ending early when the effect is large. And
the bar stands at so many standard errors as the sequence will count, the larger of alike and apart: where a small side
sells more, those of a common share are too few, and the experiment would come out short.
"""

import math
from dataclasses import dataclass

from propensity.experiment.sequence import ALPHA, radius
from propensity.proportions import NORMAL


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is settled before the first user: an experiment judged by numbers chosen later is not valid."""

    base: float
    """Conversion without the challenger, as known beforehand."""
    effect: float
    """Smallest absolute difference that matters, such as 0.01."""
    share: float = 0.5
    """Of users who get the challenger."""
    power: float = 0.8
    """Chance of noticing an effect of that size."""
    alpha: float = ALPHA

    @property
    def users(self) -> int:
        """Both sides together."""
        return users_needed(
            self.base, effect=self.effect, share=self.share, power=self.power, alpha=self.alpha
        )


def users_needed(
    base: float, *, effect: float, share: float = 0.5, power: float = 0.8, alpha: float = ALPHA
) -> int:
    """Return the users of both sides after which the sequence leaves out zero with a chance of `power` or more."""
    alike, apart = _variances(base, base + effect, share=share)
    return _users(math.sqrt(max(alike, apart)) * float(radius(1.0, alpha=alpha)), apart, effect, power)


def users_for_one_look(
    base: float, *, effect: float, share: float = 0.5, power: float = 0.8, alpha: float = ALPHA
) -> int:
    """Return the users that an ordinary test needs, looked at once at its end."""
    alike, apart = _variances(base, base + effect, share=share)
    return _users(math.sqrt(alike) * NORMAL.inv_cdf(1 - alpha / 2), apart, effect, power)


def _users(bar: float, apart: float, effect: float, power: float) -> int:
    return math.ceil(((bar + NORMAL.inv_cdf(power) * math.sqrt(apart)) / effect) ** 2)


def _variances(base: float, raised: float, *, share: float) -> tuple[float, float]:
    """Return the difference's variance for one user, as if both sides were alike, and with each by its own share."""
    mixed = share * raised + (1 - share) * base
    alike = mixed * (1 - mixed) * (1 / share + 1 / (1 - share))
    return alike, raised * (1 - raised) / share + base * (1 - base) / (1 - share)
