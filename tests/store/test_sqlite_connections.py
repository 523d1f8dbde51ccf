"""How many connections a SQLite store holds, and how much memory each may take."""

import sqlite3
from contextlib import ExitStack
from pathlib import Path

import pytest

from propensity.events import Event
from propensity.store.sqlite.database import BULK_CACHE_KIB, CACHE_KIB, MAX_IDLE, Database
from propensity.store.sqlite.events import BULK, SqliteEvents

CACHE = "PRAGMA cache_size"


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def test_connections_of_a_rush_are_closed_after_it(path: Path) -> None:
    database = Database(path, timeout=1)
    with ExitStack() as rush:
        lent = [rush.enter_context(database.reading()) for _ in range(3 * MAX_IDLE)]
        assert len({id(connection) for connection in lent}) == 3 * MAX_IDLE
    assert sum(map(is_open, lent)) == MAX_IDLE
    database.close()
    assert not any(map(is_open, lent))


def test_only_a_bulk_load_gets_the_large_cache_and_finds_it_warm_again(path: Path) -> None:
    database = Database(path, timeout=1)
    with database.writing(bulk=True) as loading, database.reading() as reading:
        assert reading.execute(CACHE).fetchone() == (-CACHE_KIB,)
        assert loading.execute(CACHE).fetchone() == (-BULK_CACHE_KIB,)
    with database.writing(bulk=True) as again:
        assert again is loading
    with database.writing() as connection:
        assert connection.execute(CACHE).fetchone() == (-CACHE_KIB,)
    database.close()


@pytest.mark.parametrize(("count", "kib"), [(BULK - 1, CACHE_KIB), (BULK, BULK_CACHE_KIB)])
def test_many_events_at_once_are_a_bulk_load(path: Path, count: int, kib: int) -> None:
    seen: list[int] = []

    class Watched(Database):
        def _connect(self, *, cache_kib: int = CACHE_KIB) -> sqlite3.Connection:
            seen.append(cache_kib)
            return super()._connect(cache_kib=cache_kib)

    database = Watched(path, timeout=1)
    added = SqliteEvents(database).add(Event(f"e{n}", f"u{n % 7}", "view", n) for n in range(count))
    assert added.inserted == count
    assert seen[-1] == kib
    database.close()
