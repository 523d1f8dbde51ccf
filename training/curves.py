"""ROC and precision-recall curves of the test days as numbers: the dashboard draws them beside those of other versions."""

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from training import baselines

if TYPE_CHECKING:
    from training.model import Trained

POINTS: Final = 200
"""Of a curve: as many as a plot shows."""
ROC: Final = "roc"
PRECISION_RECALL: Final = "precision_recall"
MODEL: Final = "model"

Scores = NDArray[np.floating[Any]]


def scores(trained: "Trained") -> dict[str, Scores]:
    """Return what is drawn beside each other: the model and the best baseline."""
    best = next(one for one in baselines.BASELINES if one.name == trained.evaluation.best_baseline)
    return {MODEL: trained.probabilities["test"], best.name: best.score(trained.training_set.test)}


def curves(trained: "Trained") -> pd.DataFrame:
    """Return `curve, scorer, x, y`: recall over false positives, and precision over recall; the ends are kept."""
    labels = trained.training_set.test.labels
    parts = []
    for scorer, said in scores(trained).items():
        false_positives, caught, _ = roc_curve(labels, said)
        precision, recall, _ = precision_recall_curve(labels, said)
        parts += [
            _thinned(ROC, scorer, false_positives, caught),
            _thinned(PRECISION_RECALL, scorer, recall[::-1], precision[::-1]),
        ]
    return pd.concat(parts, ignore_index=True)


def _thinned(curve: str, scorer: str, x: Scores, y: Scores) -> pd.DataFrame:
    shown = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(int))
    return pd.DataFrame({"curve": curve, "scorer": scorer, "x": x[shown], "y": y[shown]})
