"""Explanations: what the definition says, what the shap package says, and adding up."""

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from propensity.errors import BrokenBundle, NoExplanation
from propensity.explanation import Explainer
from propensity.explanation.graph import nodes_of
from propensity.features.definition import NAMES

Make = Callable[..., Any]
Rows = NDArray[np.float32]
FAMILIES = ["random_forest", "logistic_regression", "hist_gradient_boosting"]


def raw_output(made: Any, rows: Rows) -> NDArray[np.float64]:
    """Return what scikit-learn computes before any sigmoid."""
    if made.model.document.estimator == "random_forest":
        return made.fitted.predict_proba(rows)[:, 1]  # type: ignore[no-any-return]
    return made.fitted.decision_function(made.scaled(rows))  # type: ignore[no-any-return]


@pytest.mark.parametrize("calibrated", [False, True])
@pytest.mark.parametrize("name", FAMILIES)
def test_contributions_add_up_to_the_raw_output(
    name: str, calibrated: bool, make: Make, new_rows: Rows
) -> None:
    made = make(name, calibrated=calibrated)
    explainer = Explainer(made.model)
    found = explainer.explain_rows(new_rows[:200])
    assert np.abs(explainer.base + found.contributions.sum(axis=1) - found.raw).max() < 1e-9
    assert np.abs(found.raw - raw_output(made, new_rows[:200])).max() < 1e-6
    assert np.array_equal(found.probabilities, made.model.probabilities(new_rows[:200]))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("random_forest", {"n_estimators": 30, "max_depth": 12, "min_samples_leaf": 1}),
        ("random_forest", {"n_estimators": 30, "max_depth": 5, "min_samples_leaf": 0.01}),
        ("random_forest", {"n_estimators": 3, "max_depth": 1}),
        ("hist_gradient_boosting", {"max_leaf_nodes": 12}),
    ],
)
def test_trees_are_explained_as_shap_explains_them(
    name: str, parameters: dict[str, Any], make: Make, new_rows: Rows, shap: ModuleType
) -> None:
    made = make(name, **parameters)
    reference = shap.TreeExplainer(made.fitted)
    values, base = reference.shap_values(new_rows), np.ravel(reference.expected_value)[-1]
    expected = values[..., 1] if values.ndim == 3 else values
    explainer = Explainer(made.model)
    assert np.abs(explainer.explain_rows(new_rows).contributions - expected).max() < 1e-6
    assert explainer.base == pytest.approx(base, abs=1e-6)


def test_a_linear_model_is_explained_as_shap_explains_it(
    make: Make, new_rows: Rows, shap: ModuleType
) -> None:
    made = make("logistic_regression")
    means = np.zeros((1, len(NAMES)))  # what the scaler makes of the training rows' means
    reference = shap.LinearExplainer(made.fitted, shap.maskers.Independent(means))
    explainer = Explainer(made.model)
    expected = reference.shap_values(made.scaled(new_rows))
    assert np.abs(explainer.explain_rows(new_rows).contributions - expected).max() < 1e-6
    assert explainer.base == pytest.approx(float(np.ravel(reference.expected_value)[0]), abs=1e-6)


def _expectation(tree: Any, row: Rows, known: frozenset[int], node: int = 0) -> float:
    """Return the path-dependent expectation of a tree where only some features are known, by its definition."""
    if tree.children_left[node] == -1:
        return float(tree.value[node][0, 1])
    left, right = tree.children_left[node], tree.children_right[node]
    if tree.feature[node] in known:
        goes_left = row[tree.feature[node]] <= tree.threshold[node]
        return _expectation(tree, row, known, left if goes_left else right)
    rows = tree.weighted_n_node_samples
    parts = (rows[child] * _expectation(tree, row, known, child) for child in (left, right))
    return float(sum(parts) / rows[node])


def _by_definition(tree: Any, row: Rows, feature: int, asked: list[int]) -> float:
    """Return a Shapley value as the weighted sum over all sets of features."""
    others, total = [one for one in asked if one != feature], 0.0
    for size in range(len(others) + 1):
        weight = math.factorial(size) * math.factorial(len(asked) - size - 1) / math.factorial(len(asked))
        for known in map(frozenset, itertools.combinations(others, size)):
            total += weight * (_expectation(tree, row, known | {feature}) - _expectation(tree, row, known))
    return total


