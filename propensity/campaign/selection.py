"""Chooses a campaign's users from the newest scores, and holds a share of them back as control.

The control share is drawn by a hash of the user, not by lot: the same list chosen twice is the same list, and with the
same seed a user who is held back from one campaign is held back from all of them, so that the control arm of a running
campaign is not treated by the next one. Another seed draws anew.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from propensity.assignment import Split
from propensity.errors import NoScores
from propensity.store import Ranked, Store

TREATED: Final = "treated"
CONTROL: Final = "control"
ARMS: Final = (TREATED, CONTROL)
USE: Final = "campaign control"
"""Namespace of the split."""
CONTROL_SHARE: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Control:
    """How many are held back, and by which draw."""

    seed: int
    share: float = CONTROL_SHARE

    def split(self) -> Split:
        """Return what decides: who has a place below the share is held back."""
        return Split(USE, seed=self.seed)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Where a list ends, going down from the likeliest buyer; whatever comes first."""

    words: str
    """For a person."""
    users: int | None = None
    """Users on the list, both arms."""
    probability: float = 0.0
    """The least of a listed user."""
    treated: int | None = None
    """Users in the treated arm."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Users chosen, the likeliest buyer first."""

    cutoff: int
    model_version: str
    rule: Rule
    control: Control
    users: list[str]
    probabilities: NDArray[np.float64]
    is_treated: NDArray[np.bool_]

    @property
    def treated(self) -> int:
        """Users who will be contacted."""
        return int(self.is_treated.sum())

    @property
    def expected_buyers(self) -> float:
        """Buyers to be expected among the treated within a day of the cutoff: the sum of calibrated probabilities."""
        return float(self.probabilities[self.is_treated].sum())


def top(users: int) -> Rule:
    """Take the likeliest buyers, the control arm among them."""
    return Rule(words=f"top {users:,} by probability", users=users)


def at_least(probability: float) -> Rule:
    """Take everyone whose probability is as high."""
    return Rule(words=f"probability of {probability:g} or more", probability=probability)


def budget(amount: float, *, cost: float) -> Rule:
    """Take as many as can be contacted for an amount; the control arm costs nothing, and a free contact has no end."""
    words = f"a budget of {amount:g} at {cost:g} a contact"
    if cost <= 0:
        return Rule(words=words)
    return Rule(
        words=words, treated=math.floor(amount / cost * (1 + 1e-12))
    )  # 0.3 / 0.1 is 2.9999999999999996


def select(store: Store, rule: Rule, *, control: Control, cutoff: int | None = None) -> Selection:
    """Choose by the rule from the scores of a cutoff, the newest where none is named; NoScores where there are none."""
    of = newest_cutoff(store) if cutoff is None else cutoff
    best = store.scores.top(of, 1)
    if not best:
        raise NoScores(f"No users were scored at {of}. Run `propensity score`.")
    split = control.split()
    chosen, treated, count = list[Ranked](), list[bool](), 0
    for one in _ranking(store, of):
        is_treated = split.place(one.user_id) >= control.share
        if _is_over(rule, one, chosen=len(chosen), treated=count + is_treated):
            break
        chosen.append(one)
        treated.append(is_treated)
        count += is_treated
    return Selection(
        cutoff=of,
        model_version=best[0].model_version,
        rule=rule,
        control=control,
        users=[one.user_id for one in chosen],
        probabilities=np.array([one.probability for one in chosen], dtype=np.float64),
        is_treated=np.array(treated, dtype=np.bool_),
    )


def newest_cutoff(store: Store) -> int:
    """Return the cutoff of the newest scores; NoScores where there are none."""
    cutoffs = store.scores.cutoffs(1)
    if not cutoffs:
        raise NoScores("No users were scored yet. Train a model and run `propensity score`.")
    return cutoffs[0]


def _ranking(store: Store, cutoff: int) -> Iterator[Ranked]:
    for chunk in store.scores.ranked(cutoff, chunk_rows=10_000):
        yield from chunk


def _is_over(rule: Rule, one: Ranked, *, chosen: int, treated: int) -> bool:
    """Whether the list ends before this user; `treated` counts the user."""
    return (
        one.probability < rule.probability
        or (rule.users is not None and chosen >= rule.users)
        or (rule.treated is not None and treated > rule.treated)
    )
