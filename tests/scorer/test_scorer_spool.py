"""The spool on disk and the log's way through it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bentos.scorer import prediction_log
from bentos.scorer.measures import Measures
from bentos.scorer.prediction_log import PredictionLog
from bentos.scorer.spool import Spool, read_segment
from propensity.store import Prediction, Store, open_store

MEGABYTE = 1024 * 1024


def prediction(number: int) -> Prediction:
    return Prediction(
        prediction_id=f"p-{number:06d}",
        user_id="u",
        predicted_at=number,
        probability=0.5,
        prediction=1,
        threshold=0.4,
        model_version="7",
        features_from="request",
        feature_version=1,
        features=b"\0" * 164,
        latency_us=100,
        pod="pod",
        sequence=number,
        boot="b",
        route="predict",
    )


def contents(spool: Spool) -> list[str]:
    """Replay everything, oldest first."""
    found = []
    while (segment := spool.oldest()) is not None:
        found += [record.prediction_id for frame in read_segment(segment) for record in frame]
        spool.remove(segment)
    return found


def test_what_is_appended_comes_out_oldest_first(tmp_path: Path) -> None:
    spool = Spool(tmp_path, boot="b", max_bytes=MEGABYTE)
    for start in (0, 2, 4):
        assert spool.append([prediction(start), prediction(start + 1)])
    assert contents(spool) == [f"p-{number:06d}" for number in range(6)]
    assert spool.is_empty()
    assert spool.size == 0


def test_what_an_earlier_process_left_comes_before_ones_own(tmp_path: Path) -> None:
    earlier = Spool(tmp_path, boot="0001", max_bytes=MEGABYTE)
    earlier.append([prediction(1)])
    earlier.seal()
    own = Spool(tmp_path, boot="0002", max_bytes=MEGABYTE)
    own.append([prediction(2)])
    assert own.size == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert contents(own) == ["p-000001", "p-000002"]


def test_a_torn_end_loses_only_what_was_being_written(tmp_path: Path) -> None:
    spool = Spool(tmp_path, boot="b", max_bytes=MEGABYTE)
    spool.append([prediction(1)])
    spool.append([prediction(2)])
    spool.seal()
    (segment,) = tmp_path.iterdir()
    segment.write_bytes(segment.read_bytes()[:-7])
    assert contents(Spool(tmp_path, boot="c", max_bytes=MEGABYTE)) == ["p-000001"]


@pytest.mark.parametrize("rubbish", [b"\0", b"\xff" * 8, b"\xff" * 4_000, b"\x04\0\0\0\0\0\0\0abcd"])
def test_rubbish_in_a_segment_ends_it_quietly(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "a-00000001.seg").write_bytes(rubbish)
    assert contents(Spool(tmp_path, boot="b", max_bytes=MEGABYTE)) == []


def test_a_segment_that_a_living_process_writes_is_left_to_it(tmp_path: Path) -> None:
    living = Spool(tmp_path, boot="0001", max_bytes=MEGABYTE)
    living.append([prediction(1)])
    other = Spool(tmp_path, boot="0002", max_bytes=MEGABYTE)
    assert contents(other) == []
    assert contents(living) == ["p-000001"]


def test_a_full_spool_says_so_and_keeps_what_it_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path, boot="b", max_bytes=2_000)
    kept = [number for number in range(20) if spool.append([prediction(number)])]
    assert 0 < len(kept) < 20
    assert spool.size <= 2_000
    assert contents(spool) == [f"p-{number:06d}" for number in kept]
    assert spool.append([prediction(99)])
    spool.seal()


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


def test_records_wait_on_disk_while_the_store_is_away_and_arrive_later(
    gate: Path,
    gated_store: Store,
    tmp_path: Path,
    eventually: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prediction_log, "PAUSE_SECONDS", 0.05)
    measures = Measures()
    spool = Spool(tmp_path / "spool", boot="b", max_bytes=MEGABYTE)
    log = PredictionLog(gated_store, spool=spool, measures=measures)
    log.start()
    log.extend(prediction(number) for number in range(1_200))
    eventually(lambda: measures.log["spooled"] == 1_200)
    gate.unlink()
    eventually(lambda: measures.log["replayed"] == 1_200)
    eventually(spool.is_empty)
    log.close()
    assert gated_store.predictions.count() == 1_200
    assert measures.log["lost"] == 0


def test_what_is_queued_at_the_end_is_spooled_and_the_next_process_stores_it(
    gate: Path, gated_store: Store, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    first = PredictionLog(
        gated_store, spool=Spool(tmp_path / "spool", boot="1", max_bytes=MEGABYTE), measures=Measures()
    )
    first.start()
    first.extend(prediction(number) for number in range(10))
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


def test_a_replay_that_is_repeated_changes_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot="b", max_bytes=MEGABYTE)
    spool.append([prediction(1), prediction(2)])
    segment = spool.oldest()
    assert segment is not None
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        for _ in range(2):
            for frame in read_segment(segment):
                store.predictions.add(frame)
        assert store.predictions.count() == 2


def test_what_neither_store_nor_spool_takes_is_counted_as_lost(
    gate: Path, gated_store: Store, tmp_path: Path
) -> None:
    assert gate.exists()
    measures = Measures()
    log = PredictionLog(
        gated_store, spool=Spool(tmp_path / "spool", boot="b", max_bytes=10), measures=measures
    )
    log.start()
    log.extend(prediction(number) for number in range(10))
    log.close()
    assert measures.log["lost"] == 10


def test_a_queue_that_is_full_counts_what_it_can_not_take(
    gated_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "MAX_QUEUE", 5)
    measures = Measures()
    log = PredictionLog(gated_store, spool=None, measures=measures)
    log.extend(prediction(number) for number in range(8))
    assert measures.log["lost"] == 3


def test_a_crowded_queue_goes_by_way_of_the_spool_and_loses_nothing(
    tmp_path: Path, eventually: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "CROWDED", 100)
    measures = Measures()
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        spool = Spool(tmp_path / "spool", boot="b", max_bytes=MEGABYTE)
        log = PredictionLog(store, spool=spool, measures=measures)
        log.extend(prediction(number) for number in range(2_000))
        log.start()
        eventually(lambda: store.predictions.count() == 2_000)
        log.close()
    assert measures.log["spooled"] > 0
    assert measures.log["lost"] == 0


def test_without_a_store_records_are_counted_and_do_not_pile_up() -> None:
    measures = Measures()
    log = PredictionLog(None, spool=None, measures=measures)
    log.start()
    log.extend(prediction(number) for number in range(10))
    log.close()
    assert measures.log["unlogged"] == 10
