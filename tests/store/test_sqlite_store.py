"""What only SQLite can get wrong: files, folders, locks, schema, query plans."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from propensity.errors import StoreUnavailable
from propensity.events import Event
from propensity.store.sqlite import SqliteStore
from propensity.store.sqlite.events import OF_USER

EVENT = Event("e1", "ann", "view", 1_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection of somebody else to a store that has been used."""
    with SqliteStore(path) as store:
        store.events.add([EVENT])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def fails(path: Path, message: str) -> None:
    with SqliteStore(path, timeout=0.2) as store, pytest.raises(StoreUnavailable, match=message) as caught:
        store.events.add([EVENT._replace(event_id="e2")])
    assert str(path) in str(caught.value)


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_text("event_id,user_id\n" * 200)
    fails(path, "is no SQLite database")
    assert path.read_text().startswith("event_id")


def test_a_damaged_file_is_named(path: Path, raw: sqlite3.Connection) -> None:
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    fails(path, "is damaged")


def test_a_folder_in_place_of_the_file_is_named(path: Path) -> None:
    path.mkdir()
    fails(path, "can't be opened")


def test_a_folder_that_cannot_be_made_is_named(path: Path) -> None:
    path.write_text("a file where a folder should be")
    fails(path / "folder" / "store.db", "folder of the store .* can't be made")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter, for a test that stops being root."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_file_without_the_right_to_write_is_named(open_folder: Path) -> None:
    path = open_folder / "store.db"
    with SqliteStore(path) as store:
        store.ping()
    path.chmod(0o444)
    open_folder.chmod(0o555)
    me = os.geteuid()
    try:
        if me == 0:
            os.seteuid(65_534)
        fails(path, "can't be (written|opened)")
    finally:
        os.seteuid(me)


def test_a_full_disk_is_named_and_what_was_lost_can_be_written_again(path: Path) -> None:
    program = (
        "import resource, sys\nfrom propensity.events import Event\n"
        "from propensity.errors import StoreUnavailable\nfrom propensity.store.sqlite import SqliteStore\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n"
        "with SqliteStore(sys.argv[1]) as store:\n"
        "    try: store.events.add([Event(f'e{n}', f'u{n}', 'view', n) for n in range(50_000)])\n"
        "    except StoreUnavailable as error: sys.stdout.write(str(error))"
    )
    command = [sys.executable, "-c", program, str(path)]
    said = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout
    assert "can't be read or written" in said or "has no room left" in said
    with SqliteStore(path) as store:
        assert store.events.summary().events == 0
        assert store.events.add([EVENT]).inserted == 1


def test_a_store_of_a_newer_release_is_left_alone(path: Path, raw: sqlite3.Connection) -> None:
    raw.execute("PRAGMA user_version = 99")
    with SqliteStore(path) as store, pytest.raises(StoreUnavailable, match="has schema 99"):
        store.ping()


def test_a_held_lock_stops_writers_with_a_sentence_and_no_reader(path: Path, raw: sqlite3.Connection) -> None:
    raw.execute("BEGIN IMMEDIATE")
    fails(path, "is held by another process")
    with SqliteStore(path, timeout=0.2) as store:
        assert store.events.knows("ann")
        raw.execute("ROLLBACK")
        assert store.events.add([EVENT]).unchanged == 1


def test_a_writer_killed_inside_its_transaction_leaves_nothing_and_holds_nothing(path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom propensity.store.sqlite.database import Database\n"
        "with Database(Path(sys.argv[1]), timeout=1).writing() as connection:\n"
        "    connection.execute(\"INSERT INTO event_ids VALUES ('e1')\")\n"
        "    sys.stdout.write('inside\\n'); sys.stdout.flush(); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "inside\n"
        fails(path, "is held by another process")
        writer.kill()
    with SqliteStore(path) as store:
        assert store.events.add([EVENT]) == (1, 0, [], ())


def test_an_error_half_way_through_the_input_keeps_whole_batches_only(path: Path) -> None:
    def broken() -> Iterator[Event]:
        yield EVENT
        raise ValueError("the file ended")

    with SqliteStore(path) as store:
        with pytest.raises(ValueError, match="the file ended"):
            store.events.add(broken())
        assert not store.events.knows("ann")
        assert store.events.add([EVENT]).inserted == 1


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (OF_USER, ("ann", 0, 1, 0, 1, 10)),
        ("SELECT * FROM events WHERE event_time >= 1 ORDER BY user_id, event_time, event_id", ()),
        ("SELECT user_id, count(*) FROM events GROUP BY user_id ORDER BY user_id", ()),
        ("SELECT * FROM predictions ORDER BY predicted_at DESC, prediction_id DESC LIMIT 5", ()),
        ("SELECT * FROM scores WHERE cutoff = 1 ORDER BY probability DESC, user_id LIMIT 5", ()),
        ("SELECT * FROM refused ORDER BY refused_at DESC, refusal_id DESC LIMIT 5", ()),
        ("SELECT * FROM ledger WHERE kind = 'a' ORDER BY sequence DESC LIMIT 5", ()),
    ],
)
def test_no_read_sorts(raw: sqlite3.Connection, statement: str, values: tuple[object, ...]) -> None:
    plan = " ".join(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", values))
    assert "TEMP B-TREE" not in plan


def test_a_history_is_one_range_read(raw: sqlite3.Connection) -> None:
    (step,) = raw.execute(f"EXPLAIN QUERY PLAN {OF_USER}", ("ann", 0, 1, 0, 1, 10)).fetchall()
    assert "PRIMARY KEY (user_id=? AND event_time>? AND event_time<?)" in step[3]


def test_several_processes_can_read_while_one_writes(raw: sqlite3.Connection) -> None:
    assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_users_are_in_byte_order_where_utf_16_has_another(path: Path) -> None:
    # true of MongoDB too, but not of the stand-in that the contract suite is run against
    users = ["\uffee", "\U0001f600", "\ue000"]
    with SqliteStore(path) as store:
        store.events.add([Event(user, user, "view", 1) for user in users])
        (chunk,) = store.events.scan(since=0, until=2)
    assert [event.user_id for event in chunk] == ["\ue000", "\uffee", "\U0001f600"]
