"""How good the model is on the test days, which nothing was chosen on, beside what needs no model.

Every number comes with its 95 % interval by resampling users, and every draw is the same for the model and the
baselines, so that their differences are paired.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from propensity import metrics
from propensity.bundle import Estimate
from propensity.metrics import Floats, Metric, Ranking, Resampling
from propensity.settings import Settings
from training import baselines
from training.baselines import Baseline
from training.rows import Rows

LIFT_SHARE: Final = 0.1
Probabilities = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The model's metrics on a period, and the baselines'."""

    metrics: dict[str, Estimate]
    baselines: dict[str, dict[str, Estimate]]
    best_baseline: str
    """By average precision on this period."""
    lead: Estimate
    """Average precision of the model minus that of the best baseline, paired."""
    calibration: pd.DataFrame
    """One row per tenth of the rows: what was said, what happened."""

    @property
    def contact_share(self) -> Estimate:
        """Share of users answered yes."""
        return self.metrics["contact_share"]


def evaluate(rows: Rows, probabilities: Probabilities, *, threshold: float, settings: Settings) -> Evaluation:
    """Measure probabilities against what happened."""
    draws = Resampling(rows.user_codes, rounds=settings.bootstrap_rounds, seed=settings.seed)
    best = baselines.best(rows)
    within = within_cutoffs(rows, probabilities)
    model, other = Ranking(rows.labels, probabilities), Ranking(rows.labels, best.score(rows))

    def measure(weights: Floats) -> dict[str, Floats]:
        ranked = ranking_metrics(model, weights)
        return {
            **ranked,
            **answer_metrics(rows.labels, probabilities >= threshold, weights),
            "brier": metrics.brier(rows.labels, probabilities, weights=weights),
            "calibration_error": metrics.calibration_error(rows.labels, probabilities, weights=weights),
            "roc_auc_within_cutoffs": within(weights),
            "lead": ranked["average_precision"] - other.average_precision(weights),
        }

    found = draws.estimates(measure)
    return Evaluation(
        lead=found.pop("lead"),
        metrics=found,
        baselines=_baselines(rows, draws=draws),
        best_baseline=best.name,
        calibration=calibration_table(rows.labels, probabilities),
    )


def ranking_metrics(ranking: Ranking, weights: Floats) -> dict[str, Floats]:
    """Return the metrics that need no threshold."""
    measured = ranking.measure(weights, share=LIFT_SHARE)
    return {"lift_at_10" if name == "lift" else name: value for name, value in measured.items()}


def answer_metrics(
    labels: NDArray[np.int8], answers: NDArray[np.bool_], weights: Floats
) -> dict[str, Floats]:
    """Return the metrics of yes/no answers."""
    precision, recall, f1 = metrics.precision_recall_f1(labels, answers, weights=weights)
    share = metrics.share_of(answers, weights=weights)
    return {"precision": precision, "recall": recall, "f1": f1, "contact_share": share}


def within_cutoffs(rows: Rows, scores: NDArray[np.floating[Any]]) -> Metric:
    """Return the mean over cutoffs of the AUC among the users of one cutoff.

    What a model knows about the hour or the day tells no user from another, so this is the number a leak shows in.
    """
    masks = [rows.cutoffs == cutoff for cutoff in np.unique(rows.cutoffs)]
    rankings = [(mask, Ranking(rows.labels[mask], scores[mask])) for mask in masks]

    def metric(weights: Floats) -> Floats:
        areas = np.array([ranking.roc_auc(weights[..., mask]) for mask, ranking in rankings])
        defined = np.isfinite(areas)
        total: Floats = np.where(defined, areas, 0.0).sum(axis=0)
        return np.where(defined.any(axis=0), total / np.maximum(defined.sum(axis=0), 1), np.nan)

    return metric


def calibration_table(labels: NDArray[np.int8], probabilities: Probabilities) -> pd.DataFrame:
    """Return mean probability and share of buyers per bin of equally many rows, lowest first."""
    bins = metrics.calibration_bins(probabilities)
    frame = pd.DataFrame({"bin": bins, "said": probabilities.astype(np.float64), "happened": labels})
    return frame.groupby("bin", as_index=False).agg(
        rows=("said", "size"), said=("said", "mean"), happened=("happened", "mean")
    )


def _baselines(rows: Rows, *, draws: Resampling) -> dict[str, dict[str, Estimate]]:
    return {one.name: draws.estimates(_measure(one, rows)) for one in baselines.BASELINES}


def _measure(baseline: Baseline, rows: Rows) -> metrics.Measure:
    scores = baseline.score(rows)
    ranking, answers = Ranking(rows.labels, scores), scores >= baseline.yes_from
    return lambda weights: {
        **ranking_metrics(ranking, weights),
        **answer_metrics(rows.labels, answers, weights),
    }
