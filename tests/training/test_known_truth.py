"""On the simulator's default log, where each user's true probability is known, the model comes close to it."""

import numpy as np
import polars as pl
import pytest

from propensity import metrics
from propensity.features.offline import EVENT_SCHEMA, labels, snapshots
from propensity.settings import Settings, read_settings
from propensity.simulate import Scenario, simulate
from training import artifacts, dataset, model, periods
from training.model import Trained
from training.window import Window

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settings_of_few_cutoffs(quick: Settings) -> Settings:
    return read_settings(home=quick.home, search="quick", workers=2, max_cutoffs=24, bootstrap_rounds=50)


@pytest.fixture(scope="module")
def trained_on_known_truth(settings_of_few_cutoffs: Settings) -> Trained:
    scenario = Scenario()
    first, last = scenario.start_time, scenario.end_time
    events = simulate(scenario).events()
    lacking = [
        pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in EVENT_SCHEMA.items()
        if name not in events.columns
    ]
    events = events.with_columns(lacking).select(EVENT_SCHEMA.names())
    plan = periods.plan(first, last, settings=settings_of_few_cutoffs)
    rows = snapshots(events, plan.cutoffs, lag=0)
    rows = rows.with_columns(labels(events, rows)["label"])
    window = Window(first=first, last=last, events=events.height)
    made = dataset.assemble([rows], plan=plan, window=window, lag=0, settings=settings_of_few_cutoffs)
    return model.fit(made, settings_of_few_cutoffs, now=last, git_commit="", progress=lambda _: None)


@pytest.fixture(scope="module")
def beside_the_truth(trained_on_known_truth: Trained) -> pl.DataFrame:
    later = artifacts.reference(trained_on_known_truth).filter(pl.col("period") == periods.TEST)
    truth = simulate(Scenario()).truth(sorted(later["cutoff"].unique()))
    joined = later.join(truth.rename({"probability": "truth"}), on=["user_id", "cutoff"])
    assert joined.height == later.height
    return joined


def test_it_ranks_nearly_as_well_as_the_truth_and_not_better(beside_the_truth: pl.DataFrame) -> None:
    happened = beside_the_truth["label"].to_numpy()
    said = float(metrics.roc_auc(happened, beside_the_truth["probability"].to_numpy()))
    best_possible = float(metrics.roc_auc(happened, beside_the_truth["truth"].to_numpy()))
    assert best_possible - 0.03 < said < best_possible + 0.005


def test_its_probabilities_are_the_true_ones_on_average(beside_the_truth: pl.DataFrame) -> None:
    said = beside_the_truth["probability"].to_numpy().astype(np.float64)
    truth = beside_the_truth["truth"].to_numpy()
    assert float(metrics.calibration_error(truth, said)) < 0.02


def test_it_beats_every_baseline(trained_on_known_truth: Trained) -> None:
    assert trained_on_known_truth.evaluation.lead.low > 0.05
