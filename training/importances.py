"""Which features the model leans on: how much average precision is lost when one is shuffled among users.

Permutation rather than impurity: it asks the served model, works for every family alike, and does not favour features
with many values. Features that tell the same story (views in 24 h, views in 7 d) share their importance: shuffling one
leaves the other standing.
"""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from propensity.features.definition import NAMES
from propensity.metrics import Ranking
from propensity.model import Model
from training.rows import Rows

SAMPLE_ROWS: Final = 2_000
REPEATS: Final = 3


def importances(model: Model, rows: Rows, *, seed: int) -> pd.DataFrame:
    """Return `feature, importance, spread`, the most important first, measured on a sample of the rows."""
    sample = rows.thinned(SAMPLE_ROWS, seed=seed)
    chance = np.random.default_rng(seed)
    whole = _average_precision(model, sample, sample.features)
    losses = np.empty((len(NAMES), REPEATS))
    for index in range(len(NAMES)):
        for repeat in range(REPEATS):
            shuffled = sample.features.copy()
            shuffled[:, index] = chance.permutation(shuffled[:, index])
            losses[index, repeat] = whole - _average_precision(model, sample, shuffled)
    table = pd.DataFrame(
        {"feature": list(NAMES), "importance": losses.mean(axis=1), "spread": losses.std(axis=1)}
    )
    return table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def _average_precision(model: Model, rows: Rows, features: NDArray[np.float32]) -> float:
    return float(Ranking(rows.labels, model.probabilities(features)).average_precision())
