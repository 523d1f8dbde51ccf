"""A folder that is taken in every hour: only what is new in it is read, and nothing that could be had is passed over."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ingest import IngestSummary, ingest
from propensity.errors import HeaderOnly, NothingNew
from propensity.events.formats import LogFormat, custom_format
from propensity.store.opening import open_store
from propensity.store.protocol import Store

NOW = 1_700_000_000_000_000
COLUMNS = {"user_id": "who", "event_type": "what", "event_time": "ts"}
SHOP = custom_format(COLUMNS, time_unit="s")
HEADER = "who,what,ts,then\n"
ROW = "u,view,1600000000,1600000009\n"
OTHER = "v,view,1600000000,1600000009\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one file in it."""
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.csv").write_text(HEADER + ROW)
    return folder


def take(
    store: Store, *paths: Path, log_format: LogFormat = SHOP, source: str | None = None, now: int = NOW,
    allow_unchanged: bool = True,
) -> IngestSummary:  # fmt: skip
    return ingest(
        list(map(str, paths)), log_format=log_format, store=store, now=now, max_refused_share=0.5,
        source=source, allow_unchanged=allow_unchanged,
    )  # fmt: skip


def done(summary: IngestSummary) -> tuple[int, int, int, int]:
    return summary.files, summary.skipped, summary.rows, summary.inserted


def test_only_the_new_file_of_a_folder_is_read(store: Store, folder: Path) -> None:
    assert done(take(store, folder)) == (1, 0, 1, 1)
    (folder / "b.csv").write_text(HEADER + OTHER)
    assert done(take(store, folder, allow_unchanged=False)) == (1, 1, 1, 1)
    assert done(take(store, folder)) == (0, 2, 0, 0)


def test_a_file_that_has_grown_is_read_again(store: Store, folder: Path) -> None:
    take(store, folder)
    (folder / "a.csv").write_text(HEADER + ROW + OTHER)
    assert done(take(store, folder)) == (1, 0, 2, 1)


def test_the_same_bytes_under_another_name_are_the_same_file(store: Store, folder: Path) -> None:
    take(store, folder)
    (folder / "a.csv").rename(folder / "old.csv")
    assert done(take(store, folder)) == (0, 1, 0, 0)


def test_the_same_file_from_another_source_or_by_another_map_is_read(store: Store, folder: Path) -> None:
    take(store, folder)
    assert take(store, folder, source="app").inserted == 1
    later = custom_format(COLUMNS | {"event_time": "then"}, time_unit="s")
    assert take(store, folder, log_format=later).inserted == 1


def test_rows_refused_as_future_are_taken_in_when_their_time_has_come(store: Store, folder: Path) -> None:
    (folder / "a.csv").write_text(HEADER + ROW + "v,view,1700001000,\n")
    assert take(store, folder).refused == {"future": 1}
    assert take(store, folder, now=NOW + 3_600_000_000).inserted == 1
    assert done(take(store, folder, now=NOW + 3_600_000_000)) == (0, 1, 0, 0)
    assert len(store.ingests.latest(5)) == 1


def test_a_file_without_its_record_is_read_again(store: Store, folder: Path, tmp_path: Path) -> None:
    take(store, folder)
    (chunk,) = store.events.scan(since=0, until=NOW)
    with open_store(f"sqlite:///{tmp_path / 'half.db'}") as half:
        half.events.add(chunk)
        assert take(half, folder).unchanged == 1


def test_a_file_named_again_is_said_to_be_stored_and_its_record_stays(store: Store, folder: Path) -> None:
    take(store, folder)
    with pytest.raises(
        NothingNew, match=r"has 1 of the files named, as they are, already.*--allow-unchanged"
    ):
        take(store, folder / "a.csv", now=NOW + 5, allow_unchanged=False)
    assert [record.finished_at for record in store.ingests.latest(5)] == [NOW]


def test_a_run_that_only_had_a_record_left_to_write_ends_well_and_the_next_has_nothing_new(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    take(store, folder)
    (chunk,) = store.events.scan(since=0, until=NOW)
    with open_store(f"sqlite:///{tmp_path / 'killed.db'}") as killed:
        killed.events.add(chunk)
        summary = take(killed, folder, allow_unchanged=False)
        assert (done(summary), summary.unchanged) == ((1, 0, 1, 0), 1)
        with pytest.raises(NothingNew):
            take(killed, folder, allow_unchanged=False)


def test_a_file_of_events_that_another_brought_is_taken_note_of_once(store: Store, folder: Path) -> None:
    take(store, folder)
    (folder / "b.csv").write_text("\n" + HEADER + ROW)
    assert done(take(store, folder, allow_unchanged=False)) == (1, 1, 1, 0)
    with pytest.raises(NothingNew, match=r"has 2 of the files named"):
        take(store, folder, allow_unchanged=False)


def test_events_of_a_file_that_is_read_again_for_its_future_are_said_to_be_stored(
    store: Store, folder: Path
) -> None:
    (folder / "b.csv").write_text(HEADER + OTHER + "v,view,1700001000,\n")
    take(store, folder)
    with pytest.raises(NothingNew, match=r"has all 1 events and 1 of the files named"):
        take(store, folder, allow_unchanged=False)


def test_a_file_without_rows_is_no_error_beside_one_that_is_known(store: Store, folder: Path) -> None:
    take(store, folder)
    (folder / "b.csv").write_text(HEADER)
    assert done(take(store, folder)) == (1, 1, 0, 0)
    with pytest.raises(HeaderOnly):
        take(store, folder / "b.csv", source="alone")


def test_a_skipped_file_counts_as_done_in_the_progress(store: Store, folder: Path) -> None:
    take(store, folder)
    (folder / "b.csv").write_text(HEADER + OTHER)
    told: list[tuple[int, int]] = []
    ingest(
        [str(folder)], log_format=SHOP, store=store, now=NOW, max_refused_share=0,
        progress=lambda part, whole: told.append((part, whole)),
    )  # fmt: skip
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert told == sorted(told)
    assert told[-1] == (size, size)
