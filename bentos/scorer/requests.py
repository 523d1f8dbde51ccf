"""What clients may ask: request types made from the one definition of the features.

A feature that is not given is NaN inside, which JSON can't express, so that a request is one flat tuple on its way to
a row. Whole-number features accept 3 and 3.0 alike, as JSON Schema's `integer` does.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, TypeVar

import msgspec

from bentos.scorer.bodies import STAND_IN, repeated_field, without_half_characters
from bentos.scorer.problems import Problem, invalid
from propensity.events.event import MAX_ID_LENGTH
from propensity.features.definition import FEATURES, Feature

MAX_BATCH_USERS: Final = 10_000
MAX_EVENTS: Final = 1_000
MAX_BODY: Final = 64 * 1024
MAX_LONG_BODY: Final = 4 * 1024 * 1024
"""Of batches and events: 10,000 users with their features are about 3 MiB."""

_CONTROL: Final = r"\u0000-\u001f\u007f-\u009f"
USER_ID_PATTERN: Final = rf"^[^ {_CONTROL}]([^{_CONTROL}]*[^ {_CONTROL}])?$"
"""No control characters, and no space at either end: the ingest trims ids, so such a user can't be found."""
PLAIN_TEXT: Final = USER_ID_PATTERN[:-1] + r"\Z"
"""The same for Python, whose $ also matches before a last line break."""
UserId = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH, pattern=PLAIN_TEXT)]
_T = TypeVar("_T")
_MISSING: Final = float("nan")

Values = tuple[float, ...]
"""One number per feature in the order of definition.NAMES; NaN where it is not given."""


def _field(feature: Feature) -> tuple[str, Any, float]:
    meta = msgspec.Meta(ge=feature.minimum, le=feature.maximum, multiple_of=1.0 if feature.integer else None)
    return (feature.name, Annotated[float, meta], _MISSING)


def _request_type() -> type[msgspec.Struct]:
    fields: Iterable[Any] = [("user_id", UserId), *(_field(feature) for feature in FEATURES)]
    return msgspec.defstruct("PredictRequest", fields, forbid_unknown_fields=True, frozen=True, gc=False)


PredictRequest: Final = _request_type()


class BatchRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Many users at once; each is read on its own, so that a bad one spoils only itself."""

    users: Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MAX_BATCH_USERS)]


_single = msgspec.json.Decoder(PredictRequest)
_batch = msgspec.json.Decoder(BatchRequest)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_alone = msgspec.json.Decoder(msgspec.Raw)
_anything = msgspec.json.Decoder()


def read_single(body: bytes) -> tuple[str, Values]:
    """Return the user and the values given; a Problem says which field is wrong."""
    try:
        request = _single.decode(body)
    except (ValueError, RecursionError) as error:
        raise _problem(error) from error
    found = msgspec.structs.astuple(request)
    user_id, values = found[0], found[1:]
    given = len(values) - values.count(_MISSING)
    if twice := repeated_field(body, fields=1 + given, texts=1):
        raise invalid("This field is given twice. Send it once.", field=twice[:64])
    return user_id, values


def decoded(body: bytes, decoder: msgspec.json.Decoder[_T], *, fields: int) -> _T:
    """Return a body as what a decoder makes of it, an object of so many texts; a Problem says which field is wrong."""
    try:
        found = decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise _problem(error) from error
    if twice := repeated_field(body, fields=fields, texts=fields):
        raise invalid("This field is given twice. Send it once.", field=twice[:64])
    return found


def read_batch(body: bytes) -> list[bytes]:
    """Return the users as they stand; a Problem where there is no list of them, or too long a one."""
    body, found = _read_items(body, _batch)
    users = [bytes(raw) for raw in found.users]
    if body.count(b'"') != 2 + sum(user.count(b'"') for user in users):
        raise invalid("The list of users is given twice. Send one.", field="users")
    return users


def read_events(body: bytes) -> list[bytes]:
    """Return the items of a list as they stand, or the one item there is."""
    start = body.lstrip(b" \t\r\n")[:1]
    if start not in {b"{", b"["}:
        _read_items(body, _anything)
        raise invalid("The body is neither an event nor a list of events. Send a JSON object or array.")
    if start == b"{":
        return [bytes(_read_items(_expect_utf8(body), _alone)[1])]
    _, found = _read_items(body, _list)
    if len(found) > MAX_EVENTS:
        raise invalid(f"There are more than {MAX_EVENTS} events. Send them in several requests.")
    return [bytes(raw) for raw in found]


def _expect_utf8(body: bytes) -> bytes:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise _problem(error) from error
    return body


def _read_items(body: bytes, decoder: msgspec.json.Decoder[Any]) -> tuple[bytes, Any]:
    """Return what a body holds, and the body as it could be read: half a character spoils only its item."""
    try:
        return body, decoder.decode(body)
    except (ValueError, RecursionError) as error:
        mended = without_half_characters(body)
        if mended == body:
            raise _problem(error) from error
    return _read_items(mended, decoder)


class _OnlyUser(msgspec.Struct):
    user_id: str | None = None


_only_user = msgspec.json.Decoder(_OnlyUser)


def user_of(raw: bytes) -> str | None:
    """Return the user that a bad item names, if it can be made out."""
    try:
        user_id = _only_user.decode(raw).user_id
    except (ValueError, RecursionError):
        return None
    if user_id is None or len(user_id) > MAX_ID_LENGTH or STAND_IN in user_id:
        return None
    return None if repeated_field(raw, fields=1, texts=1) == "user_id" else user_id


_PLACE: Final = re.compile(r"^(?P<what>.*) - at `\$\.?(?P<field>[^`]*)`$")
_NAMED: Final = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<field>[^`]*)`$")


def _problem(error: Exception) -> Problem:
    """Turn a decoding error into ours; msgspec's messages name types and bounds, never values."""
    if not isinstance(error, msgspec.ValidationError):
        return invalid("The body is not valid JSON in UTF-8. Send one JSON document without NaN or Infinity.")
    text = str(error)
    place = _PLACE.match(text)
    named = _NAMED.match(place["what"] if place else text)
    field = named["field"] if named else place["field"] if place else None
    what = place["what"] if place else text
    return invalid(f"{_plain(what)}. See /docs for what may be sent.", field=field and field[:64])


def _plain(what: str) -> str:
    if "multiple of" in what:
        return "Expected a whole number"
    if "matching regex" in what:
        return "Expected text without control characters, and without a space at either end"
    named = _NAMED.match(what)
    if named:
        return "This field is unknown" if "unknown" in what else "This field is missing"
    return what.replace("`", "")
