"""Outcomes of users whom no campaign touched: what the monitor, conversion by decile and the lift curve are taken from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from propensity.campaign.selection import TREATED
from propensity.events.event import DAY
from propensity.features.definition import LABEL_WINDOW
from propensity.store import Store

EFFECT_LASTS: Final = 7 * DAY
"""How long before a cutoff a contact still counts as touching its outcome."""
AT_ONCE: Final = 5_000
"""Users the store is asked about at a time."""


@dataclass(frozen=True, kw_only=True)
class ScoredOutcomes:
    """Users of one cutoff, one row each."""

    probabilities: NDArray[np.float64]
    bought: NDArray[np.bool_]
    left_out: int
    """Users who had been contacted."""


def touched(store: Store, *, first_cutoff: int, last_cutoff: int) -> set[str]:
    """Return the users whose outcomes at any cutoff between these a campaign may have changed."""
    return store.contacts.users(TREATED, since=first_cutoff - EFFECT_LASTS, until=last_cutoff + LABEL_WINDOW)


def untreated_outcomes(store: Store, cutoff: int) -> ScoredOutcomes:
    """Read a cutoff's mature outcomes but for the users contacted shortly before or within its 24 hours."""
    treated = touched(store, first_cutoff=cutoff, last_cutoff=cutoff)
    probabilities, bought, left_out = list[float](), list[bool](), 0
    for chunk in store.outcomes.scan(cutoff):
        for one in chunk:
            if one.user_id in treated:
                left_out += 1
            else:
                probabilities.append(one.probability)
                bought.append(one.label == 1)
    return ScoredOutcomes(
        probabilities=np.array(probabilities, dtype=np.float64),
        bought=np.array(bought, dtype=np.bool_),
        left_out=left_out,
    )


def untreated_counts(store: Store, cutoff: int, edges: Sequence[float]) -> ScoredOutcomes:
    """Count what `untreated_outcomes` reads, each user at the lower end of a stretch: no row of a large shop is read.

    All are counted in the store, and those who were contacted taken off again.
    """
    counts = np.array(store.outcomes.tally(cutoff, edges), dtype=np.int64)
    treated = sorted(touched(store, first_cutoff=cutoff, last_cutoff=cutoff))
    contacted = np.zeros_like(counts)
    for first in range(0, len(treated), AT_ONCE):
        contacted += np.array(
            store.outcomes.tally(cutoff, edges, users=treated[first : first + AT_ONCE]), dtype=np.int64
        )
    users, buyers = (counts - contacted).T
    return ScoredOutcomes(
        probabilities=np.concatenate([np.repeat(edges, buyers), np.repeat(edges, users - buyers)]),
        bought=np.repeat([True, False], [buyers.sum(), (users - buyers).sum()]),
        left_out=int(contacted[:, 0].sum()),
    )


def newest_outcomes(store: Store, *, until: int, days: int = 30) -> int | None:
    """Return the newest cutoff up to `until` whose outcomes are joined, looking back some days; None where there is none."""
    found = store.outcomes.cutoffs(since=until - days * DAY, until=until + 1)
    return max(found, default=None)
