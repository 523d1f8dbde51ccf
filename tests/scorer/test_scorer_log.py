"""The log's way through queue, spool and store, and what becomes of a record when one of them fails."""

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bentos.scorer import prediction_log, store_writer
from bentos.scorer.measures import Measures
from bentos.scorer.prediction_log import PredictionLog
from bentos.scorer.segments import framed
from bentos.scorer.spool import Spool
from propensity.store import Prediction, Store, open_store

MEGABYTE = 1024 * 1024
Fill = Callable[[PredictionLog, Iterable[int]], None]
Make = Callable[[int], Prediction]


@pytest.fixture
def fill(prediction: Make) -> Fill:
    """Add records by their numbers."""

    def add(log: PredictionLog, numbers: Iterable[int]) -> None:
        for number in numbers:
            log.add(prediction(number))

    return add


class Gated:
    """A real store whose writes wait while its gate is closed, and which chokes on what `poison` names."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.predictions = self
        self.gate = threading.Event()
        self.gate.set()
        self.poison: set[str] = set()

    def add(self, predictions: list[Prediction]) -> int:
        assert self.gate.wait(20)
        if any(prediction.prediction_id in self.poison for prediction in predictions):
            raise ValueError
        return self._store.predictions.add(predictions)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        yield store


@pytest.fixture
def gated(kept: Store) -> Iterator[Gated]:
    found = Gated(kept)
    yield found
    found.gate.set()


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", boot="b", max_bytes=4 * MEGABYTE)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """A file where the store's folder should be: while it is there the store is away."""
    gate = tmp_path / "gate"
    gate.touch()
    return gate


