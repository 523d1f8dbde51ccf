"""A batch of events into SQLite: which ids are known is asked once for the whole batch, not once an event.

Ids travel as one JSON text, which SQLite takes apart itself: binding them one by one from Python costs more than looking
them up. They go in their order, because `event_ids` is a tree by id.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from propensity.events import Event
from propensity.store.records import Added

COLUMNS: Final = (
    "event_id, user_id, event_type, event_time, product_id, category_id, price, session_id, ingested_at"
)
SELECT: Final = f"SELECT {COLUMNS} FROM events"  # noqa: S608
_KNOWN: Final = """SELECT value FROM json_each(?)
    WHERE EXISTS (SELECT 1 FROM event_ids WHERE event_id = value)"""
CLAIM: Final = "INSERT INTO event_ids (event_id) SELECT value FROM json_each(?)"
INSERT: Final = f"INSERT INTO events ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_FIND: Final = f"{SELECT} WHERE user_id = ? AND event_time = ? AND event_id = ?"


def add_batch(connection: sqlite3.Connection, batch: Sequence[Event]) -> Added:
    """Add the events whose id is new, the first of each id, and compare the others with what is stored then."""
    ids = {event.event_id for event in batch}
    listed = _json(ids)
    known = _known(connection, listed)
    if not known and len(ids) == len(batch):
        new, others = batch, list[Event]()
    else:
        new, others = _split(batch, known)
    connection.execute(CLAIM, (_json(ids - known) if known else listed,))
    connection.executemany(INSERT, map(tuple, new))  # a tenth faster than binding the subclass
    conflicts = [event for event in others if not _is_stored(connection, event)]
    return Added(len(new), len(others) - len(conflicts), conflicts)


def conflicting(connection: sqlite3.Connection, batch: Sequence[Event]) -> list[Event]:
    """Return those of the events whose id is stored with other content."""
    known = _known(connection, _json(event.event_id for event in batch))
    return [event for event in batch if event.event_id in known and not _is_stored(connection, event)]


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether no event is stored, so that nothing can conflict with one."""
    return connection.execute("SELECT 1 FROM event_ids LIMIT 1").fetchone() is None


def _split(batch: Sequence[Event], known: set[str]) -> tuple[list[Event], list[Event]]:
    """Return the first event of each new id, and all others."""
    new: dict[str, Event] = {}
    others = []
    for event in batch:
        if event.event_id in known or event.event_id in new:
            others.append(event)
        else:
            new[event.event_id] = event
    return list(new.values()), others


def _known(connection: sqlite3.Connection, listed: str) -> set[str]:
    return {event_id for (event_id,) in connection.execute(_KNOWN, (listed,))}


def _json(ids: Iterable[str]) -> str:
    return msgspec.json.encode(sorted(ids)).decode()


def _is_stored(connection: sqlite3.Connection, event: Event) -> bool:
    row = connection.execute(_FIND, (event.user_id, event.event_time, event.event_id)).fetchone()
    return row is not None and Event._make(row).content == event.content
