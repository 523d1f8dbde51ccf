"""The search: GridSearchCV over the declared grid, on folds of whole cutoffs in time order.

Scored by average precision, because buyers are few and the list is read from the top. A large period is searched on a
sample of its users; the winner is then fitted on all of it.
"""

import logging
from typing import Any, Final, NamedTuple

import joblib  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from propensity.engine import HERE, Engine
from propensity.errors import UnusableTrainingData
from propensity.settings import Settings
from training import candidates, periods
from training.rows import Rows

SCORING: Final = "average_precision"
SEARCH_ROWS: Final = 12_000
"""Rows that candidates are compared on; more change the time and not the winner."""
_logger = logging.getLogger(__name__)

Indices = NDArray[np.intp]


class _Alone(Pipeline):  # type: ignore[misc]  # sklearn has no types
    """A pipeline that is fitted where it is: on a worker, joblib's Dask backend would send out every tree once more.

    That takes ten times as long, and what such calls are given is lost with the worker that made them.
    """

    def fit(self, *given: Any, **named: Any) -> "_Alone":
        """Fit as a pipeline does."""
        with joblib.parallel_config(backend="threading"):
            super().fit(*given, **named)
        return self


class Found(NamedTuple):
    """The winner of a search, fitted on all rows."""

    pipeline: Pipeline
    name: str
    parameters: dict[str, str | int | float | bool | None]
    table: pd.DataFrame
    """One row per candidate, best first."""


def find(rows: Rows, settings: Settings, *, engine: Engine = HERE) -> Found:
    """Search the grid that is set, and fit its winner on all rows of it here."""
    results = _compared(rows.thinned(SEARCH_ROWS, seed=settings.seed), settings, engine=engine)
    chosen = results["params"][int(np.argmin(results["rank_test_score"]))]
    pipeline = _fitted(
        clone(candidates.empty_pipeline()).set_params(**chosen), rows, workers=settings.workers
    )
    name = candidates.family_name(pipeline)
    parameters = {key.split("__", 1)[1]: value for key, value in chosen.items() if key != candidates.STEP}
    _logger.info("search done", extra={"winner": name, "parameters": parameters})
    return Found(pipeline=pipeline, name=name, parameters=parameters, table=_table(results))


def _compared(sample: Rows, settings: Settings, *, engine: Engine) -> dict[str, Any]:
    """Return what GridSearchCV found for every candidate."""
    pairs = index_pairs(sample)
    shared = [sample.features, sample.labels, *(side for pair in pairs for side in pair)]
    with engine.searching(shared, workers=settings.workers) as n_jobs:
        search = GridSearchCV(
            _Alone(candidates.empty_pipeline().steps),
            candidates.grid(settings.search, seed=settings.seed),
            scoring=SCORING,
            cv=pairs,
            refit=False,
            n_jobs=n_jobs,
            error_score="raise",
        )
        search.fit(sample.features, sample.labels)
    results: dict[str, Any] = search.cv_results_
    return results


def index_pairs(rows: Rows) -> list[tuple[Indices, Indices]]:
    """Return the folds as row numbers; UnusableTrainingData where none holds both classes on both sides."""
    pairs = [
        (np.flatnonzero(np.isin(rows.cutoffs, train)), np.flatnonzero(np.isin(rows.cutoffs, test)))
        for train, test in periods.folds(np.unique(rows.cutoffs).tolist())
    ]
    usable = [pair for pair in pairs if all(len(np.unique(rows.labels[side])) == 2 for side in pair)]
    if not usable:
        raise UnusableTrainingData(
            "No two stretches of the fit days, 24 h apart, hold buyers and others both, so models can't be compared. "
            "Add more days."
        )
    return usable


def _fitted(pipeline: Pipeline, rows: Rows, *, workers: int) -> Pipeline:
    """Fit with all workers, then answer with one: sums over threads would differ in the last bit."""
    model = pipeline.named_steps[candidates.STEP]
    threaded = (
        "n_jobs" in model.get_params(deep=False) and candidates.family_name(pipeline) == "random_forest"
    )
    if threaded:
        model.set_params(n_jobs=workers)
    pipeline.fit(rows.features, rows.labels)
    if threaded:
        model.set_params(n_jobs=1)
    return pipeline


def _table(results: dict[str, Any]) -> pd.DataFrame:
    """Return the search's results as a table for a person."""
    rows = []
    for index, parameters in enumerate(results["params"]):
        pipeline = Pipeline([(candidates.STEP, parameters[candidates.STEP])])
        named = {key.split("__", 1)[1]: value for key, value in parameters.items() if key != candidates.STEP}
        rows.append(
            {
                "rank": int(results["rank_test_score"][index]),
                "estimator": candidates.family_name(pipeline),
                "parameters": ", ".join(f"{key.split('__')[-1]}={value}" for key, value in named.items()),
                "average_precision": float(results["mean_test_score"][index]),
                "spread": float(results["std_test_score"][index]),
                "fit_seconds": float(results["mean_fit_time"][index]),
            }
        )
    return pd.DataFrame(rows).sort_values("rank", kind="stable", ignore_index=True)
