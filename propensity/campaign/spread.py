"""How a cutoff's probabilities are spread, at a cost that a page can wait for: exactly where users are few, else from counts.

A store counts the users between two probabilities from its index; reading a million rows takes it seconds.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from propensity.store import Store

EXACT: Final = 100_000
"""Users up to whom every probability is read: half a second."""
EDGES: Final[tuple[float, ...]] = (0.0, *np.geomspace(1e-5, 1.0, 600).tolist())
"""Each 1.9 % above the one before, so that the middle between two is within 1 % of what lies there."""


def probabilities_at(store: Store, cutoff: int, *, exact: int = EXACT) -> NDArray[np.float64]:
    """Return all probabilities of a cutoff, the highest first; with more than `exact` users each to within 1 %."""
    if store.scores.count(cutoff) > exact:
        counts = store.scores.tally(cutoff, EDGES)
        return np.repeat(_middles(), counts)[::-1]
    chunks = [
        np.array([one.probability for one in chunk])
        for chunk in store.scores.ranked(cutoff, chunk_rows=50_000)
    ]
    return np.concatenate(chunks) if chunks else np.zeros(0)


def edges_at(store: Store, cutoff: int, *, groups: int = 100) -> tuple[float, ...]:
    """Return ascending probabilities, from 0, that cut a cutoff's users into about so many groups of one size."""
    counts = store.scores.tally(cutoff, EDGES)
    if not any(counts):
        return EDGES[::6]
    below = np.cumsum([0, *counts[:-1]])
    wanted = np.linspace(0, sum(counts), groups, endpoint=False)
    places = np.unique(np.searchsorted(below, wanted, side="right") - 1)
    return tuple(sorted({0.0, *(EDGES[place] for place in places.tolist())}))


def _middles() -> NDArray[np.float64]:
    low = np.array(EDGES)
    return np.concatenate([[low[1] / 2], np.sqrt(low[1:-1] * low[2:]), [1.0]])
