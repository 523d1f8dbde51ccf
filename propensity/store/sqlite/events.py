"""Events in SQLite: a batch is one transaction, a user's history one range read, a scan one cursor."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Final

import msgspec

from propensity.events import Event
from propensity.store.batches import EVERYONE, batches, equal_ranges, whole_users
from propensity.store.records import Added, EventSummary, EventText, UserRange
from propensity.store.sqlite.adding import COLUMNS, SELECT, add_batch, conflicting, is_empty
from propensity.store.sqlite.database import Database
from propensity.store.sqlite.text import scan_text

BATCH: Final = 50_000
"""Events in a transaction: about 0.3 s in which other writers wait; smaller ones cost a third of the speed."""
BULK: Final = 10_000
"""Events from which a batch is part of a bulk load, and worth a large cache."""

OF_USER: Final = f"""{SELECT} WHERE user_id = ? AND event_time >= ? AND event_time < ?
    AND coalesce(ingested_at, event_time + ?) <= ? ORDER BY event_time DESC, event_id DESC LIMIT ?"""

_OF_USER_AT_ONCE: Final = f"SELECT json_group_array(json_array({COLUMNS})) FROM ({OF_USER})"  # noqa: S608
"""In one row: Python's driver lets go of the interpreter at each, and a busy service is slow to give it back.
A subquery with a limit is run as it stands, in its order."""
_decode: Final = msgspec.json.Decoder(list[Event]).decode


class SqliteEvents:
    """protocol.EventStore on one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, events: Iterable[Event]) -> Added:
        """Store events durably, a batch a transaction; see protocol."""
        inserted, unchanged, conflicts, forgotten = 0, 0, list[Event](), list[Event]()
        for batch in batches(events, BATCH):
            if inserted or unchanged or conflicts:
                self._database.give_way()
            with self._database.writing(bulk=len(batch) >= BULK) as connection:
                batch, gone = self._database.marks.of(connection).events(batch)  # noqa: PLW2901 - what is left of it
                added = add_batch(connection, batch)
            inserted += added.inserted
            unchanged += added.unchanged
            conflicts += added.conflicts
            forgotten += gone
        return Added(inserted, unchanged, conflicts, tuple(forgotten))

    def conflicting(self, events: Iterable[Event]) -> list[Event]:
        """Return those of the events whose id is stored with other content; see protocol."""
        found: list[Event] = []
        with self._database.reading() as connection:
            if is_empty(connection):
                return found
        for batch in batches(events, BATCH):
            with self._database.reading() as connection:
                found += conflicting(connection, batch)
        return found

    def of_user(self, user_id: str, *, since: int, until: int, lag: int, limit: int) -> list[Event]:
        """Return one user's events known at `until`, newest first."""
        with self._database.reading() as connection:
            (rows,) = connection.execute(
                _OF_USER_AT_ONCE, (user_id, since, until, lag, until, limit)
            ).fetchone()
        return _decode(rows)

    def knows(self, user_id: str) -> bool:
        """Whether any event of this user is stored."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT 1 FROM events WHERE user_id = ? LIMIT 1", (user_id,)
            ).fetchone()
        return found is not None

    def scan(
        self,
        *,
        since: int,
        until: int,
        users: UserRange = EVERYONE,
        event_type: str | None = None,
        chunk_rows: int = 200_000,
    ) -> Iterator[list[Event]]:
        """Yield events by user and time in chunks of whole users, all as they were when the scan began."""
        where, values = _within(since, until, users)
        if event_type is not None:
            where, values = f"{where} AND event_type = ?", [*values, event_type]
        return whole_users(self._blocks(where, values, chunk_rows))

    def scan_text(
        self, *, since: int, until: int, users: UserRange = EVERYONE, chunk_rows: int = 200_000
    ) -> Iterator[EventText]:
        """Yield events as text in chunks of whole users, all as they were when the scan began."""
        with self._database.reading() as connection:
            yield from scan_text(connection, since=since, until=until, users=users, chunk_rows=chunk_rows)

    def user_ranges(self, count: int) -> list[UserRange]:
        """Split all users into at most `count` ranges holding about as many events each."""
        total = self._count()
        with (
            self._database.reading() as connection,
            closing(
                connection.execute("SELECT user_id, count(*) FROM events GROUP BY user_id ORDER BY user_id")
            ) as sizes,
        ):
            return equal_ranges(sizes, total=total, count=count)

    def summary(self) -> EventSummary:
        """Count the events and say what time they span."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT count(*), min(event_time), max(event_time) FROM events"
            ).fetchone()
        return EventSummary(*row)

    def time_at_rank(self, rank: int, *, newest: bool = False) -> int | None:
        """Return the event_time with `rank` events before it, or after it."""
        order = "DESC" if newest else "ASC"
        statement = f"SELECT event_time FROM events ORDER BY event_time {order} LIMIT 1 OFFSET ?"  # noqa: S608
        with self._database.reading() as connection:
            row = connection.execute(statement, (rank,)).fetchone()
        return None if row is None else int(row[0])

    def count_before(self, time: int) -> int:
        """Count the events with event_time < time."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT count(*) FROM events WHERE event_time < ?", (time,)).fetchone()
        return int(row[0])

    def types_since(self, since: int) -> dict[str, int]:
        """Count events by type with event_time >= since."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT event_type, count(*) FROM events WHERE event_time >= ? GROUP BY event_type", (since,)
            ).fetchall()
        return dict(rows)

    def histogram(self, *, since: int, until: int, width: int) -> list[int]:
        """Count events by stretches of `width` microseconds."""
        counts = [0] * -(-(until - since) // width)
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT (event_time - ?) / ?, count(*) FROM events WHERE event_time >= ? AND event_time < ? GROUP BY 1",
                (since, width, since, until),
            ).fetchall()
        for stretch, events in rows:
            counts[stretch] = events
        return counts

    def _count(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM event_ids").fetchone()[0])

    def _blocks(self, where: str, values: list[str | int], rows: int) -> Iterator[list[Event]]:
        statement = f"{SELECT} WHERE {where} ORDER BY user_id, event_time, event_id"
        with (
            self._database.reading() as connection,
            closing(connection.execute(statement, values)) as cursor,
        ):
            while block := cursor.fetchmany(rows):
                yield [Event._make(row) for row in block]


def _within(since: int, until: int, users: UserRange) -> tuple[str, list[str | int]]:
    where, values = ["event_time >= ?", "event_time < ?"], list[str | int]((since, until))
    if users.first is not None:
        where.append("user_id >= ?")
        values.append(users.first)
    if users.end is not None:
        where.append("user_id < ?")
        values.append(users.end)
    return " AND ".join(where), values
