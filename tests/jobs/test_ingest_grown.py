"""A log that grows by a day costs a day: what was taken in before is passed over, and the outcome is the same."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobs.ingest import IngestSummary, cleaning, ingest
from propensity.errors import TooManyRefused
from propensity.events import Event, Refusal
from propensity.events.formats import FORMATS, LogFormat, custom_format
from propensity.store.opening import open_store
from propensity.store.protocol import Store
from propensity.store.records import IngestRecord

NOW = 1_700_000_000_000_000
OURS = FORMATS["propensity"]
NAMELESS = custom_format({"user_id": "who", "event_type": "what", "event_time": "at"}, time_unit="s")
HEADER = "event_id,user_id,event_type,event_time\n"
State = tuple[list[Event], list[Refusal], dict[str, IngestRecord]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lists how many rows were cleaned, call by call; nothing else is changed."""
    heights: list[int] = []
    real = cleaning.clean

    def counted(rows: pl.DataFrame, **options: object) -> pl.DataFrame:
        heights.append(rows.height)
        return real(rows, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("jobs.ingest.reading.clean", counted)
    return heights


def take(store: Store, path: Path, *, log_format: LogFormat = OURS, share: float = 1.0) -> IngestSummary:
    return ingest(
        [str(path)],
        log_format=log_format,
        store=store,
        now=NOW,
        max_refused_share=share,
        allow_unchanged=True,
    )


def state(store: Store) -> State:
    events = [event for chunk in store.events.scan(since=0, until=1 << 60) for event in chunk]
    records = {record.ingest_id: record for record in store.ingests.latest(10)}
    return events, store.refused.latest(1_000), records


def day(number: int, *, events: int = 100) -> str:
    at = 1_600_000_000_000_000 + number * 86_400_000_000
    return "".join(f"e{number}-{n},u{n % 9},view,{at + n}\n" for n in range(events))


def test_only_the_rows_of_the_new_day_are_parsed(store: Store, tmp_path: Path, parsed: list[int]) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "".join(map(day, range(20))))
    assert take(store, path).inserted == 2_000
    with path.open("a") as log:
        log.write(day(20))
    parsed.clear()
    summary = take(store, path)
    assert sum(parsed) == 100
    assert (summary.rows, summary.inserted, summary.unchanged) == (2_100, 100, 2_000)
    parsed.clear()
    assert take(store, path).skipped == 1
    assert not parsed


def test_lines_of_the_new_day_are_numbered_from_the_start_of_the_file(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + "\n" + day(0, events=5))
    take(store, path)
    with path.open("a") as log:
        log.write("\nbad,u,blink,yesterday\n")
    take(store, path)
    (refusal,) = store.refused.latest(10)
    assert (refusal.line, refusal.raw) == (9, "bad,u,blink,yesterday")


def test_a_file_that_was_rewritten_is_read_anew(store: Store, tmp_path: Path, parsed: list[int]) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + day(0))
    take(store, path)
    parsed.clear()
    path.write_text(HEADER + day(1) + day(0))
    assert take(store, path).inserted == 100
    assert sum(parsed) == 200


def test_the_share_of_refused_rows_is_that_of_the_whole_file(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(HEADER + day(0) + "bad,u,blink,1\n")
    take(store, path, share=0.02)
    with path.open("a") as log:
        log.write("worse,u,blink,1\n")
    assert take(store, path, share=0.02).refused == {"unknown_type": 2}
    with path.open("a") as log:
        log.write("worst,u,blink,1\n")
    with pytest.raises(TooManyRefused, match="3 of 103 rows"):
        take(store, path, share=0.02)


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["u", "v", ""]), st.integers(0, 3)), max_size=6
)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(before=ROWS, after=ROWS, has_ids=st.booleans(), ends=st.booleans())
@example(before=[("a", "u", 1)], after=[("a", "u", 1)], has_ids=False, ends=True)  # two equal clicks
@example(before=[("a", "u", 1)], after=[("a", "u", 2)], has_ids=False, ends=True)
@example(before=[("a", "u", 1)], after=[("a", "v", 2)], has_ids=True, ends=True)  # a conflict
@example(
    before=[("a", "u", 1)], after=[("b", "u", 2)], has_ids=True, ends=False
)  # half a line, finished later
def test_a_grown_log_leaves_what_reading_all_of_it_again_would_leave(
    before: list[tuple[str, str, int]], after: list[tuple[str, str, int]], *, has_ids: bool, ends: bool
) -> None:
    log_format = OURS if has_ids else NAMELESS
    first, rest = written(before, has_ids=has_ids), written(after, has_ids=has_ids)
    start = ("event_id,user_id,event_type,event_time\n" if has_ids else "who,what,at\n") + first
    ends = ends or not first
    start = start if ends else start[: len(start) - 3]
    whole = start + ("" if ends else "00\n") + rest
    contents = ([start] if first else []) + ([whole] if first or rest else [])
    grown = outcome(contents, log_format=log_format)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.ingest.ingestion.known_part", lambda *_, **__: (None, False))
        at_once = outcome(contents, log_format=log_format)
    assert grown[:2] == at_once[:2]
    assert last_word(grown) == last_word(at_once)


def outcome(contents: list[str], *, log_format: LogFormat) -> State:
    """Take in what a file holds at one time after another, into a new store."""
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(f"sqlite:///{folder}/store.db") as store,
    ):
        path = Path(folder) / "log.csv"
        for content in contents:
            path.write_text(content)
            take(store, path, log_format=log_format)
        events, refusals, records = state(store)
    told = [msgspec.structs.replace(one, refusal_id="", file="") for one in refusals]
    return events, sorted(told, key=lambda one: (one.line, one.raw)), records


def last_word(found: State) -> list[IngestRecord]:
    """Return the record of the whole file, but for how much of it was new."""
    longest = max((record.bytes for record in found[2].values()), default=0)
    return [
        msgspec.structs.replace(record, inserted=record.inserted + record.unchanged, unchanged=0, file="")
        for record in found[2].values()
        if record.bytes == longest
    ]


def written(rows: list[tuple[str, str, int]], *, has_ids: bool) -> str:
    if has_ids:
        return "".join(f"{name},{user},view,{1_600_000_000_000_000 + at}\n" for name, user, at in rows)
    return "".join(f"{user},view,{1_600_000_000 + at}\n" for _, user, at in rows)
