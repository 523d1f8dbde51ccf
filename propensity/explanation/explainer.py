"""Explains a served model's answers: what each feature added to the raw output, exactly.

What is explained is the *raw output*, before the sigmoid that calibrates it: a forest's share of votes, or the log-odds
of a boosting or linear model. There contributions add up: base + their sum = raw output. The sigmoid rises with the raw
output, so a feature that pushes one pushes the other; the calibrated probability stands beside it, as ONNX Runtime
answers it. Everything is read from model.onnx, by NumPy and protobuf alone.
"""

from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from propensity.errors import NoExplanation
from propensity.explanation import linear
from propensity.explanation.forest import KIND as TREES
from propensity.explanation.forest import read_forest
from propensity.explanation.graph import nodes_of
from propensity.explanation.linear import Linear
from propensity.explanation.shapley import Shapley
from propensity.model import Model

SHARE_OF_VOTES: Final = "share of votes"
LOG_ODDS: Final = "log-odds"
_VOTING: Final = "random_forest"


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """What one feature did to one answer."""

    feature: str
    value: float
    """Of the feature, in the row explained."""
    contribution: float
    """Added to the raw output, in its unit."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why one row got its answer: base + all contributions = raw."""

    unit: str
    """Of the raw output: `share of votes` or `log-odds`."""
    base: float
    """The raw output averaged over the training rows."""
    raw: float
    probability: float
    """What was answered: the raw output, calibrated."""
    contributions: list[Contribution]
    """The weightiest first."""


class Explanations(NamedTuple):
    """Of many rows."""

    contributions: NDArray[np.float64]
    """Shape (n, features)."""
    raw: NDArray[np.float64]
    """Computed by itself, not as the sum; shape (n,)."""
    probabilities: NDArray[np.float32]
    """Calibrated; shape (n,)."""


class Explainer:
    """Explains the answers of one model; thread-safe. Making one takes a moment, so keep it beside the model."""

    def __init__(self, model: Model) -> None:
        """Read the model; NoExplanation where it does not carry what exact explanations need."""
        self._model = model
        self._explained = _read(model.bundle.onnx)
        self.base = self._explained.base
        self.unit = SHARE_OF_VOTES if model.document.estimator == _VOTING else LOG_ODDS

    def explain_rows(self, rows: NDArray[np.float32]) -> Explanations:
        """Explain float32 rows of shape (n, features), in the model's own order of features."""
        return Explanations(*self._explained.contributions(rows), self._model.probabilities(rows))

    def explain(self, row: NDArray[np.float32]) -> Explanation:
        """Explain one row of shape (features,)."""
        added, raw, probabilities = self.explain_rows(row[None, :])
        names = self._model.document.features
        weightiest = np.argsort(-np.abs(added[0]), kind="stable")
        return Explanation(
            unit=self.unit,
            base=self.base,
            raw=float(raw[0]),
            probability=float(probabilities[0]),
            contributions=[
                Contribution(feature=names[at], value=float(row[at]), contribution=float(added[0, at]))
                for at in weightiest
            ],
        )


def _read(onnx: bytes) -> Shapley | Linear:
    nodes = {node.kind: node for node in nodes_of(onnx)}
    if TREES in nodes:
        return Shapley(read_forest(nodes[TREES]))
    if linear.KIND in nodes:
        return Linear.read(nodes[linear.KIND], nodes.get(linear.SCALER))
    raise NoExplanation(
        "This version is of a kind that is not explained. Train a forest, boosting or linear model."
    )
