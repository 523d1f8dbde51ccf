"""Events as delimited text, written by SQLite itself: one row for each user, not for each event.

Users are found one by one along the tree and each is read from the start of the window on, so that a scan costs the
events of the window and a step for each user, and not the history before it. Within a user the tree's order is the
scan's: (event_time, event_id).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from propensity.events.text import END, FIELDS, SEPARATOR
from propensity.store.batches import texts
from propensity.store.records import EventText, UserRange

_LINE: Final = f"printf('{SEPARATOR.join(['%s'] * len(FIELDS))}', {', '.join(FIELDS)})"
_BEFORE_END: Final = "(:end IS NULL OR user_id < :end)"
SCAN: Final = f"""
WITH RECURSIVE someone (user_id) AS (
    SELECT (SELECT user_id FROM events WHERE user_id >= :first AND {_BEFORE_END} ORDER BY user_id LIMIT 1)
    UNION ALL
    SELECT (SELECT user_id FROM events
        WHERE user_id > someone.user_id AND {_BEFORE_END} ORDER BY user_id LIMIT 1)
    FROM someone WHERE someone.user_id IS NOT NULL
)
SELECT (SELECT group_concat({_LINE}, '{END}') FROM events
    WHERE events.user_id = someone.user_id AND event_time >= :since AND event_time < :until)
FROM someone WHERE user_id IS NOT NULL
"""  # noqa: S608 - our own names


def scan_text(
    connection: sqlite3.Connection, *, since: int, until: int, users: UserRange, chunk_rows: int
) -> Iterator[EventText]:
    """Yield the events of the window in texts of whole users."""
    bounds = {"since": since, "until": until, "first": users.first or "", "end": users.end}
    with closing(connection.execute(SCAN, bounds)) as cursor:
        yield from texts((text for (text,) in cursor if text is not None), chunk_rows=chunk_rows)
