"""Which cutoffs a model is fitted, calibrated, thresholded and tested on: in that order of time, never overlapping.

A label looks 24 hours ahead. Two periods whose cutoffs are closer than that would share purchases, and the later one
would flatter the model; so every period starts at least 24 hours after the last cutoff of the one before, and the
cross-validation inside the first one keeps the same distance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from propensity.errors import UnusableTrainingData
from propensity.events.event import DAY, HOUR
from propensity.features.definition import LABEL_WINDOW
from propensity.settings import Settings

FIT: Final = "fit"
CALIBRATE: Final = "calibrate"
VALIDATE: Final = "validate"
TEST: Final = "test"
NAMES: Final = (FIT, CALIBRATE, VALIDATE, TEST)

SHARES: Final = {CALIBRATE: 1 / 8, VALIDATE: 1 / 8, TEST: 1 / 4}
"""Of the cutoffs; the rest is fitted on."""
ENOUGH_DAYS: Final = 14 * DAY
"""What must be left of a log after its burn-in; where less is, the burn-in is a quarter of the log."""
WIDEST_STRIDE: Final = 25
"""Hours to which a long log is thinned: a cutoff a day, an hour later each day. Older days are left out."""
FOLDS: Final = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The cutoffs of each period and what stood before the first."""

    periods: dict[str, tuple[int, ...]]
    burn_in: int
    """Microseconds between the log's first event and the earliest possible cutoff."""
    warnings: tuple[str, ...]

    @property
    def cutoffs(self) -> list[int]:
        """All cutoffs in time order."""
        return [cutoff for name in NAMES for cutoff in self.periods[name]]


def plan(first: int, last: int, *, settings: Settings) -> Plan:
    """Split a log from its first event to its watermark; UnusableTrainingData where it is too short."""
    burn_in, warnings = _burn_in(last - first, asked=settings.burn_in_days * DAY)
    newest = (last - LABEL_WINDOW - round(settings.lateness_hours * HOUR)) // HOUR * HOUR
    grid = _grid(first + burn_in, newest, settings=settings)
    step = _gap(grid)
    usable = len(grid) - (len(NAMES) - 1) * (step - 1)
    least_fit = step + 1
    if len(grid) < 2 or usable < least_fit + len(SHARES):
        raise UnusableTrainingData(
            f"The log spans {(last - first) / DAY:.1f} days, which hold {len(grid)} cutoffs: too few to fit, calibrate, "
            "validate and test on days of their own. Ingest at least 8 days of events; where there are that many, lower "
            "PROPENSITY_CUTOFF_STRIDE_HOURS or PROPENSITY_LATENESS_HOURS, or raise PROPENSITY_MAX_CUTOFFS."
        )
    return Plan(
        periods=_split(grid, sizes=_sizes(usable, least_fit=least_fit), step=step),
        burn_in=burn_in,
        warnings=tuple(warnings),
    )


def folds(cutoffs: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Cut a period into (train, test) runs of whole cutoffs in time order, 24 hours apart.

    The tests are the last quarters of the period; a period too short for them has one fold, tested on its end.
    """
    size = max(1, len(cutoffs) // (FOLDS + 1))
    starts = [len(cutoffs) - size * back for back in range(FOLDS, 0, -1)]
    found = [_fold(cutoffs, start=start, end=start + size) for start in starts if start > 0]
    found = [fold for fold in found if fold[0]]
    if found or cutoffs[-1] - cutoffs[0] < LABEL_WINDOW:
        return found
    start = next(index for index, cutoff in enumerate(cutoffs) if cutoff - cutoffs[0] >= LABEL_WINDOW)
    return [_fold(cutoffs, start=start, end=len(cutoffs))]


def _fold(cutoffs: Sequence[int], *, start: int, end: int) -> tuple[list[int], list[int]]:
    test = list(cutoffs[start:end])
    return [cutoff for cutoff in cutoffs if cutoff <= test[0] - LABEL_WINDOW], test


def _burn_in(span: int, *, asked: int) -> tuple[int, list[str]]:
    if span - asked >= ENOUGH_DAYS:
        return asked, []
    taken = min(asked, span // 4)
    if taken == asked:
        return asked, []
    return taken, [
        f"The log spans {span / DAY:.1f} days only: {taken / DAY:.1f} days of history stand before the first "
        f"cutoff instead of {asked / DAY:.0f}, so features of long windows are cut short."
    ]


def _grid(oldest: int, newest: int, *, settings: Settings) -> list[int]:
    """Return evenly spaced cutoffs up to the newest, as dense as set or as `max_cutoffs` allows."""
    wider = [hours for hours in range(settings.cutoff_stride_hours + 1, WIDEST_STRIDE + 1) if _spreads(hours)]
    for hours in (settings.cutoff_stride_hours, *wider):
        grid = list(range(newest, oldest - 1, -hours * HOUR))
        if len(grid) <= settings.max_cutoffs:
            break
    return grid[: settings.max_cutoffs][::-1]


def _spreads(hours: int) -> bool:
    """Whether cutoffs so many hours apart fall on every hour of the day."""
    return math.gcd(hours, 24) == 1


def _gap(grid: Sequence[int]) -> int:
    """Return how many places on the grid are at least a label window."""
    return math.ceil(LABEL_WINDOW / (grid[1] - grid[0])) if len(grid) > 1 else 1


def _sizes(usable: int, *, least_fit: int) -> list[int]:
    later = {name: max(1, round(usable * share)) for name, share in SHARES.items()}
    while usable - sum(later.values()) < least_fit:
        later[max(later, key=lambda name: later[name])] -= 1
    return [usable - sum(later.values()), *later.values()]


def _split(grid: Sequence[int], *, sizes: Sequence[int], step: int) -> dict[str, tuple[int, ...]]:
    periods, start = {}, 0
    for name, size in zip(NAMES, sizes, strict=True):
        periods[name] = tuple(grid[start : start + size])
        start += size + step - 1
    return periods
