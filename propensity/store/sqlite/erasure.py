"""Takes a user out of the SQLite file, also out of what SQLite leaves behind of deleted rows.

Rows are found by reading, which keeps nobody waiting, and deleted by key in short transactions. `secure_delete` writes
zeros over what is deleted, the write-ahead log is emptied into the file, and then the file is searched: pages that were
split long ago may still hold copies of moved rows in their gaps. Only where it is found there is the file rebuilt.
"""

import mmap
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

import msgspec

from propensity.errors import StoreUnavailable
from propensity.events import Refusal
from propensity.features.marks import COPY
from propensity.store.batches import batches
from propensity.store.forgotten import Forgotten, Tombstone, cleaned, forgotten_row, without
from propensity.store.mention import is_of
from propensity.store.sqlite.database import POLL_SECONDS, Database
from propensity.store.sqlite.forgotten import add_mark
from propensity.store.sqlite.table import Table

KEYS: Final = 500
"""Bound in one statement."""
_STEPPED: Final = {"scores": "cutoff", "outcomes": "cutoff", "contacts": "list_id"}
"""Tables by user only behind another column, which is stepped along: no index by user has to be paid for by writers."""
_ANSWERS: Final = ("predictions", "shadows")
"""Tables that are read through: an index by user would cost every answer, and nobody is forgotten as often."""
_COPIES: Final = "reference:"
"""Digests under which an early release kept copies of reference rows with the ids of their users."""
_IS_COPY: Final = "substr(digest, 1, 10) = ?"


class SqliteForgotten:
    """protocol.ForgottenStore on one file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._refused = Table(database, "refused", Refusal)

    def current(self) -> Forgotten:
        """Return the marks there are."""
        with self._database.reading() as connection:
            return self._database.marks.of(connection)

    def add(self, user_id: str, *, at: int, salt: bytes) -> Tombstone:
        """Mark a user for good."""
        with self._database.writing() as connection:
            return add_mark(connection, user_id, at=at, salt=salt)

    def find(self, user_id: str) -> dict[str, int]:
        """Count what there is of a user."""
        with self._database.reading() as connection:
            (events,) = connection.execute(
                "SELECT count(*) FROM events WHERE user_id = ?", (user_id,)
            ).fetchone()
            found = {
                "events": events,
                "refused": sum(1 for _ in self._refusals(user_id)),
                **{table: sum(1 for _ in _answers(connection, table, user_id)) for table in _ANSWERS},
            }
            for table in _STEPPED:
                statement = f"SELECT count(*) FROM {table} {_of_user(table)}"  # noqa: S608 - our own names
                (found[table],) = connection.execute(statement, (user_id,)).fetchone()
            found["references"] = len(_copies(connection))
            found["target_lists"] = sum(1 for _ in _lists(connection, user_id, mark=""))
            found["ledger"] = sum(1 for _ in _entries(connection, user_id, mark=""))
        return {name: count for name, count in found.items() if count}

    def erase(self, user_id: str, *, mark: str) -> dict[str, int]:
        """Delete all there is of a user, and what is left of it in the file."""
        found: dict[str, int] = {}
        found["refused"] = self._delete("refused", "refusal_id", list(self._refusals(user_id)))
        for table in _ANSWERS:
            with self._database.reading() as connection:
                answers = list(_answers(connection, table, user_id))
            found[table] = self._delete(table, "prediction_id", answers)
        with self._wiping() as connection:
            connection.execute(
                "DELETE FROM event_ids WHERE event_id IN (SELECT event_id FROM events WHERE user_id = ?)",
                (user_id,),
            )
            found["events"] = connection.execute("DELETE FROM events WHERE user_id = ?", (user_id,)).rowcount
        for table in _STEPPED:
            with self._wiping() as connection:
                statement = f"DELETE FROM {table} {_of_user(table)}"  # noqa: S608
                found[table] = connection.execute(statement, (user_id,)).rowcount
        with self._wiping() as connection:
            found["references"] = len(_copies(connection))
            for table in ("bundle_pieces", "bundles"):
                connection.execute(f"DELETE FROM {table} WHERE {_IS_COPY}", (_COPIES,))  # noqa: S608
            _drop_rows(connection, user_id)
        with self._wiping() as connection:
            lists = list(_lists(connection, user_id, mark=mark))
            connection.executemany("UPDATE target_lists SET name = ? WHERE list_id = ?", lists)
            found["target_lists"] = len(lists)
            entries = list(_entries(connection, user_id, mark=mark))
            connection.executemany("UPDATE ledger SET reason = ?, evidence = ? WHERE sequence = ?", entries)
            found["ledger"] = len(entries)
        self._clear(user_id.encode(errors="surrogatepass"))
        return {name: count for name, count in found.items() if count}

    def _refusals(self, user_id: str) -> Iterator[str]:
        for chunk in self._refused.chunks("", rows=5_000):
            yield from (one.refusal_id for one in chunk if is_of(one, user_id))

    def _delete(self, table: str, key: str, keys: list[str]) -> int:
        deleted = 0
        for part in batches(keys, KEYS):
            marks = ", ".join("?" * len(part))
            with self._wiping() as connection:
                statement = f"DELETE FROM {table} WHERE {key} IN ({marks})"  # noqa: S608
                deleted += connection.execute(statement, part).rowcount
        return deleted

    @contextmanager
    def _wiping(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a write transaction that leaves zeros where it deletes."""
        with self._database.writing() as connection:
            before = connection.execute("PRAGMA secure_delete").fetchone()[0]
            connection.execute("PRAGMA secure_delete = ON")
            try:
                yield connection
            finally:
                connection.execute(f"PRAGMA secure_delete = {before}")

    def _clear(self, trace: bytes) -> None:
        """Empty the write-ahead log, and rebuild the file where it still holds the id: in a gap, or in a longer one."""
        with self._database.reading() as connection:
            self._empty_log(connection)
            if self._holds(trace):
                connection.execute("VACUUM")
                self._empty_log(connection)

    def _empty_log(self, connection: sqlite3.Connection) -> None:
        deadline = time.monotonic() + self._database.timeout
        while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > deadline:
                raise StoreUnavailable(
                    f"Another process keeps reading {self._database.path}, so what was deleted is still in its log. "
                    "Stop it, or wait for it, and run the same command again."
                )
            time.sleep(POLL_SECONDS)

    def _holds(self, trace: bytes) -> bool:
        with (
            self._database.path.open("rb") as file,
            closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as content,
        ):
            return content.find(trace) >= 0


