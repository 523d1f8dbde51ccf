"""Versions to promote, roll out and roll back: small real models, registered once and copied for each test."""

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper
from sklearn.dummy import DummyClassifier

from propensity.bundle import SCHEMA, Bundle, Estimate, ModelDocument, Recorded
from propensity.features import definition
from propensity.registry import Registry, TrainingRecord
from propensity.settings import Settings
from propensity.store import Store, open_store
from tests.lifecycle.slot_world import World

GOOD, BETTER, NOT_A_NUMBER, OTHER_ANSWERS, THIRD = "1", "2", "3", "4", "5"
"""Versions of the registry `versions`; NOT_A_NUMBER and OTHER_ANSWERS do not verify."""


def onnx_model(bias: float) -> bytes:
    """A model that gives everybody the same probability."""
    nodes = [
        helper.make_node("ReduceSum", ["rows", "axes"], ["sums"], keepdims=1),
        helper.make_node("Mul", ["sums", "zero"], ["zeros"]),
        helper.make_node("Add", ["zeros", "bias"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], ["buys"]),
        helper.make_node("Concat", ["buys", "buys"], ["probabilities"], axis=1),
    ]
    constants = {
        "axes": np.array([1], dtype=np.int64),
        "zero": np.array([0.0], dtype=np.float32),
        "bias": np.array([bias], dtype=np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "same",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def bundle(bias: float, *, recorded: float | None = None) -> Bundle:
    """A bundle of that model; `recorded` is what it is said to have answered, where that is not true."""
    none = Estimate(value=0, low=0, high=0)
    answer = 1 / (1 + math.exp(-bias)) if recorded is None else recorded
    document = ModelDocument(
        schema=SCHEMA,
        estimator="same",
        parameters={},
        calibration="none",
        feature_version=definition.VERSION,
        features=["cart_count"],
        threshold=0.5,
        recall_target=1,
        expected_recall=1,
        contact_share=none,
        metrics={},
        baselines={},
        operating_curve=[],
        periods={},
        lag=0,
        burn_in=0,
        warnings=[],
        trained_at=0,
        git_commit="",
        data_digest="",
        events=0,
    )
    said = Recorded(inputs=[[0.0], [1.0]], probabilities=[answer, answer])
    return Bundle.make(onnx=onnx_model(bias), document=document, recorded=said)


def bundle_by_cart(least: float) -> Bundle:
    """A bundle that promises to put nobody above the threshold, and puts everybody there who has so full a cart."""
    return _bundle_of_margin("Sub", least, inputs=[0.0, 1.0], answers=[_sigmoid(-least), _sigmoid(1 - least)])


def unsound_bundle(*, margin: float = math.inf) -> Bundle:
    """A bundle that answers NaN for an empty cart, which its recorded inputs don't have: zero times infinity."""
    return _bundle_of_margin("Mul", margin, inputs=[1.0, 2.0], answers=[float(margin > 0)] * 2)


def hungry_bundle() -> Bundle:
    """A bundle that takes 400 MB for each thing in the fullest cart, which its recorded inputs don't have."""
    return _bundle_of_nodes(
        [
            helper.make_node("ReduceMax", ["rows"], ["fullest"], keepdims=0),
            helper.make_node("Mul", ["fullest", "operand"], ["size"]),
            helper.make_node("Cast", ["size"], ["whole"], to=TensorProto.INT64),
            helper.make_node("Reshape", ["whole", "one"], ["shape"]),
            helper.make_node("ConstantOfShape", ["shape"], ["much"]),
            helper.make_node("ReduceSum", ["much"], ["nothing"], keepdims=0),
            helper.make_node("Add", ["rows", "nothing"], ["margin"]),
        ],
        {"operand": np.array(1e8, dtype=np.float32), "one": np.array([1], dtype=np.int64)},
        inputs=[0.0],
        answers=[0.5],
    )


def _bundle_of_margin(operator: str, operand: float, *, inputs: list[float], answers: list[float]) -> Bundle:
    node = helper.make_node(operator, ["rows", "operand"], ["margin"])
    constants = {"operand": np.array([operand], dtype=np.float32)}
    return _bundle_of_nodes([node], constants, inputs=inputs, answers=answers)


def _bundle_of_nodes(
    to_margin: list[NodeProto],
    constants: dict[str, NDArray[Any]],
    *,
    inputs: list[float],
    answers: list[float],
) -> Bundle:
    nodes = [
        *to_margin,
        helper.make_node("Sigmoid", ["margin"], ["buys"]),
        helper.make_node("Concat", ["buys", "buys"], ["probabilities"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "by cart",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    said = Recorded(inputs=[[cart] for cart in inputs], probabilities=answers)
    return Bundle.make(onnx=model.SerializeToString(), document=bundle(0.0).document, recorded=said)


def _sigmoid(margin: float) -> float:
    return 1 / (1 + math.exp(-margin))


@pytest.fixture(scope="session")
def registered(empty_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry's database with those versions."""
    folder = tmp_path_factory.mktemp("registered")
    shutil.copy(empty_registry, folder / "mlflow.db")
    registry = Registry(f"sqlite:///{folder}/mlflow.db", artifacts=folder / "artifacts")
    pipeline = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    bundles = [
        bundle(0.1),
        bundle(0.2),
        bundle(math.nan, recorded=0.5),
        bundle(0.3, recorded=0.9),
        bundle(0.4),
    ]
    (folder / "nothing").mkdir()
    for one in bundles:
        registry.record(TrainingRecord({}, {}, {"verdict": "promoted"}, one, pipeline, folder / "nothing"))
    return folder / "mlflow.db"


@pytest.fixture
def versions(registered: Path, settings: Settings) -> Registry:
    """A registry of the test's own with those versions."""
    settings.home.mkdir(parents=True, exist_ok=True)
    shutil.copy(registered, settings.home / "mlflow.db")
    return Registry(settings.tracking_uri, artifacts=settings.home / "artifacts")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """An empty store where the settings say it is."""
    with open_store(settings.store_uri.get_secret_value()) as opened:
        yield opened


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def world(uri: str, settings: Settings) -> World:
    return World(open_store(uri), settings)