@pytest.fixture
def gated_store(gate: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{gate / 'store.db'}") as store:
        yield store


def test_records_wait_on_disk_while_the_store_is_away_and_arrive_later(  # noqa: PLR0917 - fixtures
    fill: Fill,
    gate: Path,
    gated_store: Store,
    tmp_path: Path,
    eventually: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_writer, "PAUSE_SECONDS", 0.05)
    measures = Measures()
    spool = Spool(tmp_path / "spool", boot="b", max_bytes=MEGABYTE)
    log = PredictionLog(gated_store, spool=spool, measures=measures)
    log.start()
    fill(log, range(1_200))
    eventually(lambda: measures.log["spooled"] == 1_200)
    gate.unlink()
    eventually(lambda: measures.log["replayed"] == 1_200)
    eventually(lambda: spool.size == 0)
    log.close()
    assert gated_store.predictions.count() == 1_200
    assert measures.log["lost"] == 0


def test_what_is_queued_at_the_end_is_spooled_and_the_next_process_stores_it(
    fill: Fill, gate: Path, gated_store: Store, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    first = PredictionLog(
        gated_store, spool=Spool(tmp_path / "spool", boot="1", max_bytes=MEGABYTE), measures=Measures()
    )
    first.start()
    fill(first, range(10))
    first.close()
    gate.unlink()
    measures = Measures()
    second = PredictionLog(
        gated_store, spool=Spool(tmp_path / "spool", boot="2", max_bytes=MEGABYTE), measures=measures
    )
    second.start()
    eventually(lambda: measures.log["replayed"] == 10)
    second.close()
    assert gated_store.predictions.count() == 10


def test_what_neither_store_nor_spool_takes_is_counted_as_lost(
    fill: Fill, gate: Path, gated_store: Store, tmp_path: Path
) -> None:
    assert gate.exists()
    measures = Measures()
    log = PredictionLog(
        gated_store, spool=Spool(tmp_path / "spool", boot="b", max_bytes=10), measures=measures
    )
    log.start()
    fill(log, range(10))
    log.close()
    assert measures.log["lost"] == 10


def test_a_queue_that_is_full_counts_what_it_can_not_take(
    fill: Fill, gated_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "MAX_QUEUE", 5)
    measures = Measures()
    log = PredictionLog(gated_store, spool=None, measures=measures)
    fill(log, range(8))
    assert measures.log["lost"] == 3


def test_a_crowded_queue_goes_by_way_of_the_spool_and_loses_nothing(
    fill: Fill, tmp_path: Path, eventually: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "CROWDED", 100)
    measures = Measures()
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        spool = Spool(tmp_path / "spool", boot="b", max_bytes=MEGABYTE)
        log = PredictionLog(store, spool=spool, measures=measures)
        fill(log, range(2_000))
        log.start()
        eventually(lambda: store.predictions.count() == 2_000)
        log.close()
    assert measures.log["spooled"] > 0
    assert measures.log["lost"] == 0


def test_without_a_store_records_are_counted_and_do_not_pile_up(
    fill: Fill,
) -> None:
    measures = Measures()
    log = PredictionLog(None, spool=None, measures=measures)
    log.start()
    fill(log, range(10))
    log.close()
    assert measures.log["unlogged"] == 10


def test_a_store_that_hangs_sends_records_to_the_spool_and_gets_them_when_it_is_back(  # noqa: PLR0917 - fixtures
    fill: Fill,
    gated: Gated,
    kept: Store,
    spool: Spool,
    eventually: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store_writer, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(store_writer, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(prediction_log, "MAX_QUEUE", 1_000)
    measures = Measures()
    log = PredictionLog(gated, spool=spool, measures=measures)  # type: ignore[arg-type]
    log.start()
    gated.gate.clear()
    for start in range(0, 3_000, 1_000):
        fill(log, range(start, start + 1_000))
        eventually(lambda expected=start + 1_000: measures.log["spooled"] == expected)
    gated.gate.set()
    eventually(lambda: measures.log["replayed"] == 3_000)
    log.close()
    assert kept.predictions.count() == 3_000
    assert measures.log["lost"] == 0


def test_closing_while_the_store_hangs_leaves_every_record_on_the_spool(
    fill: Fill, gated: Gated, kept: Store, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    gated.gate.clear()
    measures = Measures()
    log = PredictionLog(
        gated,  # type: ignore[arg-type]
        spool=Spool(tmp_path / "spool", boot="1", max_bytes=MEGABYTE),
        measures=measures,
    )
    log.start()
    fill(log, range(2_000))
    log.close(seconds=8)
    assert (measures.log["spooled"], measures.log["lost"]) == (2_000, 0)
    again = Measures()
    second = PredictionLog(
        kept, spool=Spool(tmp_path / "spool", boot="2", max_bytes=MEGABYTE), measures=again
    )
    second.start()
    eventually(lambda: again.log["replayed"] == 2_000)
    second.close()
    assert kept.predictions.count() == 2_000


def test_what_can_not_even_be_spooled_in_time_is_counted_as_lost(
    fill: Fill, gated: Gated, spool: Spool, eventually: Callable[..., Any]
) -> None:
    gated.gate.clear()
    measures = Measures()
    log = PredictionLog(gated, spool=spool, measures=measures)  # type: ignore[arg-type]
    fill(log, range(1_200))
    log.start()
    eventually(lambda: len(log._queue) == 700)
    log.close(seconds=0.01)
    assert measures.log["lost"] == 1_200


def test_a_record_the_store_chokes_on_is_counted_and_set_aside_and_holds_up_no_other(  # noqa: PLR0917 - fixtures
    fill: Fill, gated: Gated, kept: Store, spool: Spool, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    gated.poison = {"p-000003"}
    measures = Measures()
    log = PredictionLog(gated, spool=spool, measures=measures)  # type: ignore[arg-type]
    fill(log, range(10))
    log.start()
    eventually(lambda: measures.log["lost"] == 1 and measures.log["replayed"] == 9)
    fill(log, range(10, 20))
    eventually(lambda: measures.log["stored"] == 10)
    log.close()
    assert kept.predictions.count() == 19
    assert [path.suffix for path in (tmp_path / "spool").iterdir()] == [".aside"]


def test_spooled_records_that_nobody_can_read_are_counted_and_set_aside(
    prediction: Make, kept: Store, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    whole = framed([prediction(number) for number in range(3)])
    damaged = bytes([*whole[:-1], whole[-1] ^ 1])
    (folder / "a-00000001.seg").write_bytes(damaged + whole)
    (folder / "a-00000002.seg").write_bytes(framed([prediction(9)]))
    (folder / "a-00000003.seg").mkdir()
    measures = Measures()
    log = PredictionLog(kept, spool=Spool(folder, boot="b", max_bytes=MEGABYTE), measures=measures)
    log.start()
    eventually(lambda: measures.log["replayed"] == 4 and measures.log["lost"] == 2)
    log.close()
    assert kept.predictions.count() == 4
    assert sorted(path.name for path in folder.iterdir()) == ["a-00000001.aside", "a-00000003.aside"]
