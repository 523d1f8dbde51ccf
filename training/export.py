"""From a fitted scikit-learn estimator to the ONNX that is served; the one module that knows skl2onnx.

Three things go wrong in the converter as it is, and are made good here. It does not know FrozenEstimator. It calibrates
a pipeline's probabilities where scikit-learn calibrates its decision function: preprocessing is put before the
calibrated model instead of into it. And it rounds a boosting model's thresholds to the nearest float32.
"""

import copy
import warnings
from typing import Any, Final

import numpy as np
import skl2onnx
from numpy.typing import NDArray
from skl2onnx.common.data_types import FloatTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from propensity.bundle import Recorded
from propensity.errors import BrokenBundle
from propensity.features.definition import FEATURES
from propensity.model import Model
from training import covers
from training.rows import Rows

INPUT: Final = "rows"
OUTPUT: Final = "probabilities"
OPSET: Final = 18
PARITY: Final = 1e-5
"""Largest difference from scikit-learn that is taken; what is exported here stays under 1e-6."""
RECORDED_ROWS: Final = 31


def to_onnx(estimator: Any) -> bytes:
    """Return the model as ONNX: float32 rows in, one output of shape (n, 2)."""
    with warnings.catch_warnings():
        # It hands booleans to protobuf as integers, which protobuf 6 deprecates and 7 refuses.
        warnings.simplefilter("ignore", DeprecationWarning)
        exported = skl2onnx.to_onnx(
            _convertible(estimator),
            initial_types=[(INPUT, FloatTensorType([None, len(FEATURES)]))],
            options={"zipmap": False},
            target_opset=OPSET,
        )
    covers.write_covers(exported, _steps(estimator)[-1][1])
    for output in [output for output in exported.graph.output if output.name != OUTPUT]:
        exported.graph.output.remove(output)  # ONNX Runtime then drops the nodes that compute labels, too
    content: bytes = exported.SerializeToString(deterministic=True)
    return content


def require_parity(model: Model, estimator: Any, rows: Rows) -> float:
    """Return the largest difference between ONNX and scikit-learn; BrokenBundle where it is too large."""
    expected = estimator.predict_proba(rows.features)[:, 1]
    worst = float(np.abs(model.probabilities(rows.features) - expected).max())
    if not worst <= PARITY:
        raise BrokenBundle(
            f"The exported model answers up to {worst:.2g} away from the one that was validated (limit {PARITY:g}). "
            "Train again with another candidate, and report which one this was."
        )
    return worst


def record(model: Model, rows: Rows) -> Recorded:
    """Return the row of an unknown user and rows from low to high, with the answers ONNX Runtime gives them."""
    ranked = np.argsort(model.probabilities(rows.features), kind="stable")
    spread = np.unique(np.linspace(0, len(ranked) - 1, RECORDED_ROWS).round().astype(int))
    inputs = np.vstack([default_row(), rows.features[ranked[spread]]])
    return Recorded(inputs=inputs.tolist(), probabilities=model.probabilities(inputs).tolist())


def default_row() -> NDArray[np.float32]:
    """Return the row of a user nothing is known of, shape (1, features)."""
    return np.array([[feature.default for feature in FEATURES]], dtype=np.float32)


def _convertible(estimator: Any) -> Any:
    """Return a copy that skl2onnx understands and that answers the same."""
    made = copy.deepcopy(estimator)
    if not isinstance(made, CalibratedClassifierCV):
        *before, model = _steps(made)
        return Pipeline([*before, (model[0], _exact(model[1]))])
    [part] = made.calibrated_classifiers_
    *before, model = _steps(part.estimator)
    part.estimator = _exact(model[1])
    return Pipeline([*before, ("calibrated", made)])


def _steps(estimator: Any) -> list[tuple[str, Any]]:
    """Return the steps of pipelines within pipelines in one row."""
    if isinstance(estimator, FrozenEstimator):
        return _steps(estimator.estimator)
    if isinstance(estimator, CalibratedClassifierCV):
        return _steps(estimator.calibrated_classifiers_[0].estimator)
    if not isinstance(estimator, Pipeline):
        return [("model", estimator)]
    *before, last = estimator.steps
    return [*before, *_steps(last[1])]


def _exact(model: Any) -> Any:
    """Round a boosting model's thresholds down to float32: to the nearest, a row next to one could change sides."""
    if isinstance(model, HistGradientBoostingClassifier):
        for tree in (tree for stage in model._predictors for tree in stage):
            exact = tree.nodes["num_threshold"]
            nearest = exact.astype(np.float32)
            lower = np.nextafter(nearest, np.float32(-np.inf))
            tree.nodes["num_threshold"] = np.where(nearest > exact, lower, nearest)
    return model
