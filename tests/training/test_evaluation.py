"""What is reported of a model is what scikit-learn computes, beside baselines that are what they say."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as reference

from propensity.settings import Settings
from training import baselines, evaluation
from training.evaluation import Evaluation, evaluate
from training.rows import Rows

START = 1_700_000_000_000_000
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def rows(make_rows: Callable[..., pl.DataFrame]) -> Rows:
    return Rows(make_rows([START, START + DAY], users=500).sort("cutoff", "user_id"))


@pytest.fixture(scope="module")
def probabilities(rows: Rows) -> evaluation.Probabilities:
    return (1 / (1 + np.exp(1.2 - 1.5 * rows.column("purchase_intent")))).astype(np.float32)


@pytest.fixture(scope="module")
def measured(rows: Rows, probabilities: evaluation.Probabilities, quick: Settings) -> Evaluation:
    return evaluate(rows, probabilities, threshold=0.3, settings=quick)


def test_the_values_are_those_of_scikit_learn(
    rows: Rows, probabilities: evaluation.Probabilities, measured: Evaluation
) -> None:
    answers = probabilities >= 0.3
    expected = {
        "roc_auc": reference.roc_auc_score(rows.labels, probabilities),
        "average_precision": reference.average_precision_score(rows.labels, probabilities),
        "f1": reference.f1_score(rows.labels, answers),
        "recall": reference.recall_score(rows.labels, answers),
        "precision": reference.precision_score(rows.labels, answers),
        "brier": reference.brier_score_loss(rows.labels, probabilities.astype(float)),
        "contact_share": answers.mean(),
    }
    got = {name: measured.metrics[name].value for name in expected}
    assert got == pytest.approx(expected)


def test_every_interval_holds_its_value_and_is_wider_than_nothing(measured: Evaluation) -> None:
    for name, estimate in measured.metrics.items():
        assert estimate.low <= estimate.value * (1 + 1e-9), name
        if name != "calibration_error":  # resampling adds noise to an error that can't be negative
            assert estimate.value <= estimate.high, name
        assert estimate.high > estimate.low, name


def test_the_base_rate_ranks_nobody_and_calls_everybody(rows: Rows, measured: Evaluation) -> None:
    base = measured.baselines["base_rate"]
    assert base["roc_auc"].value == 0.5
    assert base["recall"].value == 1.0
    assert base["contact_share"].value == 1.0
    assert base["precision"].value == base["average_precision"].value == pytest.approx(rows.labels.mean())


def test_the_lead_is_over_the_best_baseline_and_paired(measured: Evaluation) -> None:
    values = {name: numbers["average_precision"].value for name, numbers in measured.baselines.items()}
    assert set(values) == {baseline.name for baseline in baselines.BASELINES}
    assert measured.best_baseline == max(values, key=lambda name: values[name])
    model = measured.metrics["average_precision"]
    assert measured.lead.value == pytest.approx(model.value - max(values.values()))
    assert measured.lead.high - measured.lead.low < model.high - model.low


def test_recency_ranks_who_was_here_last_first(rows: Rows) -> None:
    recency = next(one for one in baselines.BASELINES if one.name == "recency")
    latest = int(np.argmax(recency.score(rows)))
    assert rows.column("last_activity_hours")[latest] == rows.column("last_activity_hours").min()


def test_within_cutoffs_a_score_of_the_hour_alone_tells_nobody_apart(rows: Rows) -> None:
    of_the_hour = rows.cutoffs.astype(np.float64)
    metric = evaluation.within_cutoffs(rows, of_the_hour)
    assert metric(np.ones(len(rows))) == 0.5


def test_within_cutoffs_is_the_mean_over_cutoffs(
    rows: Rows, probabilities: evaluation.Probabilities, measured: Evaluation
) -> None:
    areas = [
        reference.roc_auc_score(rows.labels[rows.cutoffs == cutoff], probabilities[rows.cutoffs == cutoff])
        for cutoff in np.unique(rows.cutoffs)
    ]
    assert measured.metrics["roc_auc_within_cutoffs"].value == pytest.approx(np.mean(areas))


def test_the_calibration_table_counts_every_row_once(rows: Rows, measured: Evaluation) -> None:
    table = measured.calibration
    assert table["rows"].sum() == len(rows)
    assert table["said"].is_monotonic_increasing
    assert np.average(table["happened"], weights=table["rows"]) == pytest.approx(rows.labels.mean())
