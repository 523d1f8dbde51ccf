"""Making probabilities mean what they say, on days of their own.

Sigmoid (Platt) on the calibrate days, or nothing where that is nearer the truth on the validation days. Never
isotonic: it is a step function, and in float32 a row next to a step lands up to 0.015 away from what was validated.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from propensity import metrics
from training.rows import Rows

SIGMOID: Final = "sigmoid"
NONE: Final = "none"


class Calibrated(NamedTuple):
    """The estimator that is exported, and how it was chosen."""

    estimator: Any
    """Has `predict_proba`."""
    method: str
    brier: dict[str, float]
    """On the validation days, by method."""


def calibrate(pipeline: Pipeline, *, calibrate: Rows, validate: Rows) -> Calibrated:
    """Choose between a sigmoid fitted on the calibrate days and none by the Brier score of the validation days."""
    sigmoid = CalibratedClassifierCV(FrozenEstimator(pipeline), method=SIGMOID)
    sigmoid.fit(calibrate.features, calibrate.labels)
    choices = {SIGMOID: sigmoid, NONE: pipeline}
    brier = {
        method: float(
            metrics.brier(
                validate.labels, estimator.predict_proba(validate.features)[:, 1].astype(np.float64)
            )
        )
        for method, estimator in choices.items()
    }
    best = min(brier, key=lambda method: brier[method])
    return Calibrated(estimator=choices[best], method=best, brier=brier)
