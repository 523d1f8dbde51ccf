"""Outcomes, monitor windows and drift reports in SQLite: what the monitor found."""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing

import msgspec

from propensity.store.findings import MonitorWindow, Outcome
from propensity.store.sqlite.database import Database
from propensity.store.sqlite.table import Table


class SqliteOutcomes:
    """protocol.OutcomeStore on one file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = Table(database, "outcomes", Outcome)

    def add(self, outcomes: Iterable[Outcome]) -> int:
        """Store outcomes; return how many were new."""
        return self._table.add(outcomes)

    def correct(self, cutoff: int, user_ids: Iterable[str], *, at: int) -> int:
        """Set the label of outcomes that are 0 to 1; return how many were."""
        statement = (
            "UPDATE outcomes SET label = 1, corrected_at = ? WHERE cutoff = ? AND user_id = ? AND label = 0"
        )
        with self._database.writing() as connection:
            before = connection.total_changes
            connection.executemany(statement, ((at, cutoff, user_id) for user_id in user_ids))
            return connection.total_changes - before

    def cutoffs(self, *, since: int, until: int) -> dict[int, int]:
        """Count outcomes by cutoff."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT cutoff, count(*) FROM outcomes WHERE cutoff >= ? AND cutoff < ? GROUP BY cutoff ORDER BY cutoff",
                (since, until),
            ).fetchall()
        return dict(rows)

    def scan(self, cutoff: int, *, chunk_rows: int = 50_000) -> Iterator[list[Outcome]]:
        """Yield a cutoff's outcomes by user, in chunks."""
        return self._table.chunks("WHERE cutoff = ? ORDER BY user_id", cutoff, rows=chunk_rows)

    def tally(
        self, cutoff: int, edges: Sequence[float], *, users: Sequence[str] | None = None
    ) -> list[tuple[int, int]]:
        """Count outcomes and buyers between edges: one pass over the cutoff, or one look-up a user."""
        named = "" if users is None else " AND user_id IN (SELECT value FROM json_each(?))"
        values = () if users is None else (msgspec.json.encode(list(users)).decode(),)
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT {_place(edges)} AS place, count(*), sum(label) FROM outcomes "  # noqa: S608 - our own numbers
                f"WHERE cutoff = ? AND probability >= ?{named} GROUP BY place",
                (cutoff, edges[0], *values),
            ).fetchall()
        found = {int(place): (int(outcomes), int(buyers)) for place, outcomes, buyers in rows}
        return [found.get(place, (0, 0)) for place in range(len(edges))]


def _place(edges: Sequence[float], first: int = 0) -> str:
    """Return SQL that finds the stretch of a probability at or above the lowest edge, halving what is left each time."""
    if len(edges) == 1:
        return str(first)
    middle = len(edges) // 2
    below, above = _place(edges[:middle], first), _place(edges[middle:], first + middle)
    return f"CASE WHEN probability < {float(edges[middle])!r} THEN {below} ELSE {above} END"


class SqliteWindows:
    """protocol.WindowStore on one file; records are JSON."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, window: MonitorWindow) -> bool:
        """Store a window's record; False where its version and end have one."""
        with self._database.writing() as connection:
            before = connection.total_changes
            connection.execute(
                'INSERT INTO windows (version, "end", record) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
                (window.version, window.end, msgspec.json.encode(window)),
            )
            return connection.total_changes > before

    def get(self, version: str, end: int) -> MonitorWindow | None:
        """Return one record."""
        found = self._select('WHERE version = ? AND "end" = ?', version, end)
        return found[0] if found else None

    def latest(self, limit: int) -> list[MonitorWindow]:
        """Return the newest by end, then version, descending."""
        return self._select('ORDER BY "end" DESC, version DESC LIMIT ?', limit)

    def _select(self, tail: str, *values: str | int) -> list[MonitorWindow]:
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT record FROM windows {tail}", values).fetchall()  # noqa: S608
        return [msgspec.json.decode(row[0], type=MonitorWindow) for row in rows]


class SqliteReports:
    """protocol.ReportStore on one file; contents are compressed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, name: str, content: bytes, *, at: int) -> None:
        """Store a report; one with a known name changes nothing."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO reports (name, at, content) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                (name, at, gzip.compress(content, mtime=0)),
            )

    def get(self, name: str) -> bytes | None:
        """Return a report."""
        with (
            self._database.reading() as connection,
            closing(connection.execute("SELECT content FROM reports WHERE name = ?", (name,))) as found,
        ):
            row = found.fetchone()
        return None if row is None else gzip.decompress(row[0])

    def names(self, limit: int) -> list[str]:
        """Return the names of the newest by `at`, then name, descending."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT name FROM reports ORDER BY at DESC, name DESC LIMIT ?", (limit,)
            ).fetchall()
        return [row[0] for row in rows]

    def drop_before(self, at: int) -> int:
        """Delete the reports from before a time; return how many."""
        with self._database.writing() as connection:
            return connection.execute("DELETE FROM reports WHERE at < ?", (at,)).rowcount
