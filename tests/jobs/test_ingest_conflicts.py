"""Ids that stand for other events already: a few are refused, more than the share say that the export is broken."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ingest import IngestSummary, ingest
from propensity.errors import TooManyRefused
from propensity.events.formats import FORMATS
from propensity.store.opening import open_store
from propensity.store.protocol import Store

NOW = 1_700_000_000_000_000
HEADER = "event_id,user_id,event_type,event_time\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a hundred events in it."""
    folder = tmp_path / "logs"
    folder.mkdir()
    write(folder / "a.csv", range(100))
    return folder


def write(path: Path, numbers: range, *, kind: str = "view", also: str = "") -> Path:
    lines = (f"e{number},u{number % 7},{kind},{1_600_000_000_000_000 + number}\n" for number in numbers)
    path.write_text(HEADER + "".join(lines) + also)
    return path


def take(store: Store, *paths: Path, allow_unchanged: bool = False) -> IngestSummary:
    return ingest(
        list(map(str, paths)), log_format=FORMATS["propensity"], store=store, now=NOW,
        max_refused_share=0.05, allow_unchanged=allow_unchanged,
    )  # fmt: skip


@pytest.mark.parametrize("allow_unchanged", [False, True])
def test_a_file_of_conflicts_fails_each_time_and_leaves_nothing(
    store: Store, folder: Path, *, allow_unchanged: bool
) -> None:
    take(store, folder)
    other = write(folder / "b.csv", range(110), kind="cart")
    for _ in range(2):
        with pytest.raises(TooManyRefused, match=r"Nothing was stored\. ") as caught:
            take(store, other, allow_unchanged=allow_unchanged)
        assert "100 of 110 rows (90.9 %)" in str(caught.value)
        assert f"100 x conflict (first at {other}:2)" in str(caught.value)
        assert "event_id" in str(caught.value)
    assert store.events.summary().events == 100
    assert not store.refused.counts()
    assert len(store.ingests.latest(9)) == 1


def test_conflicts_count_with_all_other_refused_rows(store: Store, folder: Path) -> None:
    take(store, folder)
    late = write(folder / "b.csv", range(97, 200), kind="cart", also="x,u,look,1600000000000000\n" * 3)
    with pytest.raises(TooManyRefused, match=r"6 of 106 rows .*3 x unknown_type.*3 x conflict"):
        take(store, late)


def test_a_few_conflicts_are_refused_and_that_is_something_new(store: Store, folder: Path) -> None:
    take(store, folder)
    lines = (folder / "a.csv").read_text().replace("e7,u0,view", "e7,u0,cart")
    (folder / "b.csv").write_text(lines)
    summary = take(store, folder / "b.csv")
    assert (summary.inserted, summary.unchanged, summary.refused) == (0, 99, {"conflict": 1})
    assert len(store.ingests.latest(9)) == 2


def test_conflicts_within_a_run_are_found_while_storing_and_what_was_stored_is_said(
    store: Store, folder: Path
) -> None:
    write(folder / "b.csv", range(50), kind="cart")
    write(folder / "c.csv", range(200, 210))
    for said in (r"50 of 160 rows .* 110 events were stored\. ", r"50 of 50 rows .* Nothing was stored\. "):
        with pytest.raises(TooManyRefused, match=said):
            take(store, folder, allow_unchanged=True)
    assert store.events.summary().events == 110
    assert "b.csv" not in {Path(record.file).name for record in store.ingests.latest(9)}
