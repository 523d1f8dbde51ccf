"""The true probability of a purchase within 24 hours, given what is hidden at the cutoff.

Hidden are the intent (browsing, on a mission), the user's own rates, and whether a visit is under way. On the rhythm's
clock the intent is a two-state Markov chain that is killed by a purchase, so the probability of none is a product of
2x2 matrix exponentials (a Markov-modulated Poisson process; Fischer and Meier-Hellstern 1993). Two edges: a visit
under way at the cutoff buys with the conversion of its intent, and one that begins within its mean length of the end
of the 24 hours buys too late. The second is exact in the first order of that length; a test holds the whole to the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from propensity.events.event import DAY, MICROS
from propensity.simulate.arrays import Floats
from propensity.simulate.population import Rates
from propensity.simulate.process import Process
from propensity.simulate.rhythm import Rhythm


@dataclass(frozen=True)
class Regime:
    """The constants that hold from `begin` (wall time) to the next regime."""

    begin: int
    process: Process
    rates: Rates


def no_purchase(cutoff: int, *, regimes: Sequence[Regime], rhythm: Rhythm) -> tuple[Floats, Floats]:
    """Return each user's probability of no purchase in [cutoff, cutoff + 24 h): while browsing, on a mission.

    Both count visits that begin at the cutoff or later.
    """
    edges = _edges(cutoff, regimes=regimes)
    browsing = mission = np.ones_like(regimes[0].rates.mission)
    for begin, end in zip(edges[-2::-1], edges[:0:-1], strict=True):
        regime = _regime_at(begin, regimes=regimes)
        span = rhythm.shopping_time(end) - rhythm.shopping_time(begin)
        left = cutoff + DAY - begin
        browsing, mission = _step(
            browsing,
            mission,
            rates=regime.rates,
            span=span,
            browsing_counts=left > _length(regime.process.browsing.minutes),
            mission_counts=left > _length(regime.process.mission.minutes),
        )
    return browsing, mission


def _edges(cutoff: int, *, regimes: Sequence[Regime]) -> list[int]:
    """Return the instants between which nothing changes, in order."""
    end = cutoff + DAY
    inner = {regime.begin for regime in regimes}
    for regime in regimes:
        inner |= {end - _length(visit.minutes) for visit in (regime.process.browsing, regime.process.mission)}
    return [cutoff, *sorted(edge for edge in inner if cutoff < edge < end), end]


def _length(minutes: float) -> int:
    return round(minutes * 60 * MICROS)


def _regime_at(time: int, *, regimes: Sequence[Regime]) -> Regime:
    return [regime for regime in regimes if regime.begin <= time][-1]


def _step(
    browsing: Floats,
    mission: Floats,
    *,
    rates: Rates,
    span: float,
    browsing_counts: bool,
    mission_counts: bool,
) -> tuple[Floats, Floats]:
    """Return exp(A span) (browsing, mission), A being the chain's generator with purchases as killing.

    The closed form of a 2x2 exponential: e^(m t) [cosh(d t) I + sinh(d t) / d (A - m I)], m half the trace.
    """
    up, down = rates.mission, rates.give_up
    out_browsing = up + browsing_counts * rates.browsing_visits * rates.browsing_conversion
    out_mission = down + mission_counts * rates.mission_visits * rates.mission_conversion
    middle = -(out_browsing + out_mission) / 2
    half = (out_mission - out_browsing) / 2
    root = np.sqrt(half**2 + up * down)
    scale, even = np.exp(middle * span), np.cosh(root * span)
    odd = np.sinh(root * span) / root
    return (
        scale * (even * browsing + odd * (half * browsing + up * mission)),
        scale * (even * mission + odd * (down * browsing - half * mission)),
    )
