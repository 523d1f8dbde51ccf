"""Reading a user's features while a request waits, and many requests asking the model at once."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bentos.scorer import lookup as lookup_module
from bentos.scorer.gathering import Gathering
from bentos.scorer.lookup import PAUSE_SECONDS, Lookup
from bentos.scorer.measures import Measures
from bentos.scorer.rows import Absent, pack
from bentos.scorer.serving import Serving
from propensity.bundle import Bundle
from propensity.events import Event
from propensity.features.definition import NAMES
from propensity.model import Model
from propensity.store import Store


class Gated:
    """A real store whose reads wait while its gate is closed, as those of a database do that hangs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.events = self
        self.gate = threading.Event()
        self.gate.set()
        self.reads = 0

    def of_user(self, user_id: str, **bounds: int) -> list[Event]:
        self.reads += 1
        assert self.gate.wait(10)
        return self._store.events.of_user(user_id, **bounds)

    def knows(self, user_id: str) -> bool:
        return self._store.events.knows(user_id)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def gated(store: Store) -> Iterator[Gated]:
    found = Gated(store)
    yield found
    found.gate.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lookup(gated: Gated, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lookup]:
    monkeypatch.setattr(lookup_module, "DEADLINE_SECONDS", 0.05)
    monkeypatch.setattr(lookup_module, "PATIENT_SECONDS", 5.0)
    found = Lookup(gated, measures=Measures(), monotonic=clock)  # type: ignore[arg-type]
    yield found
    gated.gate.set()
    found.close()


def find(lookup: Lookup, user_id: str, now: int, *, patiently: bool = False) -> Any:
    return asyncio.run(lookup.find(user_id, cutoff=now, lag=0, patiently=patiently))


def test_a_known_user_has_a_row_and_an_unknown_one_a_reason(lookup: Lookup, now: int) -> None:
    assert len(find(lookup, "known", now)) == len(NAMES)
    assert find(lookup, "stranger", now) is Absent.UNKNOWN_USER
    assert lookup.find_many(["stranger", "known"], cutoff=now, lag=0)[0] is Absent.UNKNOWN_USER
    assert lookup.find_many([], cutoff=now, lag=0) == []


def test_a_store_that_hangs_is_given_up_on_left_alone_and_tried_again_by_one(
    lookup: Lookup, gated: Gated, clock: Clock, now: int
) -> None:
    gated.gate.clear()
    assert find(lookup, "known", now) is Absent.STORE_AWAY
    assert find(lookup, "known", now) is Absent.STORE_AWAY
    assert lookup.find_many(["known"], cutoff=now, lag=0) == [Absent.STORE_AWAY]
    assert gated.reads == 1
    clock.seconds += PAUSE_SECONDS
    assert find(lookup, "known", now) is Absent.STORE_AWAY
    assert gated.reads == 2
    gated.gate.set()
    clock.seconds += PAUSE_SECONDS
    assert len(find(lookup, "known", now, patiently=True)) == len(NAMES)
    assert len(find(lookup, "known", now, patiently=True)) == len(NAMES)


def test_a_batch_that_the_store_answers_shows_that_it_is_back(
    lookup: Lookup, gated: Gated, clock: Clock, now: int
) -> None:
    gated.gate.clear()
    assert find(lookup, "known", now) is Absent.STORE_AWAY
    gated.gate.set()
    clock.seconds += PAUSE_SECONDS
    for _ in range(3):
        (row,) = lookup.find_many(["known"], cutoff=now, lag=0)
        assert len(row) == len(NAMES)  # type: ignore[arg-type]
    gated.gate.clear()
    assert find(lookup, "known", now) is Absent.STORE_AWAY
    gated.gate.set()
    assert len(find(lookup, "known", now, patiently=True)) == len(NAMES)


def test_one_late_read_of_a_store_that_answers_others_closes_no_door(
    lookup: Lookup, gated: Gated, now: int
) -> None:
    assert len(find(lookup, "known", now)) == len(NAMES)
    gated.gate.clear()
    assert find(lookup, "known", now) is Absent.STORE_AWAY
    gated.gate.set()
    assert len(find(lookup, "known", now)) == len(NAMES)


def test_who_gave_nothing_waits_longer(lookup: Lookup, gated: Gated, now: int) -> None:
    gated.gate.clear()
    opening = threading.Timer(0.3, gated.gate.set)
    opening.start()
    row = asyncio.run(lookup.find("known", cutoff=now, lag=0, patiently=True))
    opening.join()
    assert len(row) == len(NAMES)  # type: ignore[arg-type]


def test_a_thousand_users_keep_their_order(lookup: Lookup, now: int) -> None:
    rows = lookup.find_many(["known" if n % 3 else "stranger" for n in range(1_000)], cutoff=now, lag=0)
    assert [row is Absent.UNKNOWN_USER for row in rows] == [n % 3 == 0 for n in range(1_000)]


def test_requests_of_one_turn_get_what_each_would_get_alone(bundle: Bundle, other_bundle: Bundle) -> None:
    servings = [Serving(version=str(n), model=Model(b)) for n, b in enumerate((bundle, other_bundle))]
    rows = [pack(*[float(n % 7)] * len(NAMES)) for n in range(30)]

    async def together() -> list[float]:
        gathering = Gathering()
        return await asyncio.gather(
            *(gathering.probability(row, serving=servings[n // 10 % 2]) for n, row in enumerate(rows))
        )

    alone = [servings[n // 10 % 2].probabilities([row])[0] for n, row in enumerate(rows)]
    assert asyncio.run(together()) == alone


def test_a_row_the_model_can_not_read_fails_its_turn_and_not_the_next(bundle: Bundle) -> None:
    serving = Serving(version="7", model=Model(bundle))
    good, bad = pack(*[1.0] * len(NAMES)), b"123"

    async def turns() -> tuple[list[Any], float]:
        gathering = Gathering()
        asked = (gathering.probability(row, serving=serving) for row in (good, bad))
        return await asyncio.gather(*asked, return_exceptions=True), await gathering.probability(
            good, serving=serving
        )

    failed, answered = asyncio.run(turns())
    assert all(isinstance(each, ValueError) for each in failed)
    assert 0 <= answered <= 1
