"""Response times from the prediction log: the middle, and what the slowest twentieth and hundredth wait.

Of each ten minutes some requests are read, and each stands for as many as there were: a busy hour counts as much as it
was busy, and a million a day are no more to read than a thousand. Batches are left out, as their time is that of many.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from propensity.bundle import Estimate
from propensity.events.event import HOUR, MICROS
from propensity.proportions import Z95
from propensity.store import Timed

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
STRETCH: Final = HOUR // 6
SAMPLE: Final = 60
"""Requests read of each stretch: 360 an hour show its slowest hundredth."""
ENOUGH: Final = 20
"""Requests of an hour below which its slowest hundredth is not drawn."""
Floats = NDArray[np.float64]


class Speed(NamedTuple):
    """How fast the requests of a window were answered; there was at least one."""

    requests: int
    """All of them, those too that were not read."""
    quantiles: dict[str, Estimate]
    """Microseconds."""
    by_hour: pd.DataFrame
    """`time, quantile, milliseconds, low, high, requests`."""


def speed(found: Sequence[Timed]) -> Speed | None:
    """Measure some stretches; None where nothing was answered in them."""
    if not found:
        return None
    return Speed(
        requests=sum(one.answers for one in found), quantiles=quantiles(found), by_hour=by_hour(found)
    )


def quantiles(found: Sequence[Timed]) -> dict[str, Estimate]:
    """Return p50, p95 and p99 in microseconds, each with its 95 % interval."""
    times = np.concatenate([np.array(one.latencies, dtype=np.float64) for one in found])
    weights = np.concatenate([np.full(len(one.latencies), one.answers / len(one.latencies)) for one in found])
    return {name: _quantile(times, weights, at=at) for name, at in QUANTILES.items()}


def _quantile(times: Floats, weights: Floats, *, at: float) -> Estimate:
    """Return a quantile between those that so many requests put it between by chance (binomial counts).

    Unequal weights tell as much as fewer equal ones (Kish 1965, "Survey Sampling": effective sample size).
    """
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    by = Z95 * math.sqrt(at * (1 - at) / effective)
    edges = np.quantile(
        times, [at, max(0.0, at - by), min(1.0, at + by)], weights=weights, method="inverted_cdf"
    )
    return Estimate(*edges.tolist())


def by_hour(found: Sequence[Timed]) -> pd.DataFrame:
    """Return the quantiles of the hours with enough requests."""
    hours: dict[int, list[Timed]] = {}
    for one in found:
        hours.setdefault(one.since // HOUR, []).append(one)
    rows = [
        (hour * HOUR // MICROS, name, one.value / 1000, one.low / 1000, one.high / 1000, requests)
        for hour, parts in sorted(hours.items())
        if (requests := sum(part.answers for part in parts)) >= ENOUGH
        for name, one in quantiles(parts).items()
    ]
    frame = pd.DataFrame(rows, columns=["time", "quantile", "milliseconds", "low", "high", "requests"])
    return frame.assign(time=pd.to_datetime(frame["time"], unit="s", utc=True))
