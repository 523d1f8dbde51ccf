"""Refused rows and ingest records in SQLite: what came in besides events, and with what result."""

from collections.abc import Iterable

import msgspec

from propensity.events import Refusal
from propensity.store.records import IngestRecord
from propensity.store.sqlite.database import Database
from propensity.store.sqlite.table import Table


class SqliteRefused:
    """protocol.RefusedStore on one file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = Table(database, "refused", Refusal)

    def add(self, refusals: Iterable[Refusal]) -> int:
        """Store refusals; return how many were new."""
        return self._table.add(refusals)

    def latest(self, limit: int) -> list[Refusal]:
        """Return the newest by refused_at, then refusal_id, descending."""
        return self._table.select("ORDER BY refused_at DESC, refusal_id DESC LIMIT ?", limit)

    def counts(self, *, since: int | None = None, until: int | None = None) -> dict[str, int]:
        """Count refused rows by reason."""
        bounds = {"refused_at >= ?": since, "refused_at < ?": until}
        given = {bound: value for bound, value in bounds.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        statement = f"SELECT reason, count(*) FROM refused {where} GROUP BY reason"  # noqa: S608
        with self._database.reading() as connection:
            return dict(connection.execute(statement, tuple(given.values())).fetchall())


class SqliteIngests:
    """protocol.IngestStore on one file; records are JSON, because they hold counts by reason."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, record: IngestRecord) -> None:
        """Write or overwrite the record of its ingest_id."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO ingests (ingest_id, finished_at, record) VALUES (?, ?, ?)",
                (record.ingest_id, record.finished_at, msgspec.json.encode(record)),
            )

    def get(self, ingest_id: str) -> IngestRecord | None:
        """Return one record."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT record FROM ingests WHERE ingest_id = ?", (ingest_id,)
            ).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=IngestRecord)

    def latest(self, limit: int) -> list[IngestRecord]:
        """Return the newest by finished_at, then ingest_id, descending."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT record FROM ingests ORDER BY finished_at DESC, ingest_id DESC LIMIT ?", (limit,)
            ).fetchall()
        return [msgspec.json.decode(row[0], type=IngestRecord) for row in rows]
