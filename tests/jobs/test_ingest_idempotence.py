"""A run that dies half-way, blocks and buckets of any size: the store ends in the same state."""

from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from jobs.ingest import ingest, spill, writing
from jobs.ingest.identity import identify
from jobs.ingest.lines import read_lines
from propensity.errors import StoreUnavailable
from propensity.events import Event, Refusal
from propensity.events.formats import custom_format
from propensity.store.opening import open_store
from propensity.store.protocol import EventStore, IngestStore, RefusedStore, Store
from propensity.store.records import Added, IngestRecord

NOW = 1_700_000_000_000_000
SHOP = custom_format({"user_id": "who", "event_type": "what", "event_time": "ts"}, time_unit="s")
USERS = 300


class Falters:
    """Passes everything through to what it stands before, until its calls are used up; then it is away."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailable("The store went away. Try again later.")


class FalteringEvents:
    def __init__(self, real: EventStore, falters: Falters) -> None:
        self._real, self._falters = real, falters

    def add(self, events: Iterable[Event]) -> Added:
        self._falters.count()
        return self._real.add(events)


class FalteringRefused:
    def __init__(self, real: RefusedStore, falters: Falters) -> None:
        self._real, self._falters = real, falters

    def add(self, refusals: Iterable[Refusal]) -> int:
        self._falters.count()
        return self._real.add(refusals)


class FalteringIngests:
    def __init__(self, real: IngestStore, falters: Falters) -> None:
        self._real, self._falters = real, falters

    def get(self, ingest_id: str) -> IngestRecord | None:
        return self._real.get(ingest_id)

    def latest(self, limit: int) -> list[IngestRecord]:
        return self._real.latest(limit)

    def put(self, record: IngestRecord) -> None:
        self._falters.count()
        self._real.put(record)


class FalteringStore:
    """A real store of which only so many writes go through."""

    def __init__(self, real: Store, *, calls: int) -> None:
        falters = Falters(calls)
        self.events = FalteringEvents(real.events, falters)
        self.refused = FalteringRefused(real.refused, falters)
        self.ingests = FalteringIngests(real.ingests, falters)


State = tuple[list[Event], list[Refusal], list[str]]


def state(store: Store) -> State:
    events = [event for chunk in store.events.scan(since=0, until=1 << 60) for event in chunk]
    return events, store.refused.latest(1_000), [record.ingest_id for record in store.ingests.latest(10)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with equal rows, refused rows, and more events than the store takes at once."""
    path = tmp_path / "log.csv"
    lines = [
        f"u{n % USERS},{'look' if n % 97 == 0 else 'view'},{1_600_000_000 + n % 50}" for n in range(3_000)
    ]
    path.write_text("\n".join(["who,what,ts", *lines]))
    return path


@pytest.fixture(autouse=True)
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "STORE_ROWS", 500)


def take(store: object, log: Path) -> None:
    ingest(
        [str(log)],
        log_format=SHOP,
        store=store,  # type: ignore[arg-type]
        now=NOW,
        max_refused_share=0.05,
        allow_unchanged=True,
    )


@pytest.fixture
def whole(tmp_path: Path, log: Path) -> State:
    with open_store(f"sqlite:///{tmp_path / 'whole.db'}") as store:
        take(store, log)
        return state(store)


@pytest.mark.parametrize("calls", range(8))
def test_a_run_that_died_anywhere_is_mended_by_running_it_again(
    tmp_path: Path, log: Path, whole: State, calls: int
) -> None:
    with open_store(f"sqlite:///{tmp_path / 'broken.db'}") as store:
        with pytest.raises(StoreUnavailable):
            take(FalteringStore(store, calls=calls), log)
        assert not store.ingests.latest(1)
        take(store, log)
        assert state(store) == whole


def test_the_size_of_the_buckets_changes_nothing(
    tmp_path: Path, log: Path, whole: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "BUCKET_BYTES", log.stat().st_size // 7)
    with open_store(f"sqlite:///{tmp_path / 'buckets.db'}") as store:
        take(store, log)
        assert state(store) == whole


@tries(deadline=None)
@given(
    lines=st.lists(st.text(alphabet='ab,"\r\té', max_size=5).map(str.encode) | st.just(b"\xff"), max_size=30),
    size=st.integers(1, 40),
    ends=st.booleans(),
)
def test_the_size_of_the_blocks_changes_no_line_and_no_number(
    lines: list[bytes], size: int, *, ends: bool
) -> None:
    content = b"a,readable,first,line\n" * 40 + b"\n".join(lines) + b"\n" * ends
    expected = [
        (number, line.removesuffix(b"\r").decode(errors="backslashreplace"))
        for number, line in enumerate(content.split(b"\n"), start=1)
        if line.removesuffix(b"\r")
    ]
    blocks = list(read_lines(BytesIO(content), name="log", block_bytes=size))
    assert [row for block in blocks for row in block.select("line", "raw").iter_rows()] == expected


CONTENTS = st.tuples(
    st.sampled_from("ab"), st.sampled_from(["view", "cart"]), st.integers(0, 2), st.sampled_from([None, 1])
)


def identified(rows: list[tuple[str, str, int, int | None]]) -> Iterator[str]:
    schema = {"user_id": pl.String, "event_type": pl.String, "event_time": pl.Int64, "price": pl.Int64}
    frame = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in ("event_id", "product_id", "category_id", "session_id")
    )
    yield from identify(frame.with_row_index("line", offset=1), source="shop")["event_id"]


@tries(deadline=None)
@given(rows=st.lists(CONTENTS, max_size=12), more=st.lists(CONTENTS, max_size=4), data=st.data())
def test_ids_are_unique_and_a_longer_log_in_any_order_keeps_them(
    rows: list[tuple[str, str, int, int | None]],
    more: list[tuple[str, str, int, int | None]],
    data: st.DataObject,
) -> None:
    ids = list(identified(rows))
    assert len(set(ids)) == len(rows)
    assert set(ids) <= set(identified(data.draw(st.permutations(rows + more))))
