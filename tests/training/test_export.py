"""Every candidate of the grid answers through ONNX as scikit-learn does, calibrated or not."""

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator

from propensity.bundle import Bundle, Recorded
from propensity.errors import BrokenBundle
from propensity.features.definition import FEATURES
from propensity.model import Model
from propensity.settings import Settings
from training import calibration, candidates, document, export
from training.dataset import TrainingSet
from training.search import Found


def _fitted(name: str, made: TrainingSet) -> Any:
    index = [family.name for family in candidates.FAMILIES].index(name)
    block = candidates.grid("quick", seed=1)[index]
    chosen = {key: values[0] for key, values in block.items()}
    return clone(candidates.empty_pipeline()).set_params(**chosen).fit(made.fit.features, made.fit.labels)


def _served(onnx: bytes, made: TrainingSet, settings: Settings) -> Model:
    found = Found(pipeline=None, name="x", parameters={}, table=pd.DataFrame())
    kept = calibration.Calibrated(estimator=None, method="none", brier={})
    draft = document.draft(made, found, kept, settings=settings, now=0, git_commit="")
    return Model(Bundle.make(onnx=onnx, document=draft, recorded=Recorded(inputs=[], probabilities=[])))


@pytest.mark.parametrize("calibrated", [False, True])
@pytest.mark.parametrize("name", [family.name for family in candidates.FAMILIES])
def test_onnx_answers_as_scikit_learn_does(
    name: str, calibrated: bool, make_set: Callable[..., TrainingSet], quick: Settings
) -> None:
    made = make_set()
    estimator = _fitted(name, made)
    if calibrated:
        estimator = CalibratedClassifierCV(FrozenEstimator(estimator), method="sigmoid").fit(
            made.calibrate.features, made.calibrate.labels
        )
    model = _served(export.to_onnx(estimator), made, quick)
    assert export.require_parity(model, estimator, made.test) < 1e-6
    assert export.to_onnx(estimator) == export.to_onnx(estimator)


def test_an_export_that_answers_otherwise_is_refused(
    make_set: Callable[..., TrainingSet], quick: Settings
) -> None:
    made, other = make_set(), make_set(seed=9, signal=0.1)
    exported = _served(export.to_onnx(_fitted("logistic_regression", made)), made, quick)
    with pytest.raises(BrokenBundle, match="away from the one that was validated"):
        export.require_parity(exported, _fitted("logistic_regression", other), made.test)


def test_recorded_answers_hold_the_unknown_user_and_the_whole_range(
    make_set: Callable[..., TrainingSet], quick: Settings
) -> None:
    made = make_set()
    model = _served(export.to_onnx(_fitted("random_forest", made)), made, quick)
    recorded = export.record(model, made.test)
    assert recorded.inputs[0] == pytest.approx([feature.default for feature in FEATURES])
    answers = model.probabilities(made.test.features)
    assert min(recorded.probabilities[1:]) == pytest.approx(float(answers.min()))
    assert max(recorded.probabilities[1:]) == pytest.approx(float(answers.max()))
    bundle = Bundle.make(onnx=model.bundle.onnx, document=model.document, recorded=recorded)
    Model(bundle).verify()
    wrong = msgspec.structs.replace(
        recorded, probabilities=(np.array(recorded.probabilities) + 0.01).tolist()
    )
    with pytest.raises(BrokenBundle, match="differ from those recorded"):
        Model(Bundle.make(onnx=bundle.onnx, document=bundle.document, recorded=wrong)).verify()
