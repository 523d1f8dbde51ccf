"""Models of every kind on made-up rows, as training exports them, and the shap package where it is installed."""

import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from propensity.bundle import SCHEMA, Bundle, Estimate, ModelDocument, Recorded
from propensity.features.definition import NAMES, VERSION
from propensity.model import Model
from training import candidates, export

Rows = NDArray[np.float32]
NOTHING = Estimate(0.0, 0.0, 0.0)


class Made(NamedTuple):
    """A fitted model and the same one as it is served."""

    fitted: Any
    """The last step: the forest, the boosting model or the linear one."""
    scaled: Callable[[Rows], Any]
    """What comes before it."""
    model: Model


def serve(onnx: bytes, *, estimator: str) -> Model:
    document = ModelDocument(
        schema=SCHEMA, estimator=estimator, parameters={}, calibration="none", feature_version=VERSION,
        features=list(NAMES), threshold=0.5, recall_target=1.0, expected_recall=1.0, contact_share=NOTHING,
        metrics={}, baselines={}, operating_curve=[], periods={}, lag=0, burn_in=0, warnings=[], trained_at=0,
        git_commit="", data_digest="", events=0,
    )  # fmt: skip
    return Model(Bundle.make(onnx=onnx, document=document, recorded=Recorded(inputs=[], probabilities=[])))


@pytest.fixture(scope="session")
def served() -> Callable[..., Model]:
    """`served(onnx, estimator=)`: a model with a document that says little."""
    return serve


def draw(size: int, *, seed: int) -> Rows:
    """Rows with ties and with features of very different scale, as counts and money have."""
    chance = np.random.default_rng(seed)
    rows = chance.poisson(2.0, (size, len(NAMES))).astype(np.float32)
    rows[:, :10] = chance.normal(size=(size, 10))
    rows[:, 10:14] = chance.exponential(500, (size, 4))
    return rows


@pytest.fixture(scope="session")
def new_rows() -> Rows:
    """1,000 rows that no model has seen."""
    return draw(1_000, seed=2)


@pytest.fixture(scope="session")
def make() -> Callable[..., Made]:
    """`make(name, calibrated=, **parameters)`: a candidate of the grid, fitted and exported."""
    rows = draw(3_000, seed=1)
    chance = np.random.default_rng(3)
    odds = rows[:, 0] + rows[:, 1] * rows[:, 2] + 0.5 * rows[:, 20] + chance.logistic(size=len(rows)) - 2
    labels = (odds > 0).astype(int)

    def fitted(name: str, *, calibrated: bool = False, **parameters: object) -> Made:
        index = [family.name for family in candidates.FAMILIES].index(name)
        chosen = {key: values[0] for key, values in candidates.grid("quick", seed=1)[index].items()}
        pipeline: Pipeline = clone(candidates.empty_pipeline()).set_params(**chosen)
        pipeline[-1].set_params(**parameters)
        pipeline.fit(rows, labels)
        exported = pipeline
        if calibrated:
            exported = CalibratedClassifierCV(FrozenEstimator(pipeline), method="sigmoid").fit(rows, labels)
        model = serve(export.to_onnx(exported), estimator=name)
        if name != "logistic_regression":
            return Made(pipeline[-1], lambda given: given, model)
        return Made(pipeline[-1][-1], pipeline[-1][0].transform, model)

    return fitted


@pytest.fixture(scope="session")
def shap() -> ModuleType:
    """The package our explanations are held against; its import warns of other packages' plans."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package: ModuleType = pytest.importorskip(
            "shap", reason="shap is a development dependency without wheels for this machine"
        )
    return package
