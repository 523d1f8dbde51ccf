"""The threshold for a recall target, and what can honestly be expected of it.

The highest threshold that still catches the target share of the validation days' buyers. With the target 1.0 it is the
lowest of n buyers' probabilities. The next buyer is equally likely to fall into any of the n + 1 gaps between those
(exchangeable days), and below the lowest lies one of them: so later days should show a recall of n/(n+1), not of 1.
"""

import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from propensity.bundle import OperatingPoint
from propensity.metrics import precision_recall_f1, share_of

CURVE_POINTS: Final = 60


class Choice(NamedTuple):
    """A threshold and its honest expectation."""

    threshold: float
    expected_recall: float


def choose(labels: NDArray[np.int8], probabilities: NDArray[np.float32], *, recall_target: float) -> Choice:
    """Return the highest threshold that catches the target share of buyers; there must be a buyer."""
    buyers = np.sort(probabilities[labels == 1])[::-1]
    caught = math.ceil(recall_target * len(buyers) - 1e-9)
    expected = len(buyers) / (len(buyers) + 1) * recall_target
    return Choice(threshold=float(buyers[max(caught, 1) - 1]), expected_recall=expected)


def operating_curve(
    labels: NDArray[np.int8], probabilities: NDArray[np.float32], *, chosen: float
) -> list[OperatingPoint]:
    """Return what other thresholds would give, evenly over the share contacted, from few users to all."""
    shares = np.linspace(0, 1, CURVE_POINTS + 1)
    thresholds = {float(value) for value in np.quantile(probabilities, shares, method="inverted_cdf")}
    return [
        _point(labels, probabilities, threshold=threshold)
        for threshold in sorted(thresholds | {chosen}, reverse=True)
    ]


def _point(
    labels: NDArray[np.int8], probabilities: NDArray[np.float32], *, threshold: float
) -> OperatingPoint:
    answers = probabilities >= threshold
    precision, recall, _ = precision_recall_f1(labels, answers)
    return OperatingPoint(
        threshold=threshold,
        recall=float(recall),
        precision=float(precision),
        share=float(share_of(answers)),
    )
