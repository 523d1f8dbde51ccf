"""A table whose columns are the fields of one record, and whose rows are written once and never changed."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, Final, Generic, TypeVar

import msgspec

from propensity.store.batches import batches
from propensity.store.sqlite.database import Database

BATCH: Final = 10_000
_T = TypeVar("_T", bound=msgspec.Struct)


class Table(Generic[_T]):
    """Reads and adds records of one kind; table and field names are the program's own, values are bound."""

    def __init__(self, database: Database, name: str, kind: type[_T]) -> None:
        columns = kind.__struct_fields__
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        self._database = database
        self._kind = kind
        self._columns = columns
        self._select = f"SELECT {names} FROM {name} "  # noqa: S608
        self._insert = f"INSERT INTO {name} ({names}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608

    def add(self, records: Iterable[_T]) -> int:
        """Add the records whose keys are new, in transactions of bounded size; return how many were."""
        return sum(self._add(batch) for batch in batches(records, BATCH))

    def select(self, tail: str, *values: str | int | None) -> list[_T]:
        """Return the records of `SELECT … {tail}`."""
        with self._database.reading() as connection:
            rows = connection.execute(self._select + tail, values).fetchall()
        return [self._record(row) for row in rows]

    def chunks(self, tail: str, *values: str | int | None, rows: int) -> Iterator[list[_T]]:
        """Yield the records of `SELECT … {tail}`, `rows` at a time, all as they were at the first of them."""
        with (
            self._database.reading() as connection,
            closing(connection.execute(self._select + tail, values)) as cursor,
        ):
            while block := cursor.fetchmany(rows):
                yield [self._record(row) for row in block]

    def _add(self, batch: list[_T]) -> int:
        with self._database.writing() as connection:
            kept = self._database.marks.of(connection).records(batch)
            return _changes(connection, self._insert, map(msgspec.structs.astuple, kept))

    def _record(self, row: tuple[Any, ...]) -> _T:
        return self._kind(**dict(zip(self._columns, row, strict=True)))


def _changes(connection: sqlite3.Connection, statement: str, rows: Iterable[tuple[Any, ...]]) -> int:
    before = connection.total_changes
    connection.executemany(statement, rows)
    return connection.total_changes - before
