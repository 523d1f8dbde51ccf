"""Does the score find buyers, and does it find users whom a campaign makes buy? Two questions, by score.

Conversion and lift answer the first, on users nobody contacted. Uplift and the Qini curve answer the second, on a list
with a control arm: likely buyers often buy anyway, and then a contact is wasted on them (Radcliffe 2007, "Using Control
Groups to Target on Predicted Lift", Direct Marketing Analytics Journal 1:14-21).

Groups are cut by score into tenths that never split a tie: there are fewer where many users share a score. Each user is
one row; of outcomes at several cutoffs, take one.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from propensity import metrics
from propensity.bundle import Estimate
from propensity.metrics import Floats
from propensity.proportions import Arm, difference

CURVE_BINS: Final = 100
"""Points of a curve: as many as a plot shows."""
ROUNDS: Final = 500
LEAST_USERS: Final = 200
LEAST_BUYERS: Final = 30
"""In either arm, before a coefficient is taken for shown: with fewer, its interval misses zero far too often."""


@dataclass(frozen=True, kw_only=True)
class Decile:
    """A tenth of the users by score; 1 is the best."""

    number: int
    low: float
    high: float
    """Lowest and highest probability in it."""
    expected: float
    """Buyers that the probabilities say."""
    arm: Arm

    @property
    def conversion(self) -> Estimate:
        """Share who bought."""
        return self.arm.conversion


@dataclass(frozen=True, kw_only=True)
class UpliftDecile:
    """A tenth of a list by score; 1 is the best."""

    number: int
    low: float
    high: float
    treated: Arm
    control: Arm

    @property
    def uplift(self) -> Estimate:
        """Conversion of the treated less that of the control."""
        return difference(self.treated, self.control)


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A line from nobody to everybody, by descending score."""

    share: Floats
    """Of users, from 0 to 1."""
    value: Floats


@dataclass(frozen=True, kw_only=True)
class Qini:
    """How much of a campaign's effect comes from the best-scored users."""

    curve: Curve
    """Incremental buyers when only the best `share` are treated; a straight line where the score says nothing."""
    coefficient: Estimate
    """Area between curve and straight line, for each treated user; around 0 where the score finds nobody to persuade."""
    treated: Arm
    control: Arm

    @property
    def is_enough(self) -> bool:
        """Whether both arms are large enough to believe the interval."""
        arms = (self.treated, self.control)
        return all(arm.users >= LEAST_USERS and arm.buyers >= LEAST_BUYERS for arm in arms)

    @property
    def finds(self) -> Literal["persuadable", "put off"] | None:
        """Users whom a contact makes buy, or keeps from buying; None where neither is shown."""
        if not self.is_enough:
            return None
        return "persuadable" if self.coefficient.low > 0 else "put off" if self.coefficient.high < 0 else None


def conversion_by_decile(probabilities: ArrayLike, bought: ArrayLike) -> list[Decile]:
    """Return the tenths, the best first."""
    chances, purchases = np.asarray(probabilities, dtype=np.float64), np.asarray(bought, dtype=np.bool_)
    return [
        Decile(
            number=number,
            low=float(chances[within].min()),
            high=float(chances[within].max()),
            expected=float(chances[within].sum()),
            arm=Arm(int(within.sum()), int(purchases[within].sum())),
        )
        for number, within in _tenths(chances)
    ]


def uplift_by_decile(
    probabilities: ArrayLike, *, is_treated: ArrayLike, bought: ArrayLike
) -> list[UpliftDecile]:
    """Return the tenths of a list with both arms, the best first."""
    chances, purchases = np.asarray(probabilities, dtype=np.float64), np.asarray(bought, dtype=np.bool_)
    treated = np.asarray(is_treated, dtype=np.bool_)
    return [
        UpliftDecile(
            number=number,
            low=float(chances[within].min()),
            high=float(chances[within].max()),
            treated=Arm(int((within & treated).sum()), int((within & treated & purchases).sum())),
            control=Arm(int((within & ~treated).sum()), int((within & ~treated & purchases).sum())),
        )
        for number, within in _tenths(chances)
    ]


