"""The ledger in SQLite: numbered and changed inside write transactions, so that no two writers see the same state."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec

from propensity.store.records import LedgerEntry
from propensity.store.sqlite.database import Database

_FIELDS: Final = LedgerEntry.__struct_fields__
_COLUMNS: Final = ", ".join(_FIELDS)
_SELECT: Final = f"SELECT {_COLUMNS} FROM ledger "  # noqa: S608
_NEXT: Final = "SELECT coalesce(max(sequence), 0) + 1 FROM ledger"
_WRITE: Final = f"INSERT OR REPLACE INTO ledger ({_COLUMNS}) VALUES ({', '.join('?' * len(_FIELDS))})"  # noqa: S608


class SqliteLedger:
    """protocol.LedgerStore on one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self,
        *,
        kind: str,
        state: str,
        at: int,
        reason: str,
        subject: str | None = None,
        key: str | None = None,
        evidence: dict[str, Any] | None = None,
    ) -> LedgerEntry | None:
        """Append an entry under the next number; None where an entry with this key exists."""
        with self._database.writing() as connection:
            if key is not None and _one(connection, "WHERE key = ?", key):
                return None
            entry = LedgerEntry(
                sequence=connection.execute(_NEXT).fetchone()[0],
                kind=kind,
                state=state,
                at=at,
                updated_at=at,
                reason=reason,
                subject=subject,
                key=key,
                evidence=evidence or {},
                history=[(state, at)],
            )
            return _write(connection, entry)

    def move(
        self,
        sequence: int,
        *,
        from_state: str,
        to_state: str,
        at: int,
        evidence: dict[str, Any] | None = None,
    ) -> LedgerEntry | None:
        """Change an entry's state and add to its evidence; None where it is not in `from_state` any more."""
        with self._database.writing() as connection:
            entry = _one(connection, "WHERE sequence = ? AND state = ?", sequence, from_state)
            if entry is None:
                return None
            moved = msgspec.structs.replace(
                entry,
                state=to_state,
                updated_at=at,
                evidence=entry.evidence | (evidence or {}),
                history=[*entry.history, (to_state, at)],
            )
            return _write(connection, moved)

    def get(self, sequence: int) -> LedgerEntry | None:
        """Return one entry."""
        with self._database.reading() as connection:
            return _one(connection, "WHERE sequence = ?", sequence)

    def by_key(self, key: str) -> LedgerEntry | None:
        """Return the entry with this key."""
        with self._database.reading() as connection:
            return _one(connection, "WHERE key = ?", key)

    def latest(self, limit: int, kind: str | None = None, state: str | None = None) -> list[LedgerEntry]:
        """Return the newest entries (of a kind, in a state, where named) by sequence, descending."""
        wanted = {name: value for name, value in (("kind", kind), ("state", state)) if value is not None}
        where = f"WHERE {' AND '.join(f'{name} = ?' for name in wanted)} " if wanted else ""
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT}{where}ORDER BY sequence DESC LIMIT ?", [*wanted.values(), limit]
            ).fetchall()
        return [_entry(row) for row in rows]

    def by_people(self, limit: int, kinds: Sequence[str]) -> list[LedgerEntry]:
        """Return the newest entries of some kinds that have an actor, by sequence, descending."""
        marks = ", ".join("?" * len(kinds))
        where = f"WHERE kind IN ({marks}) AND json_extract(CAST(evidence AS TEXT), '$.actor') <> '' "
        with self._database.reading() as connection:
            rows = connection.execute(
                f"{_SELECT}{where}ORDER BY sequence DESC LIMIT ?", (*kinds, limit)
            ).fetchall()
        return [_entry(row) for row in rows]

    def unended(self, kind: str, *, ended: Collection[str]) -> list[LedgerEntry]:
        """Return all entries of a kind that are in none of the states `ended`, by sequence, descending."""
        where = f"WHERE kind = ? AND state NOT IN ({', '.join('?' * len(ended))}) "
        with self._database.reading() as connection:
            rows = connection.execute(f"{_SELECT}{where}ORDER BY sequence DESC", [kind, *ended]).fetchall()
        return [_entry(row) for row in rows]


def _one(connection: sqlite3.Connection, where: str, *values: str | int) -> LedgerEntry | None:
    row = connection.execute(_SELECT + where, values).fetchone()
    return None if row is None else _entry(row)


def _write(connection: sqlite3.Connection, entry: LedgerEntry) -> LedgerEntry:
    """Write the entry and return it as it will be read: evidence as JSON keeps it."""
    *columns, evidence, history = msgspec.structs.astuple(entry)
    row = (*columns, msgspec.json.encode(evidence), msgspec.json.encode(history))
    connection.execute(_WRITE, row)
    return _entry(row)


def _entry(row: tuple[Any, ...]) -> LedgerEntry:
    values = dict(zip(_FIELDS, row, strict=True))
    values["evidence"] = msgspec.json.decode(values["evidence"])
    values["history"] = msgspec.json.decode(values["history"], type=list[tuple[str, int]])
    return LedgerEntry(**values)
