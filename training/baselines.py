"""What anybody could do without a model; a model is worth its upkeep only beside them.

Each baseline ranks users by one plain number and says yes by one plain rule; none is fitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from propensity.metrics import Ranking
from training.rows import Rows

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A score to rank by, and the least score that is answered yes."""

    name: str
    description: str
    score: Callable[[Rows], Floats]
    yes_from: float


def _events_24h(rows: Rows) -> Floats:
    names = ("views_24h", "favorites_24h", "carts_24h", "removals_24h", "purchases_24h")
    total: Floats = np.sum([rows.column(name) for name in names], axis=0)
    return total


BASELINES: Final = (
    Baseline(
        name="base_rate",
        description="Everybody is equally likely.",
        score=lambda rows: np.zeros(len(rows)),
        yes_from=0.0,
    ),
    Baseline(
        name="open_cart",
        description="Who has an open cart buys.",
        score=lambda rows: (rows.column("cart_count") > 0).astype(np.float64),
        yes_from=1.0,
    ),
    Baseline(
        name="recency",
        description="Who was here last buys; yes within 24 hours.",
        score=lambda rows: -rows.column("last_activity_hours"),
        yes_from=-24.0,
    ),
    Baseline(
        name="events_24h",
        description="Who did most in the last 24 hours buys; yes from one event.",
        score=_events_24h,
        yes_from=1.0,
    ),
    Baseline(
        name="purchases_so_far",
        description="Who bought most in the last 30 days buys; yes from one purchase.",
        score=lambda rows: rows.column("purchases_30d"),
        yes_from=1.0,
    ),
)


def best(rows: Rows) -> Baseline:
    """Return the baseline with the highest average precision on these rows."""
    return max(BASELINES, key=lambda one: float(Ranking(rows.labels, one.score(rows)).average_precision()))
