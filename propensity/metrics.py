"""How good answers are: the metrics of training, gate and monitor, and their intervals by resampling users.

Rows of one user are not independent, so an interval comes from drawing whole users again and again. A draw is nothing
but a weight per row; therefore every metric takes `weights` of shape (n,) for one answer or (rounds, n) for as many
answers at once, and returns shape () or (rounds,). NumPy only, no I/O and no clock: slim images use it too.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from propensity.bundle import Estimate

Floats = NDArray[np.float64]
Metric = Callable[[Floats], Floats]
"""A metric with its rows inside, waiting for weights."""
Measure = Callable[[Floats], Mapping[str, Floats]]
"""Several metrics at once, by name: what they share is computed once."""

_CELLS: Final = 2_000_000
"""Weights held at a time (16 MB): more is slower, because it leaves the processor's cache."""


class Ranking:
    """Rows in the order of their scores, ties together: what the metrics of ranking share and sort once."""

    def __init__(self, labels: ArrayLike, scores: ArrayLike) -> None:
        """Sort by descending score."""
        values = np.asarray(scores)
        self._order = np.argsort(-values, kind="stable")
        ranked = values[self._order]
        self._starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        self._labels = np.asarray(labels, dtype=np.float64)[self._order]
        self._size = len(ranked)

    def measure(self, weights: Floats | None = None, *, share: float = 0.1) -> dict[str, Floats]:
        """Return `roc_auc`, `average_precision` and `lift` at once.

        roc_auc: P(a buyer is ranked above another user), a tie counting half; NaN with one class only.
        average_precision: the precision at each buyer, averaged, as scikit-learn defines it; 0 without buyers.
        lift: how many times denser buyers are in the best `share` of users than among all; a tie at the edge counts
        in proportion, as drawing from it by lot would on average.
        """
        positives, everyone = self._groups(weights)
        caught, contacted = positives.cumsum(axis=-1), everyone.cumsum(axis=-1)
        bought, total = caught[..., -1], contacted[..., -1]
        others = total - bought
        below = others[..., None] - (contacted - caught)
        won = (positives * (below + (everyone - positives) / 2)).sum(axis=-1)
        precision = _ratio(caught, contacted)
        room = np.clip(share * total[..., None] - (contacted - everyone), 0, everyone)
        best = (_ratio(positives, everyone) * room).sum(axis=-1)
        return {
            "roc_auc": _ratio(won, bought * others, empty=np.nan),
            "average_precision": _ratio((positives * precision).sum(axis=-1), bought),
            "lift": _ratio(best, share * bought),
        }

    def roc_auc(self, weights: Floats | None = None) -> Floats:
        """Return the area under the ROC curve; see `measure`."""
        return self.measure(weights)["roc_auc"]

    def average_precision(self, weights: Floats | None = None) -> Floats:
        """Return the average precision alone, in half the time of `measure`."""
        positives, everyone = self._groups(weights)
        precision = _ratio(positives.cumsum(axis=-1), everyone.cumsum(axis=-1))
        return _ratio((positives * precision).sum(axis=-1), positives.sum(axis=-1))

    def _groups(self, weights: Floats | None) -> tuple[Floats, Floats]:
        """Return the weight of buyers and of everyone per distinct score."""
        ranked = np.ones(self._size) if weights is None else weights[..., self._order]
        return (
            np.add.reduceat(ranked * self._labels, self._starts, axis=-1),
            np.add.reduceat(ranked, self._starts, axis=-1),
        )


def roc_auc(labels: ArrayLike, scores: ArrayLike, *, weights: Floats | None = None) -> Floats:
    """Return the area under the ROC curve; see Ranking."""
    return Ranking(labels, scores).roc_auc(weights)


def average_precision(labels: ArrayLike, scores: ArrayLike, *, weights: Floats | None = None) -> Floats:
    """Return the average precision; see Ranking."""
    return Ranking(labels, scores).average_precision(weights)


def lift_at(
    labels: ArrayLike, scores: ArrayLike, *, share: float = 0.1, weights: Floats | None = None
) -> Floats:
    """Return the lift among the best `share` of users; see Ranking."""
    return Ranking(labels, scores).measure(weights, share=share)["lift"]


