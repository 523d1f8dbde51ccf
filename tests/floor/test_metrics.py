"""Every metric against scikit-learn's, with ties and weights; and what the bootstrap by user promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as reference

from propensity import metrics

Array = NDArray[np.float64]
CLOSE = {"rel": 1e-9, "abs": 1e-12}


@st.composite
def judged_rows(draw: st.DrawFn) -> tuple[Array, Array, Array]:
    """Labels of both classes, scores with many ties, and whole-number weights of which some are 0."""
    size = draw(st.integers(4, 60))
    labels = draw(st.lists(st.integers(0, 1), min_size=size, max_size=size))
    labels[:2] = [0, 1]
    scores = draw(st.lists(st.integers(0, 8), min_size=size, max_size=size))
    weights = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size))
    weights[:2] = [1, 1]
    return np.array(labels, float), np.array(scores) / 8, np.array(weights, float)


@given(judged_rows())
@settings(max_examples=80, deadline=None)
def test_metrics_of_ranking_are_those_of_scikit_learn(rows: tuple[Array, Array, Array]) -> None:
    labels, scores, weights = rows
    for given_weights in (None, weights):
        kept = {"sample_weight": given_weights}
        assert float(metrics.roc_auc(labels, scores, weights=given_weights)) == pytest.approx(
            reference.roc_auc_score(labels, scores, **kept), **CLOSE
        )
        assert float(metrics.average_precision(labels, scores, weights=given_weights)) == pytest.approx(
            reference.average_precision_score(labels, scores, **kept), **CLOSE
        )


@given(judged_rows(), st.integers(0, 9))
@settings(max_examples=80, deadline=None)
def test_metrics_of_answers_are_those_of_scikit_learn(rows: tuple[Array, Array, Array], eighths: int) -> None:
    labels, scores, weights = rows
    answers = scores >= eighths / 8
    expected = reference.precision_recall_fscore_support(
        labels, answers, average="binary", sample_weight=weights, zero_division=0.0
    )
    got = metrics.precision_recall_f1(labels, answers, weights=weights)
    assert [float(value) for value in got] == pytest.approx(expected[:3], **CLOSE)
    assert float(metrics.brier(labels, scores, weights=weights)) == pytest.approx(
        reference.brier_score_loss(labels, scores, sample_weight=weights), **CLOSE
    )


@given(judged_rows())
@settings(max_examples=50, deadline=None)
def test_many_rounds_of_weights_give_what_each_round_gives_alone(rows: tuple[Array, Array, Array]) -> None:
    labels, scores, weights = rows
    rounds = np.stack([weights, np.ones_like(weights), weights[::-1]])
    ranking = metrics.Ranking(labels, scores)
    for metric in (
        ranking.roc_auc,
        ranking.average_precision,
        lambda w: ranking.measure(w, share=0.3)["lift"],
        lambda w: metrics.brier(labels, scores, weights=w),
        lambda w: metrics.share_of(scores > 0.5, weights=w),
        lambda w: metrics.calibration_error(labels, scores, bins=4, weights=w),
    ):
        together = metric(rounds)
        alone = [float(metric(one)) for one in rounds]
        assert together.tolist() == pytest.approx(alone, nan_ok=True, **CLOSE)


def test_one_class_has_no_area_under_the_curve() -> None:
    assert np.isnan(metrics.roc_auc([0, 0, 0], [0.1, 0.2, 0.3]))
    assert metrics.average_precision([0, 0, 0], [0.1, 0.2, 0.3]) == 0.0


def test_lift_counts_a_tie_at_the_edge_in_proportion() -> None:
    labels = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert metrics.lift_at(labels, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0], share=0.2) == pytest.approx(5.0)
    assert metrics.lift_at(labels, [1] * 10, share=0.2) == pytest.approx(1.0)
    assert metrics.lift_at(labels, [0, 0, 1, 1, 1, 1, 1, 1, 1, 1], share=0.5) == pytest.approx(0.0)


def test_calibration_error_is_the_gap_between_what_is_said_and_what_happens() -> None:
    probabilities = np.repeat([0.1, 0.6], 1_000)
    labels = np.r_[np.arange(1_000) < 100, np.arange(1_000) < 800].astype(float)
    assert metrics.calibration_error(labels, probabilities) == pytest.approx(0.1)


def test_calibration_bins_never_split_a_tie() -> None:
    probabilities = np.array([0.2] * 50 + [0.3] * 3 + [0.9] * 47)
    bins = metrics.calibration_bins(probabilities, bins=10)
    assert all(len(set(bins[probabilities == value])) == 1 for value in (0.2, 0.3, 0.9))
    assert len(set(bins)) > 1


def _clustered(users: int, rows_each: int, seed: int) -> tuple[Array, Array]:
    """Users whose rows all agree: many rows, but no more to learn from than one row a user."""
    chance = np.random.default_rng(seed)
    buys = (chance.random(users) < 0.3).astype(float)
    return np.repeat(np.arange(users, dtype=float), rows_each), np.repeat(buys, rows_each)


def test_the_interval_knows_that_rows_of_one_user_are_not_independent() -> None:
    users, labels = _clustered(200, 25, seed=1)
    by_user = metrics.Resampling(users, rounds=500, seed=1)
    by_row = metrics.Resampling(np.arange(len(users)), rounds=500, seed=1)

    def base_rate(weights: Array) -> Array:
        return metrics.share_of(labels, weights=weights)

    honest, naive = by_user.estimate(base_rate), by_row.estimate(base_rate)
    assert honest.high - honest.low == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / 200), rel=0.15)
    assert honest.high - honest.low > 4 * (naive.high - naive.low)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    held = 0
    for seed in range(100):
        users, labels = _clustered(150, 3, seed=seed)
        estimate = metrics.Resampling(users, rounds=200, seed=seed).estimate(
            lambda weights, labels=labels: metrics.share_of(labels, weights=weights)
        )
        held += estimate.low <= 0.3 <= estimate.high
    assert 88 <= held <= 100


def test_a_difference_of_two_models_is_paired() -> None:
    chance = np.random.default_rng(3)
    users, labels = _clustered(300, 4, seed=3)
    scores = labels + chance.normal(0, 2, len(labels))
    one, same = metrics.Ranking(labels, scores), metrics.Ranking(labels, 3 * scores)
    draws = metrics.Resampling(users, rounds=200, seed=3)
    alone = draws.estimate(one.roc_auc)
    difference = draws.estimate(lambda weights: one.roc_auc(weights) - same.roc_auc(weights))
    assert alone.high - alone.low > 0.03
    assert (difference.low, difference.high) == pytest.approx((0.0, 0.0), abs=1e-12)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    users, labels = _clustered(100, 2, seed=4)

    def interval(seed: int) -> metrics.Estimate:
        return metrics.Resampling(users, rounds=100, seed=seed).estimate(
            lambda weights: metrics.share_of(labels, weights=weights)
        )

    assert interval(1) == interval(1)
    assert interval(1) != interval(2)


def test_draws_without_a_buyer_are_left_out_of_the_interval() -> None:
    labels = np.array([1.0, 0, 0, 0])
    ranking = metrics.Ranking(labels, [0.9, 0.8, 0.1, 0.95])
    estimate = metrics.Resampling([1, 2, 3, 4], rounds=200, seed=0).estimate(ranking.roc_auc)
    assert np.isfinite([estimate.value, estimate.low, estimate.high]).all()


def test_the_best_f1_is_that_of_the_best_threshold_tried_one_by_one() -> None:
    draw = np.random.default_rng(5)
    labels = draw.integers(0, 2, 300)
    scores = np.round(labels * 0.3 + draw.random(300), 2)  # with ties
    by_hand = max(reference.f1_score(labels, scores >= threshold) for threshold in np.unique(scores))
    f1, recall, precision = metrics.best_f1(labels, scores)
    assert f1 == pytest.approx(by_hand)
    assert f1 == pytest.approx(2 * recall * precision / (recall + precision))
