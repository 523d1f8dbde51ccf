"""What a campaign brought: how many more of the treated bought than of those who were held back.

Both arms were chosen by the same rule and split by a hash, so the difference is the campaign's doing, as long as no
users were lost on one side. The sample-ratio check looks for that; where it fails, the difference is not to be
believed (Fabijan et al. 2019, "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from propensity.bundle import Estimate
from propensity.campaign.selection import TREATED
from propensity.proportions import Arm, SampleRatio, difference, sample_ratio
from propensity.store import Store


class Window(NamedTuple):
    """When purchases counted; microseconds since the epoch."""

    start: int
    end: int
    """What was asked for."""
    seen_until: int
    """Purchases from here on may not have arrived yet; the end, once the window is mature."""

    @property
    def is_mature(self) -> bool:
        """Whether the result is final."""
        return self.seen_until >= self.end


@dataclass(frozen=True, kw_only=True)
class Responses:
    """A list's users, one row each: how they were treated and what they did."""

    is_treated: NDArray[np.bool_]
    bought: NDArray[np.bool_]
    probabilities: NDArray[np.float64] | None
    """What the model had said; None for an uploaded list."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Treated against control."""

    treated: Arm
    control: Arm
    difference: Estimate
    """In conversion, with its 95 % interval."""
    incremental_buyers: Estimate
    """Buyers among the treated who would not have bought: the difference times the treated."""
    sample_ratio: SampleRatio | None
    """None where the share that was to be held back is not known."""

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves out "no effect"."""
        return self.difference.low > 0 or self.difference.high < 0


def window(start: int, *, length: int, watermark: int, lateness: int) -> Window:
    """Return the outcome window from `start`, as far as it has been seen at a watermark."""
    end = start + length
    return Window(start, end, seen_until=max(start, min(end, watermark - lateness)))


def responses_of_list(store: Store, list_id: str, *, within: Window) -> Responses:
    """Read what a recorded list's users did; both arms were watched for the same time, mature or not."""
    bought_by = buyers(store, within=within)
    treated, bought, probabilities = list[bool](), list[bool](), list[float]()
    for chunk in store.contacts.scan(list_id):
        for one in chunk:
            treated.append(one.arm == TREATED)
            bought.append(one.user_id in bought_by)
            probabilities.append(one.probability)
    return Responses(
        is_treated=np.array(treated, dtype=np.bool_),
        bought=np.array(bought, dtype=np.bool_),
        probabilities=np.array(probabilities, dtype=np.float64),
    )


def responses_of_users(store: Store, arms: Mapping[str, str], *, within: Window) -> Responses:
    """Read what the users of an uploaded list did."""
    bought_by = buyers(store, within=within)
    return Responses(
        is_treated=np.array([arm == TREATED for arm in arms.values()], dtype=np.bool_),
        bought=np.array([user in bought_by for user in arms], dtype=np.bool_),
        probabilities=None,
    )


def buyers(store: Store, *, within: Window) -> set[str]:
    """Return who bought in a window, as far as it has been seen; memory holds the buyers alone."""
    chunks = store.events.scan(since=within.start, until=within.seen_until, event_type="purchase")
    return {event.user_id for chunk in chunks for event in chunk}


def effect(is_treated: ArrayLike, bought: ArrayLike, *, control_share: float | None) -> Effect:
    """Compare the arms; `control_share` is what was to be held back, None where nobody knows."""
    treatment, purchase = np.asarray(is_treated, dtype=np.bool_), np.asarray(bought, dtype=np.bool_)
    treated = Arm(int(treatment.sum()), int((treatment & purchase).sum()))
    control = Arm(int((~treatment).sum()), int((~treatment & purchase).sum()))
    found = difference(treated, control)
    sizes = control.users, treated.users
    return Effect(
        treated=treated,
        control=control,
        difference=found,
        incremental_buyers=Estimate(*(treated.users * edge for edge in (found.value, found.low, found.high))),
        sample_ratio=None if control_share is None else sample_ratio(*sizes, expected=control_share),
    )
