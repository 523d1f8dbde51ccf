"""Conversion, lift, uplift and Qini by score: right on cases worked by hand, and honest about noise."""

import numpy as np
import pytest
from numpy.typing import NDArray

from propensity.campaign.deciles import conversion_by_decile, lift_curve, qini, uplift_by_decile
from propensity.proportions import Arm

Floats = NDArray[np.float64]


def test_each_tenth_says_what_was_expected_and_what_came() -> None:
    chances = np.arange(1_000) / 1_000
    bought = np.arange(1_000) >= 950
    found = conversion_by_decile(chances, bought)
    assert [one.number for one in found] == list(range(1, 11))
    assert (found[0].low, found[0].high, found[0].arm) == (0.9, 0.999, Arm(100, 50))
    assert found[0].expected == pytest.approx(94.95)
    assert [one.arm.buyers for one in found[1:]] == [0] * 9
    assert found[0].conversion.low < 0.5 < found[0].conversion.high


def test_a_tie_is_not_split() -> None:
    found = conversion_by_decile([0.5] * 60 + [0.1] * 40, [True] * 10 + [False] * 90)
    assert [(one.number, one.low, one.high, one.arm) for one in found] == [
        (1, 0.5, 0.5, Arm(60, 10)), (2, 0.1, 0.1, Arm(40, 0)),
    ]  # fmt: skip
    assert conversion_by_decile([], []) == []


def test_the_lift_curve_goes_from_nobody_to_all_buyers() -> None:
    chances = np.arange(1_000) / 1_000
    perfect = lift_curve(chances, chances >= 0.9)
    assert (perfect.share[0], perfect.value[0], perfect.share[-1], perfect.value[-1]) == (0, 0, 1, 1)
    assert np.interp(0.1, perfect.share, perfect.value) == pytest.approx(1.0)
    useless = lift_curve(chances, np.arange(1_000) % 10 == 0)
    assert np.abs(useless.value - useless.share).max() < 0.02
    assert lift_curve([0.5, 0.5], [True, False]).share.tolist() == [0.0, 1.0]
    assert lift_curve([], []).share.tolist() == [0.0]


def test_uplift_is_told_by_tenth_with_both_arms() -> None:
    chances = np.repeat(np.arange(10) / 10, 100)
    treated = np.tile(np.arange(100) < 80, 10)
    bought = (chances == 0.9) & treated
    best, *others = uplift_by_decile(chances, is_treated=treated, bought=bought)
    assert (best.number, best.treated, best.control) == (1, Arm(80, 80), Arm(20, 0))
    assert best.uplift.low > 0.7
    assert all(one.uplift.low < 0 < one.uplift.high for one in others)


def test_the_qini_curve_counts_incremental_buyers() -> None:
    chances = np.array([0.9] * 4 + [0.1] * 4)
    treated = np.array([1, 1, 0, 0] * 2, dtype=bool)
    bought = np.array([1, 1, 1, 0, 0, 1, 0, 0], dtype=bool)
    found = qini(chances, is_treated=treated, bought=bought, seed=1)
    assert found.curve.share.tolist() == [0.0, 0.5, 1.0]
    assert found.curve.value.tolist() == [0.0, 2 - 1 * 2 / 2, 3 - 1 * 4 / 4]
    assert found.coefficient.value == pytest.approx(0.0)


def _campaign(seed: int, *, persuadable: bool) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """A campaign that raises everybody's conversion alike, or that of the best-scored alone."""
    chance = np.random.default_rng(seed)
    chances = chance.beta(1, 8, 20_000)
    treated = chance.random(20_000) < 0.7
    gained = np.where(chances > np.quantile(chances, 0.8), 0.15, 0.0) if persuadable else 0.03
    return chances, treated, chance.random(20_000) < np.clip(chances + treated * gained, 0, 1)


def test_the_qini_coefficient_tells_persuadable_users_from_those_who_buy_anyway() -> None:
    chances, treated, bought = _campaign(1, persuadable=True)
    found = qini(chances, is_treated=treated, bought=bought, seed=1)
    assert found.coefficient.low > 0
    assert found.curve.value[-1] == pytest.approx(0.03 * treated.sum(), rel=0.35)


def test_the_qini_interval_holds_the_truth_where_the_score_persuades_nobody() -> None:
    held = 0
    for seed in range(40):
        chances, treated, bought = _campaign(seed, persuadable=False)
        found = qini(chances, is_treated=treated, bought=bought, seed=seed).coefficient
        held += found.low <= 0 <= found.high
    assert 35 <= held <= 40


@pytest.mark.parametrize(
    ("users", "control", "effect"),
    [(200, 0.1, 0.0), (1_000, 0.3, 0.0), (3_000, 0.1, 0.05)],
)
def test_small_lists_seldom_say_that_a_score_persuades_where_it_does_not(
    users: int, control: float, effect: float
) -> None:
    claims = 0
    for seed in range(100):
        chance = np.random.default_rng(seed)
        chances = chance.beta(1, 8, users)
        treated = chance.random(users) >= control
        bought = chance.random(users) < np.clip(chances + treated * effect, 0, 1)
        claims += qini(chances, is_treated=treated, bought=bought, seed=seed).finds is not None
    assert claims <= 10


def test_what_few_users_show_is_no_verdict_and_what_many_show_is() -> None:
    chances, treated, bought = _campaign(1, persuadable=True)
    many = qini(chances, is_treated=treated, bought=bought, seed=1)
    assert (many.is_enough, many.finds) == (True, "persuadable")
    assert many.treated.users + many.control.users == 20_000
    few = qini(chances[:150], is_treated=treated[:150], bought=bought[:150], seed=1)
    assert (few.is_enough, few.finds) == (False, None)
    harmed = qini(chances, is_treated=~treated, bought=bought, seed=1)
    assert harmed.finds == "put off"


def test_an_empty_list_has_a_flat_curve() -> None:
    found = qini([], is_treated=[], bought=[], seed=1)
    assert found.coefficient.value == 0
    assert qini([0.5], is_treated=[True], bought=[True], seed=1).curve.value.tolist() == [0.0, 0.0]
