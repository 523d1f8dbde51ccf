"""Whether the sides are as large as the split says, for who looks every day.

The chi-square test is right for one look; at a daily one its false alarms add up, and each would end an experiment. This
is the sequential test of Lindon and Malek (2022, "Anytime-Valid Inference for Multinomial Count Data", NeurIPS 35): the
chance of the counts with a share drawn around the right one, over their chance with the right one. Without a fault that
quotient is a martingale, so over all looks together it passes 1/p with a chance of at most p (Ville 1939).
"""

from math import exp, lgamma, log
from typing import Final

from propensity.proportions import SampleRatio

FIRMNESS: Final = 1_000.0
"""Users that the prior counts for: faults of some points show with few users, smaller ones with more."""


def daily_sample_ratio(first: int, second: int, *, expected: float) -> SampleRatio:
    """Compare two sizes with the share that the first should have; the p-value holds however often one looks."""
    total = first + second
    if not total:
        return SampleRatio(expected, expected, 1.0)
    one, other = FIRMNESS * expected, FIRMNESS * (1 - expected)
    drawn = _log_beta(one + first, other + second) - _log_beta(one, other)
    right = first * log(expected) + second * log(1 - expected)
    return SampleRatio(expected, first / total, exp(min(0.0, right - drawn)))


def _log_beta(one: float, other: float) -> float:
    return lgamma(one) + lgamma(other) - lgamma(one + other)
