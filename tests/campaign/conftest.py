"""A store with scores of made-up users."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from propensity.events import Event
from propensity.store import Score, Store, open_store

CUTOFF = 1_700_000_000_000_000
AddScores = Callable[..., None]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        yield store


@pytest.fixture
def score_users(shop: Store) -> AddScores:
    """`score_users(users, cutoff=)`: users u0, u1, … with probabilities from 1 down to 0."""

    def add(users: int, *, cutoff: int = CUTOFF, first: int = 0) -> None:
        shop.scores.add(
            Score(
                user_id=f"u{number}", cutoff=cutoff, probability=1 - number / users, prediction=1,
                model_version="3", feature_version=1, features=b"",
            )
            for number in range(first, users)
        )  # fmt: skip

    return add


@pytest.fixture
def buy(shop: Store) -> Callable[[str, int], None]:
    """`buy(user, time)`: store a purchase."""

    def add(user: str, time: int) -> None:
        shop.events.add([Event(f"{user}-{time}", user, "purchase", time)])

    return add
