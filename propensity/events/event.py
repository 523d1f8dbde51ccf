"""One thing a user did, and the reasons why a row can't be one.

Times are integer microseconds since the epoch in UTC and prices are integer minor units (cents): everything that is
counted or summed later is an integer, so that no order of summation can change a feature.
"""

from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

MICROS: Final = 1_000_000
"""Microseconds in a second."""
HOUR: Final = 3_600 * MICROS
DAY: Final = 24 * HOUR

EVENT_TYPES: Final = ("view", "favorite", "cart", "remove_from_cart", "purchase")

EARLIEST_TIME: Final = 946_684_800 * MICROS
"""1 January 2000: an event before it is a clock that was never set."""
FUTURE_TOLERANCE: Final = 300 * MICROS
"""How far a client's clock may run ahead of ours."""
MAX_ID_LENGTH: Final = 128
"""Characters in an id: longer ones are no ids but an attempt to fill an index."""
MAX_PRICE: Final = 10**12
"""Minor units; ten thousand millions of a currency is no price."""


class Event(NamedTuple):
    """One event as the store keeps it; the order of the fields is the order of the table's columns."""

    event_id: str
    user_id: str
    event_type: str
    """One of EVENT_TYPES."""
    event_time: int
    """When the user did it, in microseconds since the epoch, UTC."""
    product_id: str | None = None
    category_id: str | None = None
    price: int | None = None
    """Minor units of the shop's currency."""
    session_id: str | None = None
    ingested_at: int | None = None
    """When we learned of it (microseconds); None for a back-fill, which was known after the declared lag."""

    @property
    def content(self) -> tuple[str | int | None, ...]:
        """What must be equal for the same id to be the same event: all but when we learned of it."""
        return self[1:8]


class Reason(StrEnum):
    """Why a row was refused; the values are what summaries, metrics and the API print."""

    NOT_UTF8 = "not_utf8"
    FIELD_COUNT = "field_count"
    UNKNOWN_FIELD = "unknown_field"
    """A field that no event has: most likely a known one under another name, whose value would be lost."""
    MISSING_USER = "missing_user"
    MISSING_EVENT_ID = "missing_event_id"
    BAD_ID = "bad_id"
    """An id that is too long or holds control characters."""
    UNKNOWN_TYPE = "unknown_type"
    BAD_TIME = "bad_time"
    """Not a time, or one before the year 2000."""
    FUTURE = "future"
    """Over five minutes later than now."""
    BAD_PRICE = "bad_price"
    """Not a number, not finite, or absurdly large."""
    NEGATIVE_PRICE = "negative_price"
    CONFLICT = "conflict"
    """The same event_id with other content; the event that was stored first stays."""
    FORGOTTEN = "forgotten"
    """Of a user who asked to be forgotten; counted, and kept nowhere, not even as a refused row."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """One row that can't be an event, kept apart so that nothing is dropped in silence."""

    refusal_id: str
    """A digest of source, file, line and raw text: the same row refused again changes nothing."""
    source: str
    """The feed the row came from: a format's name, `api`, or what `--source` said."""
    file: str
    line: int
    """1-based; for Parquet the row's number, for the API the item's position in the request."""
    reason: str
    """A value of Reason."""
    raw: str
    """The row as it stood, cut at 1,000 characters; bytes that are no UTF-8 as backslash escapes."""
    user_id: str | None = None
    """Where the row named one: a user's right to be forgotten reaches refused rows too."""
    refused_at: int
    """Microseconds since the epoch."""
