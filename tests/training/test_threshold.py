"""The threshold keeps its promise on the validation days, in float32, and says what to expect afterwards."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import threshold


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 1, width=32)), min_size=1, max_size=80),
    st.floats(0.05, 1.0),
)
def test_the_target_is_met_and_no_higher_threshold_meets_it(
    rows: list[tuple[bool, float]], target: float
) -> None:
    labels = np.array([1, *(label for label, _ in rows)], dtype=np.int8)
    probabilities = np.array([0.5, *(probability for _, probability in rows)], dtype=np.float32)
    chosen = threshold.choose(labels, probabilities, recall_target=target).threshold
    buyers = probabilities[labels == 1]
    assert np.mean(buyers >= chosen) >= target - 1e-9
    higher = buyers[buyers > chosen]
    assert len(higher) / len(buyers) < target


def test_no_buyer_is_missed_with_a_target_of_one() -> None:
    chance = np.random.default_rng(1)
    probabilities = chance.random(5_000).astype(np.float32)
    labels = (chance.random(5_000) < 0.1).astype(np.int8)
    choice = threshold.choose(labels, probabilities, recall_target=1.0)
    assert (probabilities[labels == 1] >= choice.threshold).all()
    assert choice.threshold == probabilities[labels == 1].min()


def test_later_days_are_promised_n_of_n_plus_one() -> None:
    labels = np.array([1] * 99 + [0] * 101, dtype=np.int8)
    probabilities = np.linspace(1, 0, 200, dtype=np.float32)
    assert threshold.choose(labels, probabilities, recall_target=1.0).expected_recall == pytest.approx(0.99)
    assert threshold.choose(labels, probabilities, recall_target=0.5).expected_recall == pytest.approx(0.495)


def test_what_is_promised_is_what_later_days_of_the_same_kind_show() -> None:
    chance = np.random.default_rng(2)
    shown = []
    for _ in range(3_000):
        before, after = chance.random(19).astype(np.float32), chance.random(50)
        choice = threshold.choose(np.ones(19, dtype=np.int8), before, recall_target=1.0)
        shown.append(np.mean(after >= choice.threshold))
    assert choice.expected_recall == pytest.approx(0.95)
    assert np.mean(shown) == pytest.approx(0.95, abs=0.005)


def test_the_operating_curve_runs_from_few_to_everybody_and_holds_the_choice() -> None:
    chance = np.random.default_rng(3)
    probabilities = chance.random(2_000).astype(np.float32)
    labels = (chance.random(2_000) < probabilities).astype(np.int8)
    chosen = threshold.choose(labels, probabilities, recall_target=0.9).threshold
    curve = threshold.operating_curve(labels, probabilities, chosen=chosen)
    assert [point.share for point in curve] == sorted(point.share for point in curve)
    assert [point.recall for point in curve] == sorted(point.recall for point in curve)
    assert curve[0].share < 0.05
    assert (curve[-1].share, curve[-1].recall) == (1.0, 1.0)
    assert next(point for point in curve if point.threshold == chosen).recall == pytest.approx(0.9, abs=0.01)