def precision_recall_f1(
    labels: ArrayLike, answers: ArrayLike, *, weights: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Return precision, recall and F1 of yes/no answers; each is 0 where it has nothing to divide by."""
    truth, said = np.asarray(labels, dtype=np.float64), np.asarray(answers, dtype=np.float64)
    hits = _total(truth * said, weights)
    bought, contacted = _total(truth, weights), _total(said, weights)
    return _ratio(hits, contacted), _ratio(hits, bought), _ratio(2 * hits, bought + contacted)


def best_f1(labels: ArrayLike, scores: ArrayLike) -> tuple[float, float, float]:
    """Return F1, recall and precision at the score that makes F1 highest, were it the threshold."""
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    ranked, values = np.asarray(labels, dtype=np.float64)[order], np.asarray(scores, dtype=np.float64)[order]
    hits, contacted = np.cumsum(ranked), np.arange(1, len(ranked) + 1)
    f1 = 2 * hits / (hits[-1] + contacted)
    f1[:-1][values[:-1] == values[1:]] = 0.0  # a threshold can't part equal scores
    best = int(f1.argmax())
    return float(f1[best]), float(hits[best] / hits[-1]), float(hits[best] / contacted[best])


def share_of(answers: ArrayLike, *, weights: Floats | None = None) -> Floats:
    """Return the share of rows answered yes."""
    said = np.asarray(answers, dtype=np.float64)
    return _ratio(_total(said, weights), _total(np.ones_like(said), weights))


def brier(labels: ArrayLike, probabilities: ArrayLike, *, weights: Floats | None = None) -> Floats:
    """Return the mean squared error of the probabilities."""
    errors = (np.asarray(probabilities, dtype=np.float64) - np.asarray(labels)) ** 2
    return _ratio(_total(errors, weights), _total(np.ones_like(errors), weights))


def calibration_bins(probabilities: ArrayLike, *, bins: int = 10) -> NDArray[np.intp]:
    """Return each row's bin, 0 the lowest; bins hold about equally many rows and never split a tie."""
    values = np.asarray(probabilities, dtype=np.float64)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")


def calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, *, bins: int = 10, weights: Floats | None = None
) -> Floats:
    """Return the expected calibration error: |mean probability - share of buyers|, averaged over bins."""
    gaps = np.asarray(probabilities, dtype=np.float64) - np.asarray(labels)
    of_bin = calibration_bins(probabilities, bins=bins)
    in_bins = np.where(of_bin[:, None] == np.arange(of_bin.max() + 1), gaps[:, None], 0.0)
    errors = in_bins.sum(axis=0) if weights is None else weights @ in_bins
    return _ratio(np.abs(errors).sum(axis=-1), _total(np.ones_like(gaps), weights))


class Resampling:
    """The same draws of users for every metric asked of it, so that differences between models are paired."""

    def __init__(self, users: ArrayLike, *, rounds: int, seed: int) -> None:
        """Draw as many users as there are, with replacement, `rounds` times."""
        names, self._user_of_row = np.unique(np.asarray(users), return_inverse=True)
        chance = np.random.default_rng(seed)
        drawn = (chance.integers(len(names), size=len(names)) for _ in range(rounds))
        self._draws = np.array([np.bincount(draw, minlength=len(names)) for draw in drawn], dtype=np.uint16)

    def estimate(self, metric: Metric) -> Estimate:
        """Return the metric on all rows with its 95 % interval (percentiles of the draws)."""
        return self.estimates(lambda weights: {"metric": metric(weights)})["metric"]

    def estimates(self, measure: Measure) -> dict[str, Estimate]:
        """Return an estimate for each metric, all of them on the same draws."""
        drawn = [measure(weights) for weights in self._weights()]
        return {
            name: _interval(float(value), draws=np.concatenate([part[name] for part in drawn]))
            for name, value in measure(np.ones(len(self._user_of_row))).items()
        }

    def _weights(self) -> Iterator[Floats]:
        step = max(1, _CELLS // max(1, len(self._user_of_row)))
        for start in range(0, len(self._draws), step):
            yield self._draws[start : start + step].astype(np.float64)[:, self._user_of_row]


def _interval(value: float, *, draws: Floats) -> Estimate:
    """Leave out the draws in which the metric is not defined, such as those that hold no buyer."""
    defined = draws[np.isfinite(draws)]
    if not len(defined):
        return Estimate(value, value, value)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def _total(values: Floats, weights: Floats | None) -> Floats:
    total: Floats = values.sum() if weights is None else weights @ values
    return np.asarray(total)


def _ratio(above: Floats, below: Floats, *, empty: float = 0.0) -> Floats:
    """Divide, with `empty` where there is nothing to divide by."""
    filled = np.full(np.broadcast_shapes(np.shape(above), np.shape(below)), empty)
    quotient: Floats = np.divide(above, below, out=filled, where=np.asarray(below) > 0)
    return quotient
