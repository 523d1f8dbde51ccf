"""What training makes can be explained as it is served, sigmoid and all."""

import numpy as np

from propensity.explanation import Explainer
from propensity.model import Model
from training.model import Trained


def test_a_trained_bundle_explains_its_answers(trained: Trained) -> None:
    rows = trained.training_set.test.features[:50]
    found = Explainer(model := Model(trained.bundle)).explain_rows(rows)
    base = Explainer(model).base
    assert np.abs(base + found.contributions.sum(axis=1) - found.raw).max() < 1e-9
    ranked = found.probabilities[np.argsort(found.raw)]
    assert (np.diff(ranked) >= -1e-6).all()  # the sigmoid rises with the raw output
    assert np.abs(found.contributions).max() > 0.01
