"""How deep to go down the list: what contacting everyone above a threshold is expected to earn, for every threshold.

A contact pays where value x caused x probability > cost, so the best threshold is cost / (value x caused): no search is
needed, and calibrated probabilities are all it takes. `caused` is the share of a list's orders that the contact brings
about, and not the shopper's own mind: 1 counts every order as earned, which flatters every campaign. A campaign with a
control arm measures it: incremental buyers over the buyers among the treated.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from propensity.bundle import Estimate
from propensity.campaign.spread import probabilities_at
from propensity.proportions import Z95
from propensity.store import Store

POINTS: Final = 200
"""Of a curve: as many as a plot shows."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """What one threshold is expected to bring."""

    threshold: float
    contacts: int
    """Users at or above it."""
    expected_buyers: float
    profit: Estimate
    """With the range that chance alone leaves it in, 95 times of 100; the probabilities are taken as true."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A campaign's prospects."""

    break_even: float
    """Probability at which a contact just pays; above 1, none does."""
    best: Point
    """Where profit is highest; nobody is contacted where no contact pays."""
    curve: list[Point]
    """From the likeliest buyer down to everyone."""


def plan(probabilities: ArrayLike, *, cost: float, value: float, caused: float = 1.0) -> Plan:
    """Return the profit over thresholds; `cost` of a contact and `value` of an order in the same unit."""
    ranked = -np.sort(-np.asarray(probabilities, dtype=np.float64))
    earned = value * caused
    break_even = cost / earned if earned > 0 else float("inf")
    last_of_ties = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], len(ranked) > 0])
    shown = (
        last_of_ties[np.unique(np.linspace(0, len(last_of_ties) - 1, POINTS).round().astype(int))]
        if len(ranked)
        else last_of_ties
    )
    return Plan(
        break_even=break_even,
        best=_points(
            ranked, np.array([int((ranked > break_even).sum())]), cost=cost, earned=earned, empty=break_even
        )[0],
        curve=_points(ranked, shown + 1, cost=cost, earned=earned, empty=break_even),
    )


def plan_of_scores(store: Store, cutoff: int, *, cost: float, value: float, caused: float = 1.0) -> Plan:
    """Return the plan for everyone who was scored at a cutoff; eight bytes a user in memory, see spread for large shops."""
    return plan(probabilities_at(store, cutoff), cost=cost, value=value, caused=caused)


def _points(
    ranked: NDArray[np.float64], contacts: NDArray[np.intp], *, cost: float, earned: float, empty: float
) -> list[Point]:
    """Return the points at which so many are contacted."""
    buyers = np.concatenate([[0.0], np.cumsum(ranked)])
    spread = np.sqrt(np.concatenate([[0.0], np.cumsum(ranked * (1 - ranked))]))
    return [
        Point(
            threshold=float(ranked[count - 1]) if count else empty,
            contacts=count,
            expected_buyers=float(buyers[count]),
            profit=_around(
                earned * float(buyers[count]) - cost * count, by=Z95 * earned * float(spread[count])
            ),
        )
        for count in contacts.tolist()
    ]


def _around(value: float, *, by: float) -> Estimate:
    return Estimate(value, value - by, value + by)
