"""How records stand in MongoDB: the key as `_id`, fields that are None left out."""

from typing import Any, TypeVar

import msgspec

from propensity.events import Event
from propensity.events.text import FIELDS, SEPARATOR

_T = TypeVar("_T", bound=msgspec.Struct)


def to_document(record: msgspec.Struct, *, key: str) -> dict[str, Any]:
    """Return the record as a document whose `_id` is the field `key`."""
    fields = {name: value for name, value in msgspec.structs.asdict(record).items() if value is not None}
    return {"_id": fields.pop(key), **fields}


def from_document(document: dict[str, Any], kind: type[_T], *, key: str | None = None) -> _T:
    """Return a document as a record; `_id` becomes the field `key`, or is left out.

    Fields that the record has not are passed over: after a rollback, documents of a later release are still there.
    """
    known = kind.__struct_fields__
    fields = {name: _plain(value) for name, value in document.items() if name in known}
    return kind(**(fields if key is None else {key: document["_id"], **fields}))


def event_document(event: Event) -> dict[str, Any]:
    """Return an event as a document whose `_id` is its id."""
    fields = {name: value for name, value in event._asdict().items() if value is not None}
    return {"_id": fields.pop("event_id"), **fields}


def event_of(document: dict[str, Any]) -> Event:
    """Return the event a document holds."""
    get = document.get
    price, ingested_at = get("price"), get("ingested_at")
    return Event(
        document["_id"],
        document["user_id"],
        document["event_type"],
        int(document["event_time"]),
        get("product_id"),
        get("category_id"),
        None if price is None else int(price),
        get("session_id"),
        None if ingested_at is None else int(ingested_at),
    )


def text_of(document: dict[str, Any]) -> str:
    """Return the line of `events.text` for the event a document holds."""
    get = document.get
    return SEPARATOR.join([str(get(name, "")) for name in FIELDS])


def _plain(value: Any) -> Any:
    """Return bson's Int64 as int: it is a subclass, which Polars and msgspec do not take for one."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return int(value) if isinstance(value, int) else value
