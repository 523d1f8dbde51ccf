"""The planner: the best threshold is the one that pays, and the curve says what the others cost."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from propensity.campaign.planner import Plan, plan, plan_of_scores
from propensity.store import Store


def chances() -> NDArray[np.float64]:
    return np.random.default_rng(1).beta(1, 6, 5_000)


def test_the_best_threshold_is_that_of_a_search() -> None:
    given = chances()
    found = plan(given, cost=0.5, value=4.0)
    tried = {float(one): float((given[given >= one] * 4.0 - 0.5).sum()) for one in given}
    best = max(tried, key=lambda one: tried[one])
    assert found.break_even == 0.125
    assert found.best.threshold == pytest.approx(best)
    assert found.best.profit.value == pytest.approx(tried[best])
    assert max(one.profit.value for one in found.curve) <= found.best.profit.value
    assert found.best.contacts == (given > 0.125).sum()


def test_the_curve_goes_from_the_likeliest_buyer_to_everyone() -> None:
    given = chances()
    curve = plan(given, cost=0.5, value=4.0).curve
    assert len(curve) == 200
    assert (curve[0].contacts, curve[-1].contacts) == (1, 5_000)
    assert curve[-1].expected_buyers == pytest.approx(given.sum())
    assert all(one.threshold > other.threshold for one, other in itertools.pairwise(curve))


def test_only_what_the_contact_brings_about_is_earned() -> None:
    flattered, honest = (plan(chances(), cost=0.5, value=4.0, caused=caused) for caused in (1.0, 0.5))
    assert honest.break_even == 2 * flattered.break_even
    assert honest.best.contacts < flattered.best.contacts
    assert honest.best.profit.value < flattered.best.profit.value


@pytest.mark.parametrize(
    "prices",
    [{"cost": 5.0, "value": 4.0}, {"cost": 1.0, "value": 0.0}, {"cost": 1.0, "value": 9.0, "caused": 0.0}],
)
def test_nobody_is_contacted_where_no_contact_pays(prices: dict[str, float]) -> None:
    found = plan(chances(), **prices)
    assert found.break_even > 1
    assert (found.best.contacts, found.best.profit.value) == (0, 0.0)


def test_everybody_is_contacted_where_it_costs_nothing() -> None:
    assert plan(chances(), cost=0.0, value=4.0).best.contacts == 5_000


def test_users_with_one_score_are_contacted_together() -> None:
    found = plan([0.5] * 30 + [0.1] * 70, cost=1.0, value=4.0)
    assert [(one.threshold, one.contacts) for one in found.curve] == [(0.5, 30), (0.1, 100)]
    assert found.best.contacts == 30


def test_profit_lies_in_its_range_about_as_often_as_it_says() -> None:
    given = chances()
    best = plan(given, cost=0.5, value=4.0).best
    reached = given[given >= best.threshold]
    chance = np.random.default_rng(2)
    profits = [4.0 * (chance.random(len(reached)) < reached).sum() - 0.5 * len(reached) for _ in range(400)]
    assert 0.92 <= np.mean([best.profit.low <= one <= best.profit.high for one in profits]) <= 0.98


def test_scores_of_the_store_are_planned_with(shop: Store, score_users: Callable[..., None]) -> None:
    score_users(120, cutoff=9)
    found = plan_of_scores(shop, 9, cost=0.5, value=1.0)
    assert found == plan(1 - np.arange(120) / 120, cost=0.5, value=1.0)
    empty = plan_of_scores(shop, 8, cost=0.5, value=1.0)
    assert isinstance(empty, Plan)
    assert (empty.best.contacts, empty.curve) == (0, [])
