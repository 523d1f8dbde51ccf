"""Workers of a Dask scheduler give what one machine gives: rows, winner, metrics and scores."""

from collections.abc import Callable, Iterator
from functools import partial

import polars as pl
import pytest
from distributed import LocalCluster
from polars.testing import assert_frame_equal

from jobs.score import score
from propensity.engine import HERE, Engine, feature_rows_of
from propensity.engine.scheduler import DaskEngine
from propensity.events.event import DAY, HOUR
from propensity.features.definition import FEATURES
from propensity.model import Model
from propensity.settings import Settings
from propensity.store import Store
from tests.scorer.conftest import wait_for
from training import dataset, model, search
from training.dataset import TrainingSet
from training.model import Trained

pytestmark = pytest.mark.journey

NOW = 2_000_000_000_000_000
LIMIT = 60
"""Longest that anything here may take to come, on a busy machine."""


@pytest.fixture(scope="module", params=[2, 4])
def engine(dask_cluster: LocalCluster, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A connection to so many workers."""
    dask_cluster.scale(request.param)
    # Exactly so many: what is sent to one that is on its way out is lost with it.
    wait_for(lambda: len(dask_cluster.scheduler_info["workers"]) == request.param, seconds=LIMIT)
    connected = DaskEngine(dask_cluster.scheduler_address)
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def cutoffs(dask_shop: Store) -> list[int]:
    """Three days near the end of the log."""
    last = dask_shop.events.summary().last_time or 0
    return [last // HOUR * HOUR - days * DAY for days in (3, 2, 1)]


def rows(engine: Engine, store: Store, cutoffs: list[int]) -> pl.DataFrame:
    work = partial(feature_rows_of, cutoffs=cutoffs, lag=0, with_labels=True)
    return pl.concat(engine.over_users(work, store, events_at_once=5_000)).sort("cutoff", "user_id")


def integers(frame: pl.DataFrame) -> pl.DataFrame:
    """The counts behind the features, which one division made into floats."""
    return frame.select(
        "user_id",
        "cutoff",
        "label",
        *((pl.col(one.name) * one.divisor).round().cast(pl.Int64) for one in FEATURES),
    )


def test_feature_rows_are_the_same_to_the_last_bit(
    engine: Engine, dask_shop: Store, cutoffs: list[int]
) -> None:
    expected, found = rows(HERE, dask_shop, cutoffs), rows(engine, dask_shop, cutoffs)
    assert expected.height > 1_000
    assert_frame_equal(integers(found), integers(expected))
    assert_frame_equal(found, expected, check_exact=True)


def test_a_training_set_of_the_real_log_has_the_same_digest(
    engine: Engine, dask_shop: Store, taobao_set: TrainingSet, taobao_settings: Settings
) -> None:
    assert dataset.build(dask_shop, taobao_settings, now=NOW, engine=engine).digest == taobao_set.digest


def test_the_search_compares_alike_and_finds_the_same_winner(
    engine: Engine, make_set: Callable[..., TrainingSet], quick: Settings, trained: Trained
) -> None:
    found = search.find(make_set(users=300).fit, quick, engine=engine)
    assert (found.name, found.parameters) == (trained.document.estimator, trained.document.parameters)
    for column in ("estimator", "parameters"):
        assert found.table[column].tolist() == trained.grid_table[column].tolist()
    precision = found.table["average_precision"].tolist()
    assert precision == pytest.approx(trained.grid_table["average_precision"].tolist(), rel=0, abs=1e-9)


def test_the_model_has_the_same_metrics(
    engine: Engine, make_set: Callable[..., TrainingSet], quick: Settings, trained: Trained
) -> None:
    made = make_set(users=300)
    found = model.fit(made, quick, now=NOW, git_commit="c0ffee", progress=lambda _: None, engine=engine)
    assert len(found.metrics) > 50
    assert found.metrics == pytest.approx(trained.metrics, rel=0, abs=1e-9)


def test_batch_scores_are_the_same_and_stay_so(
    engine: Engine, dask_shop: Store, shop_alone: Store, trained: Trained, cutoffs: list[int]
) -> None:
    at = (
        cutoffs[0] - len(dask_shop.scores.cutoffs(10)) * HOUR
    )  # the first score stays: a cutoff that has none
    scored = partial(score, model=Model(trained.bundle), model_version="1", cutoff=at, lag=0)
    summary = scored(dask_shop, engine=engine)
    assert summary.users == summary.new > 300
    assert summary == scored(shop_alone)
    found = dask_shop.scores.top(at, 10_000)
    assert found == shop_alone.scores.top(at, 10_000)
    assert scored(dask_shop, engine=engine) == summary._replace(new=0)
    assert dask_shop.scores.top(at, 10_000) == found
