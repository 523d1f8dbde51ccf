"""Who is forgotten, as SQLite keeps it: read inside the transaction that writes, so that no writer can be too late."""

import sqlite3
from typing import Final

from propensity.store.forgotten import NOBODY, Forgotten, Tombstone, mark_of

_ADD: Final = "INSERT INTO forgotten (mark, at) VALUES (?, ?) ON CONFLICT DO NOTHING"


class Marks:
    """The marks as they were read last; thread-safe, because what it holds is replaced and never changed."""

    def __init__(self) -> None:
        self._known = NOBODY

    def of(self, connection: sqlite3.Connection) -> Forgotten:
        """Return the marks as this connection sees them; one step of an index where none is new."""
        number = int(connection.execute("SELECT coalesce(max(number), 0) FROM forgotten").fetchone()[0])
        if number == 0:
            return NOBODY
        known = self._known
        if number != known.number:
            marks = connection.execute("SELECT mark FROM forgotten").fetchall()
            known = self._known = Forgotten(_salt(connection), frozenset(mark for (mark,) in marks), number)
        return known


def add_mark(connection: sqlite3.Connection, user_id: str, *, at: int, salt: bytes) -> Tombstone:
    """Write the mark of a user, and the salt where there is none; the first one stays."""
    connection.execute(
        "INSERT INTO forgotten_salt (only_one, salt) VALUES (1, ?) ON CONFLICT DO NOTHING", (salt,)
    )
    mark = mark_of(user_id, salt=_salt(connection))
    connection.execute(_ADD, (mark, at))
    row = connection.execute("SELECT mark, at FROM forgotten WHERE mark = ?", (mark,)).fetchone()
    return Tombstone(mark=row[0], at=int(row[1]))


def _salt(connection: sqlite3.Connection) -> bytes:
    return bytes(connection.execute("SELECT salt FROM forgotten_salt").fetchone()[0])
