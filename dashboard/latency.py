"""Response times from the prediction log: the middle, and what the slowest twentieth and hundredth wait."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from propensity.events.event import HOUR, MICROS
from propensity.store import Prediction

QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
ENOUGH: Final = 20
"""Answers of an hour below which its slowest hundredth is not drawn."""


class Speed(NamedTuple):
    """How fast the newest answers were; there was at least one."""

    answers: int
    first: int
    last: int
    """Times of the oldest and the newest of them."""
    quantiles: dict[str, float]
    """Microseconds."""
    by_hour: pd.DataFrame


def speed(newest_first: Sequence[Prediction]) -> Speed | None:
    """Measure some answers; None where there are none."""
    if not newest_first:
        return None
    return Speed(
        answers=len(newest_first),
        first=newest_first[-1].predicted_at,
        last=newest_first[0].predicted_at,
        quantiles=quantiles(newest_first),
        by_hour=by_hour(newest_first),
    )


def quantiles(predictions: Sequence[Prediction]) -> dict[str, float]:
    """Return p50, p95 and p99 in microseconds; there must be a prediction."""
    times = np.array([one.latency_us for one in predictions], dtype=np.float64)
    return {name: float(np.quantile(times, share)) for name, share in QUANTILES.items()}


def by_hour(predictions: Sequence[Prediction]) -> pd.DataFrame:
    """Return `time, quantile, milliseconds` for the hours with enough answers."""
    hours: dict[int, list[Prediction]] = {}
    for one in predictions:
        hours.setdefault(one.predicted_at // HOUR, []).append(one)
    rows = [
        (hour * HOUR // MICROS, name, micros / 1000)
        for hour, found in sorted(hours.items())
        if len(found) >= ENOUGH
        for name, micros in quantiles(found).items()
    ]
    frame = pd.DataFrame(rows, columns=["time", "quantile", "milliseconds"])
    return frame.assign(time=pd.to_datetime(frame["time"], unit="s", utc=True))
