"""The log's thread while requests never cease: a store that takes 10 ms a write, an outage, and everybody gets a turn."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bentos.scorer import store_writer
from bentos.scorer.measures import Measures
from bentos.scorer.prediction_log import PredictionLog
from bentos.scorer.spool import Spool
from propensity.errors import StoreUnavailable
from propensity.store import Prediction
from propensity.store.forgotten import Forgotten

WRITE_SECONDS = 0.01
RATE = 500
"""Records a second: some come during each write."""


class Slow:
    """A store whose writes take a while, and which can be away."""

    def __init__(self) -> None:
        self.predictions = self
        self.is_away = False
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens during each write."""
        self.written: list[list[Prediction]] = []

    def add(self, predictions: list[Prediction]) -> int:
        time.sleep(WRITE_SECONDS)
        self.meanwhile()
        if self.is_away:
            raise StoreUnavailable("away")
        self.written.append(predictions)
        return len(predictions)


@contextmanager
def steady(log: PredictionLog, slow: Slow, make: Callable[[int], Prediction]) -> Iterator[list[int]]:
    """Add records for as long as the block runs, one of them during each write; what is yielded grows with them."""
    over, added, numbers = threading.Event(), list[int](), itertools.count()

    def add_one() -> None:
        log.add(make(number := next(numbers)))
        added.append(number)

    def add() -> None:
        started = time.monotonic()
        while not over.wait(0.002):
            while len(added) < (time.monotonic() - started) * RATE:
                add_one()

    slow.meanwhile = add_one
    thread = threading.Thread(target=add)
    thread.start()
    try:
        yield added
    finally:
        slow.meanwhile = lambda: None
        over.set()
        thread.join()


@pytest.fixture
def measures() -> Measures:
    return Measures()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", boot="b", max_bytes=10**8)


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def log(
    slow: Slow, spool: Spool, measures: Measures, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PredictionLog]:
    monkeypatch.setattr(store_writer, "PAUSE_SECONDS", 0.2)
    log = PredictionLog(slow, spool=spool, measures=measures)  # type: ignore[arg-type]
    log.start()
    yield log
    log.close()


def test_what_an_outage_spooled_is_replayed_and_told_while_the_load_goes_on(  # noqa: PLR0917 - fixtures
    log: PredictionLog,
    slow: Slow,
    spool: Spool,
    measures: Measures,
    prediction: Callable[[int], Prediction],
    eventually: Callable[..., Any],
) -> None:
    with steady(log, slow, prediction) as added:
        slow.is_away = True
        eventually(lambda: measures.log["spooled"] > 100)
        eventually(lambda: measures.spool_bytes > 0, seconds=2)
        slow.is_away = False
        eventually(lambda: spool.size == 0 and measures.log["replayed"] == measures.log["spooled"])
        eventually(lambda: measures.spool_bytes == 0, seconds=2)
        assert measures.log_queue < RATE
    log.close()
    assert measures.log["lost"] == 0
    assert sum(map(len, slow.written)) == len(added)


def test_writes_are_as_large_as_a_round_gathers(
    log: PredictionLog, slow: Slow, prediction: Callable[[int], Prediction], eventually: Callable[..., Any]
) -> None:
    with steady(log, slow, prediction):
        eventually(lambda: sum(map(len, slow.written)) > 2 * RATE)
    assert len(slow.written) < 2 * RATE / 40


def test_a_forgotten_user_leaves_the_spool_while_the_load_goes_on(
    log: PredictionLog, slow: Slow, prediction: Callable[[int], Prediction], eventually: Callable[..., Any]
) -> None:
    with steady(log, slow, prediction) as added:
        eventually(lambda: len(added) > RATE)
        log.forget(Forgotten(b"salt", frozenset({"mark"}), number=3))
        eventually(lambda: log.cleared == 3, seconds=2)
