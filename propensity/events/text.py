"""Events as delimited text, the way in which millions of them leave a store for a reader of columns.

A store writes it in its own language, without an object an event, and Polars parses it on all cores. The separators are
control characters, which no id may hold, so that nothing is ever quoted. Ids of events and sessions are left out: they
are half of the text, and nobody counts by them.
"""

from typing import Final

FIELDS: Final = (
    "user_id",
    "event_type",
    "event_time",
    "product_id",
    "category_id",
    "price",
    "ingested_at",
)
"""A value that is None is empty."""
INTEGERS: Final = frozenset({"event_time", "price", "ingested_at"})
SEPARATOR: Final = "\x1f"
END: Final = "\n"
HEADER: Final = SEPARATOR.join(FIELDS)
"""The first line: also keeps a user id from standing where a parser looks for a byte order mark."""
