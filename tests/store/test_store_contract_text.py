"""Events as text: what a scan yields, for readers of columns, and at the cost of the window alone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from propensity.events import Event
from propensity.events.text import FIELDS, HEADER, INTEGERS, SEPARATOR
from propensity.store import Store, UserRange
from propensity.store.sqlite import SqliteStore
from propensity.store.sqlite.text import SCAN

EVERYONE = UserRange()
FULL = Event("e1", "ann", "purchase", 50, "p 1", "c,\"1'", 1999, "s1", 60)
ODD = [
    *(Event(f"e{user}", user, "view", 50) for user in ("\ufeffb", "B", "é", "日本", "\U0001f600", "%s", "a", "")),
    Event("e2", "ann", "view", 50),
    Event("e0", "ann", "cart", 50, price=0),
    Event("e9", "ann", "cart", 49, product_id="\\N"),
]  # fmt: skip


def read(
    store: Store, *, since: int = 0, until: int = 10**18, users: UserRange = EVERYONE, chunk_rows: int = 7
) -> list[list[tuple[object, ...]]]:
    """Return the lines of each text as what they stand for."""
    chunks = []
    for text, rows in store.events.scan_text(since=since, until=until, users=users, chunk_rows=chunk_rows):
        header, *lines = text.split("\n")
        assert header == HEADER
        assert len(lines) == rows
        chunks.append([tuple(map(value_of, FIELDS, line.split(SEPARATOR))) for line in lines])
    return chunks


def value_of(name: str, text: str) -> object:
    if not text and name != "user_id":
        return None
    return int(text) if name in INTEGERS else text


def scanned(
    store: Store, *, since: int = 0, until: int = 10**18, users: UserRange = EVERYONE
) -> list[tuple[object, ...]]:
    chunks = store.events.scan(since=since, until=until, users=users)
    return [tuple(getattr(event, name) for name in FIELDS) for chunk in chunks for event in chunk]  # fmt: skip


def test_the_text_says_what_a_scan_yields_in_its_order(store: Store) -> None:
    store.events.add([FULL, *ODD])
    (chunk,) = read(store, chunk_rows=100)
    assert chunk == scanned(store)
    assert ("ann", "purchase", 50, "p 1", "c,\"1'", 1999, 60) in chunk


def test_the_text_keeps_to_its_window_and_users(store: Store) -> None:
    store.events.add([Event(f"e{n}", f"u{n % 10:02d}", "view", n) for n in range(100)])
    for first, end in [
        (None, None),
        ("u03", "u05"),
        (None, "u02"),
        ("u09", None),
        ("x", None),
        ("u05", "u05"),
    ]:
        users = UserRange(first, end)
        for since, until in [(0, 100), (20, 40), (200, 300), (40, 40)]:
            found = [line for chunk in read(store, since=since, until=until, users=users) for line in chunk]
            assert found == scanned(store, since=since, until=until, users=users)


def test_a_text_never_splits_a_user_and_stays_near_its_size(store: Store) -> None:
    store.events.add([Event(f"e{n}", f"u{n % 10:02d}", "view", n) for n in range(100)])
    store.events.add([Event(f"busy{n}", "u05", "view", n) for n in range(60)])
    chunks = read(store, chunk_rows=25)
    seen = [{line[0] for line in chunk} for chunk in chunks]
    assert sum(map(len, chunks)) == 160
    assert sum(map(len, seen)) == len(set().union(*seen)) == 10
    assert max(map(len, chunks)) == 70
    assert len(chunks) == 6


def test_an_empty_store_has_no_text(store: Store) -> None:
    assert list(store.events.scan_text(since=0, until=10)) == []


def test_a_text_left_half_way_leaves_the_store_usable(store: Store) -> None:
    store.events.add([FULL, *ODD])
    for _ in range(3):
        next(iter(store.events.scan_text(since=0, until=100, chunk_rows=1)))
    assert store.events.add([Event("late", "zoe", "view", 1)]).inserted == 1


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a store of 50 users with 20 events each in the window."""
    path = tmp_path / "store.db"
    with SqliteStore(path) as store:
        store.events.add(history(since=1_000, count=20))
    with closing(sqlite3.connect(path)) as opened:
        yield opened


def history(*, since: int, count: int) -> Iterator[Event]:
    for user in range(50):
        for time in range(since, since + count):
            yield Event(f"{user}-{time}", f"u{user}", "view", time)


def steps(connection: sqlite3.Connection) -> int:
    """Count what SQLite does for a scan, in steps of its own machine: a clock would tell of the machine's load."""
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1

    connection.set_progress_handler(step, 1)
    rows = connection.execute(SCAN, {"since": 1_000, "until": 2_000, "first": "", "end": None}).fetchall()
    assert sum(text.count("\n") + 1 for (text,) in rows) == 1_000
    return taken


def test_ten_times_the_history_costs_a_sqlite_scan_of_the_window_nothing(
    connection: sqlite3.Connection, tmp_path: Path
) -> None:
    before = steps(connection)
    with SqliteStore(tmp_path / "store.db") as store:
        store.events.add(history(since=0, count=200))
    assert before > 1_000
    assert steps(connection) <= before * 1.01