def lift_curve(probabilities: ArrayLike, bought: ArrayLike) -> Curve:
    """Return the share of all buyers among the best-scored; its height over the share of users is the lift."""
    bins = _bins(np.asarray(probabilities, dtype=np.float64), CURVE_BINS)
    users, buyers = np.bincount(bins), np.bincount(bins, weights=np.asarray(bought, dtype=np.float64))
    return Curve(share=_rising(users), value=_rising(buyers))


def qini(probabilities: ArrayLike, *, is_treated: ArrayLike, bought: ArrayLike, seed: int) -> Qini:
    """Return the Qini curve, and its coefficient with a 95 % interval from resampled users."""
    bins = _bins(np.asarray(probabilities, dtype=np.float64), CURVE_BINS)
    kind = 2 * np.asarray(is_treated, dtype=np.intp) + np.asarray(bought, dtype=np.intp)
    cells = np.bincount(4 * bins + kind, minlength=4 * (1 + bins.max(initial=0)))
    # All that the curve asks of a user is the cell, so drawing users anew is drawing cells anew.
    chance, total = np.random.default_rng(seed), int(cells.sum())
    drawn = chance.multinomial(total, cells / max(1, total), size=ROUNDS)
    share, found = _qini(cells[None].astype(np.float64))
    area = _area(share, found)
    areas = _area(*_qini(drawn.astype(np.float64)))
    low, high = np.percentile(areas, [2.5, 97.5])
    stayed, came, passed, answered = cells.reshape(-1, 4).sum(axis=0).tolist()
    scale = max(1.0, float(passed + answered))
    return Qini(
        treated=Arm(passed + answered, answered),
        control=Arm(stayed + came, came),
        curve=Curve(share=share[0], value=found[0]),
        coefficient=Estimate(float(area[0]) / scale, float(low) / scale, float(high) / scale),
    )


def _qini(cells: Floats) -> tuple[Floats, Floats]:
    """Return share and incremental buyers, shape (rounds, bins + 1), from counts of shape (rounds, 4 x bins).

    Where there is no control user yet, nothing is known to be gained.
    """
    counted = cells.reshape(len(cells), -1, 4).cumsum(axis=1)
    control, treated = counted[..., 0] + counted[..., 1], counted[..., 2] + counted[..., 3]
    scaled = np.divide(treated, control, out=np.zeros_like(treated), where=control > 0)
    gained = np.where(control > 0, counted[..., 3] - counted[..., 1] * scaled, 0.0)
    everyone = control + treated
    share = everyone / np.maximum(1.0, everyone[:, -1:])
    start = np.zeros((len(cells), 1))
    return np.concatenate([start, share], axis=1), np.concatenate([start, gained], axis=1)


def _area(share: Floats, gained: Floats) -> Floats:
    """Return the area between the curve and the straight line to its end."""
    return np.asarray(np.trapezoid(gained - share * gained[:, -1:], share, axis=1))


def _tenths(chances: Floats) -> list[tuple[int, NDArray[np.bool_]]]:
    bins = _bins(chances, 10)
    return [(number + 1, bins == value) for number, value in enumerate(np.unique(bins))]


def _bins(chances: Floats, count: int) -> NDArray[np.intp]:
    """Return each row's group, 0 the best, with none left empty."""
    if not len(chances):
        return np.zeros(0, dtype=np.intp)
    highest_last = metrics.calibration_bins(chances, bins=count)
    _, packed = np.unique(-highest_last, return_inverse=True)
    return np.asarray(packed, dtype=np.intp)


def _rising(counts: ArrayLike) -> Floats:
    """Return the sums so far as a share of all, from 0 to 1."""
    so_far: Floats = np.cumsum(np.concatenate([[0.0], np.asarray(counts, dtype=np.float64)]))
    return np.asarray(so_far / max(1.0, so_far[-1]))
