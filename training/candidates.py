"""The one declared grid: every model that is ever tried, and with which parameters.

All of them turn into ONNX exactly. Leaves are sized as a share of the rows, so that a tree has at most 1/share leaves
however long the log: what was best on a sample is as good on the whole, and a bundle stays a few megabytes. The forest
comes first: where two candidates score the same, the first one wins.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

STEP: Final = "model"
"""The pipeline's step that the grid fills with each family."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of model with the values tried for its parameters."""

    name: str
    quick: dict[str, list[Any]]
    full: dict[str, list[Any]]


FAMILIES: Final = (
    Family(
        name="random_forest",
        quick={"n_estimators": [100], "max_depth": [6], "min_samples_leaf": [0.01]},
        full={"n_estimators": [100, 200], "max_depth": [6, 12], "min_samples_leaf": [0.002, 0.01]},
    ),
    Family(
        name="logistic_regression",
        quick={"logistic__C": [0.01]},
        full={"logistic__C": [0.001, 0.01, 0.1]},
    ),
    Family(
        name="hist_gradient_boosting",
        quick={"learning_rate": [0.05], "max_leaf_nodes": [8]},
        full={"learning_rate": [0.03, 0.1], "max_leaf_nodes": [4, 12]},
    ),
)


def grid(search: Literal["full", "quick"], *, seed: int) -> list[dict[str, list[Any]]]:
    """Return the grid as GridSearchCV takes it: one block a family."""
    return [
        {
            STEP: [_estimator(family.name, seed=seed)],
            **{f"{STEP}__{name}": values for name, values in getattr(family, search).items()},
        }
        for family in FAMILIES
    ]


def empty_pipeline() -> Pipeline:
    """Return the pipeline whose step the grid fills."""
    return Pipeline([(STEP, "passthrough")])


def family_name(pipeline: Pipeline) -> str:
    """Return the declared name of the family that a pipeline holds."""
    return {
        RandomForestClassifier: "random_forest",
        Pipeline: "logistic_regression",
        HistGradientBoostingClassifier: "hist_gradient_boosting",
    }[type(pipeline.named_steps[STEP])]


def _estimator(name: str, *, seed: int) -> Any:
    if name == "random_forest":
        return RandomForestClassifier(random_state=seed, n_jobs=1)
    if name == "logistic_regression":
        logistic = LogisticRegression(max_iter=2_000, random_state=seed)
        return Pipeline([("scale", StandardScaler()), ("logistic", logistic)])
    return HistGradientBoostingClassifier(
        max_iter=100, min_samples_leaf=40, l2_regularization=1.0, early_stopping=False, random_state=seed
    )
