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
    model, other = Ranking(rows.labels, probabilities), Ranking(rows.labels, best.score(rows))
    asked = {
        **ranking_metrics(model),
        **answer_metrics(rows.labels, probabilities >= threshold),
        "brier": lambda weights: metrics.brier(rows.labels, probabilities, weights=weights),
        "calibration_error": lambda weights: metrics.calibration_error(
            rows.labels, probabilities, weights=weights
        ),
        "lead": lambda weights: model.average_precision(weights) - other.average_precision(weights),
    }
    found = draws.estimates(asked)
    found["roc_auc_within_cutoffs"] = draws.estimate(within_cutoffs(rows, probabilities))
    return Evaluation(
        lead=found.pop("lead"),
        metrics=found,
        baselines=_baselines(rows, draws=draws),
        best_baseline=best.name,
        calibration=calibration_table(rows.labels, probabilities),
    )


def ranking_metrics(ranking: Ranking) -> dict[str, Metric]:
    """Return the metrics that need no threshold."""
    return {
        "roc_auc": ranking.roc_auc,
        "average_precision": ranking.average_precision,
        "lift_at_10": lambda weights: ranking.lift_at(LIFT_SHARE, weights),
    }


def answer_metrics(labels: NDArray[np.int8], answers: NDArray[np.bool_]) -> dict[str, Metric]:
    """Return the metrics of yes/no answers."""

    def part(index: int) -> Metric:
        return lambda weights: metrics.precision_recall_f1(labels, answers, weights=weights)[index]

    return {
        "precision": part(0),
        "recall": part(1),
        "f1": part(2),
        "contact_share": lambda weights: metrics.share_of(answers, weights=weights),
    }


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
    asked: dict[str, Metric] = {}
    for baseline in baselines.BASELINES:
        scores = baseline.score(rows)
        parts = {
            **ranking_metrics(Ranking(rows.labels, scores)),
            **answer_metrics(rows.labels, scores >= baseline.yes_from),
        }
        asked |= {f"{baseline.name}/{name}": metric for name, metric in parts.items()}
    found = draws.estimates(asked)
    return {
        baseline.name: {
            name.removeprefix(f"{baseline.name}/"): estimate
            for name, estimate in found.items()
            if name.startswith(f"{baseline.name}/")
        }
        for baseline in baselines.BASELINES
    }
