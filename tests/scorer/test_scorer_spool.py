"""The spool on disk: what is written comes out, whatever happened to the file between."""

import resource
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from bentos.scorer.segments import framed, read_segment
from bentos.scorer.spool import Spool
from propensity.store import Prediction, open_store

MEGABYTE = 1024 * 1024
Make = Callable[[int], Prediction]


def contents(spool: Spool) -> list[str]:
    """Replay everything, oldest first."""
    found = []
    while (segment := spool.oldest()) is not None:
        found += [record.prediction_id for frame in read_segment(segment) for record in frame.records or []]
        spool.remove(segment)
    return found


def test_what_is_appended_comes_out_oldest_first(prediction: Make, tmp_path: Path) -> None:
    spool = Spool(tmp_path, boot="b", max_bytes=MEGABYTE)
    for start in (0, 2, 4):
        assert spool.append([prediction(start), prediction(start + 1)])
    assert contents(spool) == [f"p-{number:06d}" for number in range(6)]
    assert spool.oldest() is None
    assert spool.size == 0


def test_what_an_earlier_process_left_comes_before_ones_own(prediction: Make, tmp_path: Path) -> None:
    earlier = Spool(tmp_path, boot="0001", max_bytes=MEGABYTE)
    earlier.append([prediction(1)])
    earlier.seal()
    own = Spool(tmp_path, boot="0002", max_bytes=MEGABYTE)
    own.append([prediction(2)])
    assert own.size == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert contents(own) == ["p-000001", "p-000002"]


def test_a_torn_end_loses_only_what_was_being_written(prediction: Make, tmp_path: Path) -> None:
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


def test_a_segment_that_a_living_process_writes_is_left_to_it(prediction: Make, tmp_path: Path) -> None:
    living = Spool(tmp_path, boot="0001", max_bytes=MEGABYTE)
    living.append([prediction(1)])
    other = Spool(tmp_path, boot="0002", max_bytes=MEGABYTE)
    assert contents(other) == []
    assert contents(living) == ["p-000001"]


def test_a_full_spool_says_so_and_keeps_what_it_has(prediction: Make, tmp_path: Path) -> None:
    spool = Spool(tmp_path, boot="b", max_bytes=2_000)
    kept = [number for number in range(20) if spool.append([prediction(number)])]
    assert 0 < len(kept) < 20
    assert spool.size <= 2_000
    assert contents(spool) == [f"p-{number:06d}" for number in kept]
    assert spool.append([prediction(99)])
    spool.seal()


def test_a_replay_that_is_repeated_changes_nothing(prediction: Make, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot="b", max_bytes=MEGABYTE)
    spool.append([prediction(1), prediction(2)])
    segment = spool.oldest()
    assert segment is not None
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        for _ in range(2):
            for frame in read_segment(segment):
                assert frame.records
                store.predictions.add(frame.records)
        assert store.predictions.count() == 2


def test_rubbish_is_told_from_records_and_counts_as_at_least_one(prediction: Make, tmp_path: Path) -> None:
    path = tmp_path / "a-00000001.seg"
    for rubbish in (b"\0", b"\0" * 4_000, b"\xff" * 4_000, b"\x04\0\0\0\0\0\0\0abcd"):
        path.write_bytes(framed([prediction(1)]) + rubbish)
        assert [(frame.records is None, frame.size) for frame in read_segment(path)] == [
            (False, 1),
            (True, 1),
        ]


def test_records_of_another_release_are_counted_and_those_behind_them_are_read(
    prediction: Make, tmp_path: Path
) -> None:
    path = tmp_path / "a-00000001.seg"
    other = msgspec.msgpack.encode([{"prediction_id": number} for number in range(3)])
    foreign = struct.pack("<II", len(other), zlib.crc32(other)) + other
    path.write_bytes(foreign + framed([prediction(1)]))
    assert [frame.size for frame in read_segment(path)] == [3, 1]
    assert contents(Spool(tmp_path, boot="b", max_bytes=MEGABYTE)) == ["p-000001"]


def test_a_damaged_frame_does_not_hide_those_behind_it(prediction: Make, tmp_path: Path) -> None:
    damaged = bytearray(framed([prediction(1)]))
    damaged[-1] ^= 1
    path = tmp_path / "a-00000001.seg"
    path.write_bytes(bytes(damaged) + framed([prediction(2)]))
    assert contents(Spool(tmp_path, boot="b", max_bytes=MEGABYTE)) == ["p-000002"]


def test_a_segment_that_can_not_be_sealed_is_no_obstacle_to_the_next(
    prediction: Make, tmp_path: Path
) -> None:
    spool = Spool(tmp_path, boot="b", max_bytes=MEGABYTE)
    assert spool.append([prediction(1)])
    in_the_way = tmp_path / "b-00000001.seg"
    in_the_way.mkdir()
    spool.seal()
    in_the_way.rmdir()
    assert spool.append([prediction(2)])
    assert contents(spool) == ["p-000001", "p-000002"]


def test_a_disk_that_takes_half_a_record_spoils_neither_those_before_nor_those_behind(
    prediction: Make, tmp_path: Path
) -> None:
    spool = Spool(tmp_path, boot="b", max_bytes=MEGABYTE)
    assert spool.append([prediction(1)])
    with files_up_to(spool.size + 100):
        assert not spool.append([prediction(2)])
        assert not spool.append([prediction(number) for number in range(50)])
    assert spool.append([prediction(3)])
    assert spool.size == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert contents(spool) == ["p-000001", "p-000003"]
    assert list(tmp_path.iterdir()) == []


def test_what_is_set_aside_is_not_replayed_and_makes_room_when_it_is_needed(
    prediction: Make, tmp_path: Path
) -> None:
    spool = Spool(tmp_path, boot="b", max_bytes=600)
    assert spool.append([prediction(1)])
    segment = spool.oldest()
    assert segment is not None
    spool.set_aside(segment)
    assert spool.oldest() is None
    assert [path.suffix for path in tmp_path.iterdir()] == [".aside"]
    assert Spool(tmp_path, boot="c", max_bytes=600).size == spool.size > 0
    while spool.append([prediction(2)]) and list(tmp_path.glob("*.aside")):
        assert spool.size <= 600
    assert set(contents(spool)) == {"p-000002"}


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Have the system refuse to let any file of this process grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_segment_spooled_by_the_release_before_is_still_read(prediction: Make, tmp_path: Path) -> None:
    record = msgspec.structs.asdict(prediction(1))
    del record["arm"]
    content = msgspec.msgpack.encode([record])
    segment = tmp_path / "old.seg"
    segment.write_bytes(struct.pack("<II", len(content), zlib.crc32(content)) + content)
    (frame,) = read_segment(segment)
    assert frame.records == [prediction(1)]
