"""Outcomes: joined when they are known and not before, once, and corrected once by a purchase that came late."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.monitor.outcomes import join_outcomes
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.settings import Settings, read_settings
from propensity.store import Outcome, Score, Store, open_store

CUTOFF = 1_772_409_600_000_000
USERS = [f"u{number}" for number in range(8)]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(home=tmp_path, lateness_hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def score(store: Store, cutoff: int = CUTOFF, *, users: list[str] = USERS) -> None:
    store.scores.add(
        Score(
            user_id=user, cutoff=cutoff, probability=0.25, prediction=1, model_version="3", feature_version=1,
            features=b"",
        )
        for user in users
    )  # fmt: skip


def buy(store: Store, user: str, time: int, *, kind: str = "purchase") -> None:
    store.events.add([Event(f"{user}{kind}{time}", user, kind, time)])


def outcomes(store: Store, cutoff: int = CUTOFF) -> dict[str, Outcome]:
    return {one.user_id: one for chunk in store.outcomes.scan(cutoff) for one in chunk}


def buyers(store: Store, cutoff: int = CUTOFF) -> set[str]:
    return {user for user, one in outcomes(store, cutoff).items() if one.label}


def test_who_bought_in_the_24_hours_from_the_cutoff_is_a_buyer(store: Store, settings: Settings) -> None:
    score(store)
    buy(store, "u0", CUTOFF - 1)
    buy(store, "u1", CUTOFF)
    buy(store, "u2", CUTOFF + DAY - 1)
    buy(store, "u3", CUTOFF + DAY)
    buy(store, "u4", CUTOFF + HOUR, kind="cart")
    buy(store, "nobody scored", CUTOFF + HOUR)
    assert join_outcomes(store, watermark=CUTOFF + 25 * HOUR, settings=settings, now=7) == (1, 8, 0)
    assert buyers(store) == {"u1", "u2"}
    assert outcomes(store)["u1"] == Outcome(
        user_id="u1", cutoff=CUTOFF, label=1, probability=0.25, prediction=1, model_version="3", joined_at=7
    )


def test_a_cutoff_whose_day_is_not_over_is_not_joined(store: Store, settings: Settings) -> None:
    score(store)
    assert join_outcomes(store, watermark=CUTOFF + 25 * HOUR - 1, settings=settings, now=7) == (0, 0, 0)
    assert join_outcomes(store, watermark=CUTOFF + 25 * HOUR, settings=settings, now=7).new == 8


def test_joining_again_changes_nothing(store: Store, settings: Settings) -> None:
    score(store)
    buy(store, "u1", CUTOFF)
    join_outcomes(store, watermark=CUTOFF + 2 * DAY, settings=settings, now=7)
    before = outcomes(store)
    assert join_outcomes(store, watermark=CUTOFF + 3 * DAY, settings=settings, now=9) == (1, 0, 0)
    assert outcomes(store) == before


def test_a_late_purchase_corrects_its_outcome_once(store: Store, settings: Settings) -> None:
    score(store)
    join_outcomes(store, watermark=CUTOFF + 2 * DAY, settings=settings, now=7)
    for time in (CUTOFF + HOUR, CUTOFF + 2 * HOUR):
        buy(store, "u1", time)
    corrections = [
        join_outcomes(store, watermark=CUTOFF + 3 * DAY, settings=settings, now=now).corrected
        for now in (8, 9)
    ]
    assert corrections == [1, 0]
    assert (outcomes(store)["u1"].label, outcomes(store)["u1"].corrected_at) == (1, 8)
    assert outcomes(store)["u1"].joined_at == 7


def test_a_purchase_that_comes_after_a_week_corrects_nothing(store: Store, settings: Settings) -> None:
    score(store)
    join_outcomes(store, watermark=CUTOFF + 2 * DAY, settings=settings, now=7)
    buy(store, "u1", CUTOFF + HOUR)
    assert join_outcomes(store, watermark=CUTOFF + 7 * DAY + 1, settings=settings, now=8).corrected == 0
    assert join_outcomes(store, watermark=CUTOFF + 7 * DAY, settings=settings, now=8).corrected == 1


def test_the_same_purchase_twice_is_one(store: Store, settings: Settings) -> None:
    score(store)
    for _ in range(2):
        buy(store, "u1", CUTOFF + HOUR)
    assert join_outcomes(store, watermark=CUTOFF + 2 * DAY, settings=settings, now=7) == (1, 8, 0)
    assert buyers(store) == {"u1"}


def test_one_purchase_counts_at_every_cutoff_it_follows(store: Store, settings: Settings) -> None:
    cutoffs = [CUTOFF + 6 * hour * HOUR for hour in range(12)]
    for cutoff in cutoffs:
        score(store, cutoff)
    buy(store, "u1", CUTOFF + 30 * HOUR)
    assert join_outcomes(store, watermark=CUTOFF + 9 * DAY, settings=settings, now=7).new == 12 * 8
    assert [cutoff for cutoff in cutoffs if buyers(store, cutoff)] == [
        cutoff for cutoff in cutoffs if cutoff <= CUTOFF + 30 * HOUR < cutoff + DAY
    ]


def test_a_run_that_was_killed_is_finished_by_the_next(store: Store, settings: Settings) -> None:
    score(store)
    buy(store, "u1", CUTOFF)
    store.outcomes.add([Outcome(
        user_id="u0", cutoff=CUTOFF, label=0, probability=0.25, prediction=1, model_version="3", joined_at=5,
    )])  # fmt: skip
    assert join_outcomes(store, watermark=CUTOFF + 20 * DAY, settings=settings, now=7) == (1, 7, 0)
    assert buyers(store) == {"u1"}


def test_scores_that_come_later_get_their_outcomes_too(store: Store, settings: Settings) -> None:
    score(store, users=USERS[:3])
    join_outcomes(store, watermark=CUTOFF + 10 * DAY, settings=settings, now=7)
    score(store)
    assert join_outcomes(store, watermark=CUTOFF + 10 * DAY, settings=settings, now=8).new == 5


def test_a_monitor_that_was_away_for_weeks_joins_what_it_missed(store: Store, settings: Settings) -> None:
    for day in range(20):
        score(store, CUTOFF + day * DAY)
    assert join_outcomes(store, watermark=CUTOFF + 22 * DAY, settings=settings, now=7).new == 20 * 8
