"""The search compares candidates on whole cutoffs in time order, and its winner is what the grid declared."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from propensity.errors import UnusableTrainingData
from propensity.events.event import DAY
from propensity.settings import Settings
from training import candidates, search
from training.dataset import TrainingSet
from training.rows import Rows

START = 1_700_000_000_000_000


def test_folds_are_whole_cutoffs_a_day_apart(make_set: Callable[..., TrainingSet]) -> None:
    rows = make_set().fit
    pairs = search.index_pairs(rows)
    assert len(pairs) >= 2
    for train, test in pairs:
        assert rows.cutoffs[test].min() - rows.cutoffs[train].max() >= DAY
        for side in (train, test):
            whole = np.isin(rows.cutoffs, np.unique(rows.cutoffs[side]))
            assert np.array_equal(np.flatnonzero(whole), side)


def test_fit_days_without_two_comparable_stretches_are_refused(
    make_rows: Callable[..., pl.DataFrame],
) -> None:
    frame = make_rows([START, START + DAY]).with_columns(
        (pl.col("cutoff") > START).cast(pl.Int8).alias("label")
    )
    with pytest.raises(UnusableTrainingData, match="can't be compared"):
        search.index_pairs(Rows(frame))


@pytest.mark.parametrize("size", ["quick", "full"])
def test_every_family_is_in_every_grid_and_the_forest_comes_first(size: str) -> None:
    blocks = candidates.grid(size, seed=1)  # type: ignore[arg-type]
    pipelines = [candidates.empty_pipeline().set_params(model=block["model"][0]) for block in blocks]
    names = [candidates.family_name(pipeline) for pipeline in pipelines]
    assert names == [family.name for family in candidates.FAMILIES]
    assert names[0] == "random_forest"


def test_the_table_holds_every_candidate_best_first(
    make_set: Callable[..., TrainingSet], quick: Settings
) -> None:
    found = search.find(make_set().fit, quick)
    assert set(found.table["estimator"]) == {family.name for family in candidates.FAMILIES}
    assert found.table["average_precision"].is_monotonic_decreasing
    assert found.table["estimator"][0] == found.name
    assert found.table["average_precision"].min() > 0.3
