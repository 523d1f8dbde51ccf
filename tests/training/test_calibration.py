"""Calibration helps where probabilities are off, and stays away where they are right."""

from collections.abc import Callable

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator, ClassifierMixin

from training.calibration import calibrate
from training.dataset import TrainingSet
from training.rows import Rows


class _Said(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Says a given power of the truth, which is in the column `purchase_intent`."""

    def __init__(self, power: float = 1.0) -> None:
        self.power = power
        self.classes_ = np.array([0, 1])

    def fit(self, *_: object) -> "_Said":
        return self

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.predict_proba(rows)[:, 1] > 0.5

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        said = rows[:, TRUTH].astype(float) ** self.power
        return np.column_stack([1 - said, said])


TRUTH = 0


def _rows(made: Rows, seed: int) -> Rows:
    """Replace the first feature by the probability that labels are drawn with."""
    chance = np.random.default_rng(seed)
    truth = chance.beta(2, 6, len(made))
    return Rows(
        made.frame.with_columns(
            pl.Series("last_activity_hours", truth, dtype=pl.Float32),
            pl.Series("label", (chance.random(len(made)) < truth).astype(np.int8)),
        )
    )


def test_probabilities_that_are_right_are_left_alone(make_set: Callable[..., TrainingSet]) -> None:
    made = make_set(users=800)
    chosen = calibrate(_Said(), calibrate=_rows(made.calibrate, 1), validate=_rows(made.validate, 2))
    assert chosen.method == "none"


def test_probabilities_that_are_off_are_put_right(make_set: Callable[..., TrainingSet]) -> None:
    made = make_set(users=800)
    chosen = calibrate(_Said(power=0.3), calibrate=_rows(made.calibrate, 1), validate=_rows(made.validate, 2))
    assert chosen.method == "sigmoid"
    assert chosen.brier["sigmoid"] < 0.6 * chosen.brier["none"]