def _of_user(table: str) -> str:
    """Return the rest of a statement about one user's rows, which steps along the first column of the table's key."""
    first = _STEPPED[table]
    return (
        f"WHERE user_id = ? AND {first} IN (WITH RECURSIVE steps(at) AS (SELECT min({first}) FROM {table} UNION ALL "  # noqa: S608
        f"SELECT (SELECT min({first}) FROM {table} WHERE {first} > at) FROM steps WHERE at IS NOT NULL) "
        "SELECT at FROM steps WHERE at IS NOT NULL)"
    )


def _answers(connection: sqlite3.Connection, table: str, user_id: str) -> Iterator[str]:
    rows = connection.execute(f"SELECT prediction_id FROM {table} WHERE user_id = ?", (user_id,))  # noqa: S608
    return (key for (key,) in rows)


def _copies(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(f"SELECT digest FROM bundles WHERE {_IS_COPY}", (_COPIES,))  # noqa: S608
    return [digest for (digest,) in rows]


def _drop_rows(connection: sqlite3.Connection, user_id: str) -> None:
    """Drop the copies of reference rows, and leave word of whose are not to be copied again."""
    found = connection.execute("SELECT digest FROM bundles WHERE substr(digest, 1, ?) = ?", (len(COPY), COPY))
    for (copy,) in found.fetchall():
        add_mark(connection, forgotten_row(copy, user_id), at=0, salt=b"")
        for table in ("bundle_pieces", "bundles"):
            connection.execute(f"DELETE FROM {table} WHERE digest = ?", (copy,))  # noqa: S608


def _lists(connection: sqlite3.Connection, user_id: str, *, mark: str) -> Iterator[tuple[str, str]]:
    """Yield new name and id of the lists whose names name a user."""
    for list_id, name in connection.execute("SELECT list_id, name FROM target_lists"):
        if (new := without(name, user_id, mark=mark)) != name:
            yield new, list_id


def _entries(connection: sqlite3.Connection, user_id: str, *, mark: str) -> Iterator[tuple[str, bytes, int]]:
    """Yield reason, evidence and number of the ledger's entries that name a user, with the name taken out."""
    for sequence, reason, evidence in connection.execute("SELECT sequence, reason, evidence FROM ledger"):
        said = msgspec.json.decode(evidence)
        new = without(reason, user_id, mark=mark), cleaned(said, user_id, mark=mark)
        if new != (reason, said):
            yield new[0], msgspec.json.encode(new[1]), sequence
