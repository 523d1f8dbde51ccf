"""The items of `POST /events`, each read and judged on its own, so that a bad one spoils only itself.

The rules are the ingest's own; only what JSON brings with it, such as a field given twice, is added to them here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from bentos.scorer.bodies import repeated_field
from propensity.events import Event, Reason
from propensity.events.event import MAX_ID_LENGTH
from propensity.events.formats import FIELDS
from propensity.events.validation import unknown_field, validate

NOT_AN_OBJECT: Final = "not_an_object"
REPEATED_FIELD: Final = "repeated_field"
UNREADABLE: Final = "unreadable"
MESSAGES: Final[dict[str, str]] = {
    NOT_AN_OBJECT: "An event is no JSON object. Send an object, or a list of objects.",
    REPEATED_FIELD: "A field is given twice. Send it once.",
    UNREADABLE: "A number or a nesting is too long to be read. Send plain values.",
    Reason.NOT_UTF8: "The item is not UTF-8. Send text in UTF-8.",
    Reason.UNKNOWN_FIELD: f"{{field}} is no field of an event. Send no other than {', '.join(FIELDS)}.",
    Reason.MISSING_EVENT_ID: "event_id is missing. Send the id that your system gave the event.",
    Reason.MISSING_USER: "user_id is missing. Send the id that your system knows the user by.",
    Reason.BAD_ID: "An id is no text of at most 128 characters without control characters. Send a shorter, plain one.",
    Reason.UNKNOWN_TYPE: "event_type is unknown. Send view, favorite, cart, remove_from_cart or purchase.",
    Reason.BAD_TIME: "event_time is no time since 2000. Send ISO 8601 with a zone, or integer microseconds since 1970.",
    Reason.FUTURE: "event_time lies over five minutes in the future. Check the clock and the zone.",
    Reason.BAD_PRICE: "price is no sensible number. Send it in major units, or leave it out.",
    Reason.NEGATIVE_PRICE: "price is negative. Send what was paid, and leave refunds out.",
    Reason.CONFLICT: "This event_id is stored with other content. Send another event under an id of its own.",
    Reason.FORGOTTEN: "This user asked to be forgotten. Send no more events of this id; who comes back needs a new one.",
}
OTHERWISE: Final = "The item can't be an event. See /docs for what may be sent."

# Through float(), a number beyond all bounds is infinite, and a fault of its field alone.
_decode: Final = msgspec.json.Decoder(float_hook=float).decode


@dataclass(frozen=True, kw_only=True)
class Item:
    """One item of a request: its text, its fields as far as they can be read, and the verdict on it."""

    raw: bytes
    fields: Mapping[str, object]
    verdict: Event | str

    def text_of(self, name: str) -> str | None:
        """Return a field that holds text of an id's length."""
        found = self.fields.get(name)
        return found if isinstance(found, str) and len(found) <= MAX_ID_LENGTH else None

    def message(self, reason: str) -> str:
        """Say why it is refused; of what was sent only an unknown field's name is repeated."""
        said = MESSAGES.get(reason, OTHERWISE)
        return said.format(field=(unknown_field(self.fields) or "")[:64]) if "{" in said else said


def judge(raw: bytes, *, now: int) -> Item:
    """Read one item and say whether it is an event."""
    try:
        found = _decode(raw)
    except UnicodeDecodeError:
        return Item(raw=raw, fields={}, verdict=str(Reason.NOT_UTF8))
    except (ValueError, RecursionError):
        return Item(raw=raw, fields={}, verdict=UNREADABLE)
    if not isinstance(found, dict):
        return Item(raw=raw, fields={}, verdict=NOT_AN_OBJECT)
    texts = sum(isinstance(value, str) for value in found.values())
    if repeated_field(raw, fields=len(found), texts=texts) is not None:
        return Item(raw=raw, fields=found, verdict=REPEATED_FIELD)
    verdict = validate(found, now=now)
    live = verdict._replace(ingested_at=now) if isinstance(verdict, Event) else str(verdict)
    return Item(raw=raw, fields=found, verdict=live)
