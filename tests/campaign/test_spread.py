"""How probabilities are spread: from counts nearly what reading them all says."""

import numpy as np
import pytest

from propensity.campaign.outcomes import untreated_counts, untreated_outcomes
from propensity.campaign.planner import plan
from propensity.campaign.spread import edges_at, probabilities_at
from propensity.store import Contact, Outcome, Score, Store

CUTOFF = 40 * 86_400_000_000
CHANCES = np.random.default_rng(3).beta(0.4, 6, 3_000)


@pytest.fixture
def scored(shop: Store) -> Store:
    shop.scores.add(
        Score(
            user_id=f"u{n:04}", cutoff=CUTOFF, probability=float(chance), prediction=1, model_version="1",
            feature_version=1, features=b"",
        )
        for n, chance in enumerate(CHANCES)
    )  # fmt: skip
    return shop


def test_few_users_are_read_exactly(scored: Store) -> None:
    assert probabilities_at(scored, CUTOFF).tolist() == sorted(CHANCES.tolist(), reverse=True)


def test_many_users_are_counted_and_each_is_within_a_hundredth(scored: Store) -> None:
    counted = probabilities_at(scored, CUTOFF, exact=100)
    truth = np.sort(CHANCES)[::-1]
    assert len(counted) == len(truth)
    assert np.all(np.abs(counted - truth) <= 0.01 * truth + 1e-5)
    exact, near = (plan(one, cost=0.1, value=10, caused=0.2).best for one in (truth, counted))
    assert near.profit.value == pytest.approx(exact.profit.value, rel=0.005)


def test_edges_cut_users_into_groups_of_about_one_size(scored: Store) -> None:
    edges = edges_at(scored, CUTOFF, groups=20)
    sizes = scored.scores.tally(CUTOFF, edges)
    assert edges[0] == 0
    assert list(edges) == sorted(set(edges))
    assert sum(sizes) == len(CHANCES)
    assert max(sizes) <= 1.5 * len(CHANCES) / 20


def test_where_nobody_was_scored_edges_lie_everywhere(shop: Store) -> None:
    assert edges_at(shop, CUTOFF)[0] == 0
    assert len(edges_at(shop, CUTOFF)) > 50


def test_counted_outcomes_are_those_of_users_nobody_contacted(scored: Store) -> None:
    scored.outcomes.add(
        Outcome(
            user_id=f"u{n:04}", cutoff=CUTOFF, label=n % 3 == 0, probability=float(chance), prediction=1,
            model_version="1", joined_at=1,
        )
        for n, chance in enumerate(CHANCES)
    )  # fmt: skip
    scored.contacts.add(
        Contact(
            list_id="l", user_id=f"u{n:04}", arm="treated" if n % 2 else "control", probability=0.5,
            listed_at=CUTOFF - 1,
        )
        for n in range(600)
    )  # fmt: skip
    counted = untreated_counts(scored, CUTOFF, edges_at(scored, CUTOFF))
    read = untreated_outcomes(scored, CUTOFF)
    assert (len(counted.bought), int(counted.bought.sum())) == (len(read.bought), int(read.bought.sum()))
    assert counted.left_out == read.left_out == 300
