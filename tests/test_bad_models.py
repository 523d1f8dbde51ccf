"""Bundles that are broken and got past the gate: taken back by themselves, while a service under load answers as before."""

import math
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.dummy import DummyClassifier

from jobs.operate import Hands, operate
from propensity.bundle import Bundle
from propensity.cli import door
from propensity.errors import VersionRejected
from propensity.events import Event
from propensity.lifecycle.embedded import EmbeddedPlatform
from propensity.lifecycle.promotion import promote
from propensity.model import Model
from propensity.registry import PRODUCTION, Registry, TrainingRecord
from propensity.settings import read_settings
from propensity.store import LedgerEntry, Store, open_store
from tests.lifecycle.conftest import bundle, bundle_by_cart
from tests.load import Load
from tests.scorer.conftest import Served, served, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]
GOOD, ALTERED, NOT_A_NUMBER, SLOW, GENEROUS = "1", "2", "3", "4", "5"
SLOW_SECONDS = 2.0


def slow_onnx(rounds: int) -> bytes:
    """A model that multiplies matrices before it gives everybody the same probability."""
    size = 256
    body = helper.make_graph(
        [helper.make_node("MatMul", ["before", "matrix"], ["after"]), helper.make_node("Identity", ["go"], ["on"])],
        "round",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, [size, size]),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, [size, size]),
        ],
    )  # fmt: skip
    nodes = [
        helper.make_node("Loop", ["rounds", "", "matrix"], ["powers"], body=body),
        helper.make_node("ReduceSum", ["powers", "both"], ["power"], keepdims=0),
        helper.make_node("ReduceSum", ["rows", "one"], ["sums"], keepdims=1),
        helper.make_node("Add", ["sums", "power"], ["all"]),
        helper.make_node("Mul", ["all", "zero"], ["zeros"]),
        helper.make_node("Sigmoid", ["zeros"], ["buys"]),
        helper.make_node("Concat", ["buys", "buys"], ["probabilities"], axis=1),
    ]
    constants = {
        "rounds": np.array(rounds, dtype=np.int64),
        "matrix": np.eye(size, dtype=np.float32),
        "both": np.array([0, 1], dtype=np.int64),
        "one": np.array([1], dtype=np.int64),
        "zero": np.array([0.0], dtype=np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "slow",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def slow_bundle() -> Bundle:
    """A bundle that answers right, and takes two seconds for it on this machine."""
    like = bundle(0.0)

    def made(rounds: int) -> Bundle:
        return Bundle.make(onnx=slow_onnx(rounds), document=like.document, recorded=like.recorded)

    model, rounds = Model(made(200)), 200
    started = time.perf_counter()
    model.probabilities(np.zeros((1, 1), dtype=np.float32))
    return made(round(rounds * SLOW_SECONDS / (time.perf_counter() - started)))


def in_cart(user: int, number: int) -> Event:
    """One of the things that a user put into the cart a minute ago."""
    return Event(f"e-{user}-{number}", f"u{user}", "cart", door.now() - 60_000_000, f"p-{number}")


class Shop(NamedTuple):
    """A service under load, and an operator that looks again and again."""

    store: Store
    registry: Registry
    service: Served
    load: Load

    def promote(self, number: str) -> LedgerEntry:
        return promote(
            number, reason="the gate let it through", store=self.store, registry=self.registry, clock=door.now
        )

    def rollout(self) -> LedgerEntry:
        return self.store.ledger.latest(1, "rollout")[0]

    def champion(self) -> tuple[str, str]:
        """Who is champion by the store's record and by the alias."""
        record = self.store.champion()
        assert record is not None
        return record.version, self.registry.champion().number


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Iterator[Shop]:
    home = tmp_path_factory.mktemp("bad")
    shutil.copy(empty_registry, home / "mlflow.db")
    settings = read_settings(
        home=home,
        tracking_uri=f"sqlite:///{home}/mlflow.db",
        operate_interval_seconds=0.2,
        rollout_watch_users=50,
    )
    registry = Registry(settings.tracking_uri, artifacts=home / "artifacts")
    (home / "nothing").mkdir()
    pipeline = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    bundles = [
        bundle(-0.1),
        bundle(-0.2),
        bundle(math.nan, recorded=0.5),
        slow_bundle(),
        bundle_by_cart(least=40),
    ]
    for one in bundles:
        registry.record(TrainingRecord({}, {}, {"verdict": "promoted"}, one, pipeline, home / "nothing"))
    with open_store(f"sqlite:///{home}/store.db") as store:
        promote(GOOD, reason="the first", store=store, registry=registry, clock=door.now)
        hands = Hands(store, registry, EmbeddedPlatform(home), settings, door.now)
        stop = threading.Event()
        operator = threading.Thread(
            target=operate, args=(hands,), kwargs={"stop": stop, "health": home / "health"}
        )
        operator.start()
        store.events.add([in_cart(user, number) for user in range(100) for number in range(user)])
        bodies = [f'{{"user_id": "u{number}"}}' for number in range(1, 100)]
        try:
            with served(home, PROPENSITY_HOME=str(home)) as service:
                wait_for(lambda: service.answers("/readyz"), seconds=60)
                with Load(service, bodies) as load:
                    yield Shop(store, registry, service, load)
        finally:
            stop.set()
            operator.join(timeout=60)


@pytest.mark.parametrize(
    ("broken", "why"),
    [(ALTERED, "but sha256:"), (NOT_A_NUMBER, "not finite"), (SLOW, "s for one row")],
    ids=["wrong digest", "not a number", "slow"],
)
def test_a_broken_bundle_past_the_gate_is_taken_back_while_the_old_one_answers(
    shop: Shop, broken: str, why: str
) -> None:
    wait_for(lambda: shop.rollout().state in {"done", "rolled back"}, seconds=60)
    if broken == ALTERED:
        files = shop.registry.bundle(shop.registry.version(GOOD)).files
        shop.store.bundles.put(shop.registry.version(ALTERED).digest, files)
    shop.promote(broken)
    wait_for(lambda: shop.rollout().subject == broken and shop.rollout().state == "rolled back", seconds=120)
    assert why in shop.registry.version(broken).rejected
    assert shop.champion() == (GOOD, GOOD)

    with pytest.raises(VersionRejected):
        shop.promote(broken)
    shop.registry.set_alias(PRODUCTION, broken)
    wait_for(lambda: shop.champion() == (GOOD, GOOD), seconds=60)
    assert shop.rollout().state == "rolled back"

    before = shop.load.answered[GOOD]
    wait_for(lambda: shop.load.answered[GOOD] > before + 20, seconds=30)
    assert shop.load.failed == []
    assert shop.load.answered.keys() == {GOOD}
    assert shop.service.client.get("/model").json()["version"] == GOOD


def test_a_model_whose_live_answers_break_its_promise_is_served_and_taken_back(shop: Shop) -> None:
    wait_for(lambda: shop.rollout().state in {"done", "rolled back"}, seconds=60)
    shop.promote(GENEROUS)
    wait_for(lambda: shop.rollout().subject == GENEROUS and shop.rollout().state == "rolled back", seconds=60)
    assert [state for state, _ in shop.rollout().history][-3:] == ["done", "rolling back", "rolled back"]
    assert "live users at or above its threshold" in shop.registry.version(GENEROUS).rejected
    assert shop.champion() == (GOOD, GOOD)
    assert shop.load.answered[GENEROUS] > 0
    before = shop.load.answered[GOOD]
    wait_for(lambda: shop.load.answered[GOOD] > before + 20, seconds=30)
    assert shop.load.failed == []
