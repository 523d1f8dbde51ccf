"""The rules one event must keep, in plain Python: what `POST /events` refuses and why.

`jobs.ingest.cleaning` holds the same rules as expressions over whole columns, for logs of millions of rows; a property
test keeps the two at the same verdict for every row. The patterns are shared, so they keep to what both regular
expression engines read alike. Both look at the fields in the order user_id, event_id, the other ids, event_type,
event_time, price; the first fault found is the verdict. A field that no event has comes before them: a file with such
a column is refused as a whole, by the formats that are closed.
"""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Final

from propensity.events.event import (
    EARLIEST_TIME,
    EVENT_TYPES,
    FUTURE_TOLERANCE,
    MAX_ID_LENGTH,
    MAX_PRICE,
    MICROS,
    Event,
    Reason,
)
from propensity.events.formats import FIELDS

ZONE: Final = r"(Z|UTC|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)"
CLOCK_TIME: Final = (
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])(?:\.([0-9]{1,9}))?"
)
ISO_TIME: Final = rf"{CLOCK_TIME} ?{ZONE}"
"""A moment with its zone; digits beyond microseconds are cut. Without a zone nobody knows when it was."""
COUNTED_TIME: Final = r"[0-9]{1,18}"
"""Digits that fit 64 bits; a sign would put it before 1970, which is refused anyway."""
PRICE: Final = r"(-?)(?:([0-9]{1,15})(?:\.([0-9]*))?|\.([0-9]+))"
"""Major units: 35.79, 33, .5; no thousands separators, no exponents, no currency."""
CONTROL: Final = r"[\x00-\x1f\x7f-\x9f]"

_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_ISO_TIME: Final = re.compile(ISO_TIME)
_COUNTED_TIME: Final = re.compile(COUNTED_TIME)
_PRICE: Final = re.compile(PRICE)
_NO_ID: Final = re.compile(rf"{CONTROL}|[\ud800-\udfff]")


class _Refused(Exception):
    """Carries the first fault found out of the field it was found in."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def validate(item: Mapping[str, object], *, now: int) -> Event | Reason:
    """Return the event that `item` describes, or why it can't be one; ingested_at is left to the caller.

    Ids are strings or integers, event_time an ISO-8601 string with a zone or integer microseconds, price a number or
    a decimal string in major units. Spaces around a value do not count, and an optional value that is empty is none.
    """
    if unknown_field(item) is not None:
        return Reason.UNKNOWN_FIELD
    values = {name: _trimmed(item.get(name)) for name in FIELDS}
    try:
        # Keyword arguments are evaluated in the order they stand in: this order is the order of the reasons.
        return Event(
            user_id=_required(values["user_id"], Reason.MISSING_USER),
            event_id=_required(values["event_id"], Reason.MISSING_EVENT_ID),
            product_id=_identity(values["product_id"]),
            category_id=_identity(values["category_id"]),
            session_id=_identity(values["session_id"]),
            event_type=_event_type(values["event_type"]),
            event_time=_event_time(values["event_time"], now),
            price=_price(values["price"]),
        )
    except _Refused as refused:
        return refused.reason


def unknown_field(item: Mapping[str, object]) -> str | None:
    """Return the first field that no event has, if there is one."""
    return next((name for name in item if name not in FIELDS), None)


def _trimmed(value: object) -> object:
    """Return text without the spaces around it, None for text of nothing else, and anything else as it is."""
    return (value.strip(" ") or None) if isinstance(value, str) else value


def _required(value: object, missing: Reason) -> str:
    identity = _identity(value)
    if identity is None:
        raise _Refused(missing)
    return identity


def _identity(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        # Bounded before it becomes text: Python refuses to print integers of thousands of digits.
        value = str(value) if abs(value) < 10 ** (MAX_ID_LENGTH - 1) else None
    if not isinstance(value, str) or len(value) > MAX_ID_LENGTH or _NO_ID.search(value):
        raise _Refused(Reason.BAD_ID)
    return value


def _event_type(value: object) -> str:
    if not isinstance(value, str) or value not in EVENT_TYPES:
        raise _Refused(Reason.UNKNOWN_TYPE)
    return value


def _event_time(value: object, now: int) -> int:
    """Return microseconds since the epoch."""
    if isinstance(value, int) and not isinstance(value, bool):
        time = value if value < 10**18 else None
    elif isinstance(value, str):
        time = int(value) if _COUNTED_TIME.fullmatch(value) else _moment(_ISO_TIME.fullmatch(value))
    else:
        time = None
    if time is None or time < EARLIEST_TIME:
        raise _Refused(Reason.BAD_TIME)
    if time > now + FUTURE_TOLERANCE:
        raise _Refused(Reason.FUTURE)
    return time


def _moment(parts: re.Match[str] | None) -> int | None:
    if parts is None:
        return None
    date, clock, fraction, zone = parts.groups()
    try:
        days = dt.date.fromisoformat(date).toordinal() - _EPOCH
    except ValueError:
        return None
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    seconds += ((days * 24 + hours) * 60 + minutes) * 60 - _offset(zone)
    return seconds * MICROS + int((fraction or "")[:6].ljust(6, "0"))


def _offset(zone: str) -> int:
    """Return how many seconds a zone is ahead of UTC."""
    if zone in {"Z", "UTC"}:
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = (int(digits[:2]) * 60 + int(digits[2:])) * 60
    return -seconds if zone[0] == "-" else seconds


def _price(value: object) -> int | None:
    """Return minor units, rounded half up on the decimal digits as written, so that no float can shift a cent."""
    if value is None:
        return None
    parts = _PRICE.fullmatch(_digits(value))
    if parts is None:
        raise _Refused(Reason.BAD_PRICE)
    sign, whole, fraction, alone = parts.groups()
    digits = fraction or alone or ""
    if sign and ((whole or "") + digits).strip("0"):
        raise _Refused(Reason.NEGATIVE_PRICE)
    # Half up looks at the third digit alone, whatever follows it.
    minor = int(whole or "0") * 100 + (int(digits[:3].ljust(3, "0")) + 5) // 10
    if minor > MAX_PRICE:
        raise _Refused(Reason.BAD_PRICE)
    return minor


def _digits(value: object) -> str:
    """Return a price as plain decimal digits; a text that is no price where it can't be one."""
    if isinstance(value, float):
        # The shortest decimal that reads back as this float; only very small and very large ones have an exponent.
        return repr(value) if "e" not in repr(value) else f"{value:.20f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**15 else ""
    return value if isinstance(value, str) else ""