def test_a_tree_is_explained_as_the_definition_says(make: Make, new_rows: Rows) -> None:
    made = make("random_forest", n_estimators=1, max_depth=4, min_samples_leaf=20)
    tree = made.fitted.estimators_[0].tree_
    asked = sorted(set(tree.feature[tree.feature >= 0].tolist()))
    assert 4 < len(asked) < 12
    found = Explainer(made.model).explain_rows(new_rows[:8]).contributions
    for row, contributions in zip(new_rows[:8], found, strict=True):
        expected = [_by_definition(tree, row, feature, asked) for feature in asked]
        assert contributions[asked] == pytest.approx(expected, abs=1e-7)
        assert np.delete(contributions, asked) == pytest.approx(0, abs=0)


def test_one_explanation_names_the_weightiest_feature_first_and_the_answer_beside_it(
    make: Make, new_rows: Rows
) -> None:
    made = make("random_forest", calibrated=True)
    explanation = Explainer(made.model).explain(new_rows[5])
    weights = [abs(one.contribution) for one in explanation.contributions]
    assert weights == sorted(weights, reverse=True)
    assert {one.feature: one.value for one in explanation.contributions} == dict(
        zip(NAMES, new_rows[5].tolist(), strict=True)
    )
    assert explanation.base + sum(one.contribution for one in explanation.contributions) == pytest.approx(
        explanation.raw
    )
    assert explanation.probability == pytest.approx(float(made.model.probabilities(new_rows[5:6])[0]))
    assert abs(explanation.probability - explanation.raw) > 1e-3
    assert (explanation.unit, Explainer(make("logistic_regression").model).unit) == (
        "share of votes",
        "log-odds",
    )


def _rewritten(content: bytes, change: Callable[[Any], None]) -> bytes:
    model = onnx.load_from_string(content)
    for node in model.graph.node:
        for attribute in node.attribute:
            change(attribute)
    return model.SerializeToString()  # type: ignore[no-any-return]


@pytest.mark.parametrize("rates", ["ones", "none"])
def test_an_older_version_says_that_it_carries_no_explanation_data(
    make: Make, served: Make, rates: str
) -> None:
    def forget(attribute: Any) -> None:
        if attribute.name == "nodes_hitrates":
            attribute.floats[:] = [1.0] * len(attribute.floats) if rates == "ones" else []

    model = make("random_forest").model
    older = served(_rewritten(model.bundle.onnx, forget), estimator="random_forest")
    with pytest.raises(NoExplanation, match="carries no explanation data"):
        Explainer(older)


def test_rows_written_into_a_forest_change_no_answer(make: Make, new_rows: Rows) -> None:
    made = make("random_forest")
    assert made.model.probabilities(new_rows) == pytest.approx(
        made.fitted.predict_proba(new_rows)[:, 1], abs=1e-6
    )
    [node] = [one for one in nodes_of(made.model.bundle.onnx) if one.kind == "TreeEnsembleClassifier"]
    rows = np.concatenate([one.tree_.weighted_n_node_samples for one in made.fitted.estimators_])
    assert np.array_equal(node.floats["nodes_hitrates"], rows)


def test_a_model_is_read_as_the_onnx_package_reads_it(make: Make) -> None:
    content = make("hist_gradient_boosting", calibrated=True).model.bundle.onnx
    reference = onnx.load_from_string(content).graph.node
    found = nodes_of(content)
    assert [one.kind for one in found] == [one.op_type for one in reference]
    for ours, theirs in zip(found, reference, strict=True):
        for attribute in theirs.attribute:
            value = onnx.helper.get_attribute_value(attribute)
            if attribute.type == onnx.AttributeProto.INTS:
                assert ours.ints[attribute.name].tolist() == list(value)
            if attribute.type == onnx.AttributeProto.FLOATS:
                assert ours.floats[attribute.name].tolist() == list(value)
            if attribute.type == onnx.AttributeProto.STRINGS:
                assert ours.texts[attribute.name] == list(value)


def test_bytes_that_are_no_model_are_refused() -> None:
    with pytest.raises(BrokenBundle, match=r"model\.onnx can't be read"):
        nodes_of(b"\x0f\xff not a model")


ALONE = """
import sys
from pathlib import Path
for name in ("mlflow", "numba", "onnx", "pandas", "polars", "scipy", "shap", "skl2onnx", "sklearn"):
    sys.modules[name] = None  # importing it fails
import numpy as np
from propensity.bundle import Bundle
from propensity.explanation import Explainer
from propensity.model import Model
explanation = Explainer(Model(Bundle.load(Path(sys.argv[1])))).explain(np.zeros(38, dtype=np.float32))
print(explanation.raw)
"""


def test_explaining_needs_numpy_and_onnx_runtime_alone(make: Make, tmp_path: Path) -> None:
    made = make("random_forest")
    made.model.bundle.save(tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert float(run.stdout) == pytest.approx(
        raw_output(made, np.zeros((1, len(NAMES)), dtype=np.float32))[0], abs=1e-6
    )
