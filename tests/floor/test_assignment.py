"""The split of users: stable, uniform, and of each use its own."""

import numpy as np
import pytest
from numpy.typing import NDArray

from propensity.assignment import Split

USERS = [f"u{number}" for number in range(20_000)]


def places(use: str, *, seed: int = 7) -> NDArray[np.float64]:
    split = Split(use, seed=seed)
    return np.array([split.place(user) for user in USERS])


def test_a_user_keeps_the_place_in_every_release() -> None:
    split = Split("campaign control", seed=7)
    kept = [split.place(user) for user in ("ann", "12345", "日本")]
    assert kept == [0.024501310927326325, 0.2026369661930667, 0.4881231966085856]
    assert Split("campaign control", seed=7).place("ann") == kept[0]


@pytest.mark.parametrize("use", ["campaign control", "experiment"])
def test_places_are_uniform(use: str) -> None:
    found = np.sort(places(use))
    assert 0 <= found[0] <= found[-1] < 1
    expected = (np.arange(len(found)) + 0.5) / len(found)
    # Kolmogorov and Smirnov: beyond 1.95/sqrt(n) once in a thousand
    assert np.abs(found - expected).max() < 1.95 / np.sqrt(len(found))


@pytest.mark.parametrize(
    ("one", "other"),
    [(("a", 7), ("b", 7)), (("a", 7), ("a", 8)), (("campaign control", 7), ("experiment", 7))],
)
def test_places_of_two_uses_or_seeds_are_independent(one: tuple[str, int], other: tuple[str, int]) -> None:
    first, second = places(one[0], seed=one[1]), places(other[0], seed=other[1])
    table, _, _ = np.histogram2d(first, second, bins=10, range=[[0, 1], [0, 1]])
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / len(USERS)
    chi2 = float(((table - expected) ** 2 / expected).sum())
    assert chi2 < 126.1  # 81 degrees of freedom: beyond it once in a thousand
