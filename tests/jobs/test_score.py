"""The score job on a store of a few users, with a model whose answers can be worked out by hand."""

import math
from collections.abc import Iterator
from pathlib import Path
from struct import unpack

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from jobs.score import ScoreSummary, score
from propensity.bundle import SCHEMA, Bundle, Estimate, ModelDocument, Recorded
from propensity.errors import BrokenBundle
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.features import definition
from propensity.features.online import user_features
from propensity.model import Model, Rows
from propensity.store import Store, open_store

CUTOFF = 1_709_208_000_000_000
FEATURES = ["views_24h", "cart_count"]
"""Not in the definition's order: a model says which columns it wants, and in which order."""


def graph(weights: list[float], bias: float) -> bytes:
    """A logistic regression: probabilities of shape (n, 2), as training exports them."""
    nodes = [
        helper.make_node("MatMul", ["rows", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["margin"]),
        helper.make_node("Sigmoid", ["margin"], ["buys"]),
        helper.make_node("Sub", ["one", "buys"], ["not"]),
        helper.make_node("Concat", ["not", "buys"], ["probabilities"], axis=1),
    ]
    constants = {"weights": np.array(weights).reshape(-1, 1), "bias": np.array([bias]), "one": np.array([1])}
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "scores",
            [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, len(weights)])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])],
            [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


def model_with(*, weights: list[float], bias: float, threshold: float) -> Model:
    none = Estimate(value=0, low=0, high=0)
    document = ModelDocument(
        schema=SCHEMA,
        estimator="logistic_regression",
        parameters={},
        calibration="none",
        feature_version=definition.VERSION,
        features=FEATURES,
        threshold=threshold,
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
        trained_at=CUTOFF,
        git_commit="",
        data_digest="",
        events=0,
    )
    recorded = Recorded(inputs=[[0.0] * len(weights)], probabilities=[1 / (1 + math.exp(-bias))])
    return Model(Bundle.make(onnx=graph(weights, bias), document=document, recorded=recorded))


@pytest.fixture
def model() -> Model:
    return model_with(weights=[0.0, 2.0], bias=-1.0, threshold=0.5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    events = [
        *(Event(f"v{n}", f"user{n:02}", "view", CUTOFF - HOUR * (n + 1), "p") for n in range(20)),
        *(Event(f"c{n}", f"user{n:02}", "cart", CUTOFF - HOUR, f"p{n}") for n in range(5)),
        Event("gone", "gone", "cart", CUTOFF - 31 * DAY, "p"),
        Event("late", "late", "cart", CUTOFF - DAY, "p", ingested_at=CUTOFF + 1),
        Event("future", "future", "cart", CUTOFF, "p"),
    ]
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        opened.events.add(events)
        yield opened


def test_every_active_user_is_scored_once_with_the_row_the_answer_was_given_for(
    store: Store, model: Model
) -> None:
    summary = score(store, model, model_version="3", cutoff=CUTOFF, lag=0, batch_rows=7)
    assert summary == ScoreSummary(users=20, new=20, positives=5, cutoff=CUTOFF)
    scores = store.scores.top(CUTOFF, 100)
    assert {one.user_id for one in scores} == {f"user{n:02}" for n in range(20)}
    assert [one.prediction for one in scores] == [1] * 5 + [0] * 15
    for one in scores:
        row = user_features(store.events, one.user_id, cutoff=CUTOFF, lag=0)
        assert row is not None
        assert unpack(f"<{len(definition.NAMES)}f", one.features) == tuple(np.float32(row))
        carts = dict(zip(definition.NAMES, row, strict=True))["cart_count"]
        assert one.probability == pytest.approx(1 / (1 + math.exp(1 - 2 * carts)), abs=1e-6)
        assert (one.model_version, one.feature_version, one.cutoff) == ("3", definition.VERSION, CUTOFF)


def test_scoring_the_same_cutoff_again_changes_nothing(store: Store, model: Model) -> None:
    score(store, model, model_version="3", cutoff=CUTOFF, lag=0)
    first = store.scores.top(CUTOFF, 100)
    other = model_with(weights=[0.0, 0.0], bias=3.0, threshold=0.5)
    assert score(store, other, model_version="4", cutoff=CUTOFF, lag=0) == (20, 0, 20, CUTOFF)
    assert store.scores.top(CUTOFF, 100) == first


def test_a_run_that_was_killed_is_finished_by_the_next_one(store: Store, model: Model) -> None:
    class Dying(Model):
        """Answers one batch, then stops as a killed process does."""

        def probabilities(self, rows: Rows) -> Rows:
            if store.scores.count(CUTOFF):
                raise KeyboardInterrupt
            return super().probabilities(rows)

    with pytest.raises(KeyboardInterrupt):
        score(store, Dying(model.bundle), model_version="3", cutoff=CUTOFF, lag=0, batch_rows=7)
    assert store.scores.count(CUTOFF) == 7
    assert store.scores.finished(5) == []
    assert score(store, model, model_version="3", cutoff=CUTOFF, lag=0) == (20, 13, 5, CUTOFF)
    assert store.scores.count(CUTOFF) == 20
    assert store.scores.finished(5) == [CUTOFF]


def test_the_lag_hides_back_filled_events_that_were_not_known_yet(store: Store, model: Model) -> None:
    assert score(store, model, model_version="3", cutoff=CUTOFF, lag=2 * HOUR).users == 19


def test_an_answer_at_the_threshold_is_a_buyer(store: Store) -> None:
    model = model_with(weights=[0.0, 0.0], bias=0.0, threshold=0.5)
    assert score(store, model, model_version="3", cutoff=CUTOFF, lag=0).positives == 20


def test_where_nobody_is_active_nothing_is_scored(store: Store, model: Model) -> None:
    nobody = ScoreSummary(users=0, new=0, positives=0, cutoff=CUTOFF + 90 * DAY)
    assert score(store, model, model_version="3", cutoff=CUTOFF + 90 * DAY, lag=0) == nobody
    assert store.scores.cutoffs(10) == []


def test_a_model_without_a_probability_for_somebody_scores_nobody_of_the_batch(store: Store) -> None:
    store.events.add([Event("e-1", "looked", "view", CUTOFF - HOUR, "p-1", "c-1", 1_000)])
    unsound = model_with(weights=[0.0, math.inf], bias=0.0, threshold=0.5)
    with pytest.raises(BrokenBundle, match="16 of 21 users are no probabilities"):
        score(store, unsound, model_version="1", cutoff=CUTOFF, lag=0)
    assert store.scores.cutoffs(1) == []
