"""Exact contributions of a linear model: each coefficient times the feature's distance from its training mean.

That is the Shapley value where features are taken as independent (Lundberg and Lee 2017, corollary 1). The means are
those of the scaler that stands before the model, so model.onnx holds all of it.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from propensity.errors import NoExplanation
from propensity.explanation.graph import Node

Floats = NDArray[np.float64]
KIND: Final = "LinearClassifier"
SCALER: Final = "Scaler"


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A linear model in the features' own units."""

    coefficients: Floats
    means: Floats
    base: float
    """The raw output at the means, which is its average over the training rows."""

    @classmethod
    def read(cls, node: Node, scaler: Node | None) -> Self:
        """Read a classifier of two classes, whose second is explained."""
        if scaler is None:
            raise NoExplanation("This version carries no training means. Train a new version.")
        scaled = node.floats["coefficients"].reshape(2, -1)[1].astype(np.float64)
        return cls(
            coefficients=scaled * scaler.floats["scale"],
            means=scaler.floats["offset"].astype(np.float64),
            base=float(node.floats["intercepts"][1]),
        )

    def contributions(self, rows: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return each feature's contribution, shape (n, features), and the raw outputs, shape (n,)."""
        start = self.base - self.coefficients @ self.means
        return self.coefficients * (rows - self.means), start + rows.astype(np.float64) @ self.coefficients
