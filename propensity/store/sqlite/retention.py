"""Drops what is too old from SQLite, a bounded number of rows in a transaction."""

from propensity.store.retention import TIMES, Kept
from propensity.store.sqlite.database import Database

_KEYS = {
    "events": "user_id, event_time, event_id",
    "refused": "refusal_id",
    "predictions": "prediction_id",
    "shadows": "prediction_id",
    "scores": "cutoff, user_id",
    "outcomes": "cutoff, user_id",
    "contacts": "list_id, user_id",
}


class SqliteRetention:
    """protocol.RetentionStore on one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def drop(self, kept: Kept, *, before: int, limit: int) -> int:
        """Delete at most `limit` rows from before a time."""
        key, time = _KEYS[kept], TIMES[kept]
        old = f"FROM {kept} WHERE {time} < ? LIMIT ?"
        with self._database.writing(bulk=True) as connection:
            if kept == "events":
                # Read first: the two statements must mean the same rows.
                rows = connection.execute(f"SELECT {key} {old}", (before, limit)).fetchall()
                connection.executemany(
                    "DELETE FROM event_ids WHERE event_id = ?", ((row[2],) for row in rows)
                )
                connection.executemany(
                    "DELETE FROM events WHERE user_id = ? AND event_time = ? AND event_id = ?", rows
                )
                return len(rows)
            statement = f"DELETE FROM {kept} WHERE ({key}) IN (SELECT {key} {old})"  # noqa: S608
            return connection.execute(statement, (before, limit)).rowcount
