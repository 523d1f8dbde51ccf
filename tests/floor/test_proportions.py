"""Intervals of shares: those of the papers, and as often right as they say."""

import numpy as np
import pytest
from scipy import stats

from propensity.bundle import Estimate
from propensity.proportions import Arm, difference, sample_ratio, share


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (1, 10), (5, 10), (10, 10), (81, 263), (3, 10_000)])
def test_the_interval_of_a_share_is_wilsons(hits: int, trials: int) -> None:
    reference = stats.binomtest(hits, trials).proportion_ci(method="wilson")
    found = share(hits, trials)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-9)
    assert found.value == hits / trials


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        (Arm(70, 56), Arm(80, 48), 0.0524, 0.3339),  # Newcombe 1998, table II, method 10
        (Arm(10, 9), Arm(10, 3), 0.1705, 0.8090),
        (Arm(7, 6), Arm(7, 2), 0.0582, 0.8062),
        (Arm(56, 5), Arm(29, 0), -0.0381, 0.1926),
        (Arm(20, 0), Arm(10, 0), -0.2775, 0.1611),
        (Arm(10, 10), Arm(20, 0), 0.6791, 1.0),
    ],
)  # fmt: skip
def test_the_interval_of_a_difference_is_newcombes(one: Arm, other: Arm, low: float, high: float) -> None:
    found = difference(one, other)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5.1e-5)


def test_nothing_is_known_from_nobody() -> None:
    assert share(0, 0) == Estimate(0.0, 0.0, 1.0)
    assert difference(Arm(0, 0), Arm(0, 0)) == Estimate(0.0, -1.0, 1.0)


def test_intervals_of_differences_hold_the_truth_about_as_often_as_they_say() -> None:
    chance = np.random.default_rng(1)
    treated, control = chance.binomial(900, 0.05, 2_000), chance.binomial(100, 0.03, 2_000)
    found = [difference(Arm(900, int(a)), Arm(100, int(b))) for a, b in zip(treated, control, strict=True)]
    held = np.mean([one.low <= 0.02 <= one.high for one in found])
    assert 0.93 <= held <= 0.99


@pytest.mark.parametrize("first", [90, 100, 101, 150])
def test_the_sample_ratio_is_tested_by_chi_square(first: int) -> None:
    found = sample_ratio(first, 1_000 - first, expected=0.1)
    reference = stats.chisquare([first, 1_000 - first], [100, 900]).pvalue
    assert found.p_value == pytest.approx(reference)
    assert found.holds == (first < 150)


def test_a_ratio_of_nobody_or_of_one_side_can_be_asked_for() -> None:
    assert sample_ratio(0, 0, expected=0.1).holds
    assert sample_ratio(0, 50, expected=0.0).holds
    assert not sample_ratio(1, 50, expected=0.0).holds
