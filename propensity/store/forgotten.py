"""Users who asked to be forgotten, as a store remembers them: by a mark that is not their id.

A mark is HMAC-SHA256 of the id under a salt that only this store has, so that the marks of two stores can't be compared
and no table made beforehand undoes them. It keeps the id from who reads the marks alone; who has the salt as well, as
every dump of the store does, can still ask of an id he knows whether it is among them, and of every short number.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from propensity.events import Event
from propensity.features.marks import COPY, marks, row_of
from propensity.store.mention import but_for, candidates, owner_of

SHORT: Final = 12
"""Hexadecimal digits of a mark that the ledger shows: enough to tell two people apart, and no way back."""
SHORT_NUMBER: Final = 4
"""Digits from which a number in a sentence is taken for an id."""
SENTENCES: Final = frozenset({"reason", "why", "result", "error"})
"""Where evidence holds what a person typed, or a sentence about it; all else is read by programs."""
TANGLED: Final = "(not kept: too tangled to say that it names nobody who was forgotten)"
"""In place of a refused row's text in which there is too much to try."""
BLOCK: Final = hashlib.sha256().block_size
_T = TypeVar("_T")


class Forgotten(NamedTuple):
    """The marks of a store at one moment."""

    salt: bytes = b""
    marks: frozenset[str] = frozenset()
    number: int = 0
    """Counts up with each mark, so that nobody need read them all to see that none is new."""

    def holds(self, user_id: str) -> bool:
        """Whether this user is forgotten."""
        return bool(self.among([user_id]))

    def among(self, user_ids: Iterable[str]) -> set[str]:
        """Return those of the users who are forgotten; costs nothing where nobody is."""
        if not self.marks:
            return set()
        mark = marker(self.salt)
        return {user_id for user_id in set(user_ids) if mark(user_id) in self.marks}

    def events(self, events: list[Event]) -> tuple[list[Event], list[Event]]:
        """Split events into those to keep, in order, and those of forgotten users."""
        gone = self.among(event.user_id for event in events) if self.marks else set()
        if not gone:
            return events, []
        return [one for one in events if one.user_id not in gone], [
            one for one in events if one.user_id in gone
        ]

    def records(self, records: list[_T]) -> list[_T]:
        """Return the records that are of no forgotten user, and that name none; one in which that can't be told loses its text."""
        if not self.marks:
            return records
        gone = self.among(owner_of(_text(one, "user_id")) for one in records)
        looked_at = (self._left_of(one) for one in records if owner_of(_text(one, "user_id")) not in gone)
        return [one for one in looked_at if one is not None]

    def _left_of(self, record: _T) -> _T | None:
        """Return a record, or None for a refused row that names a forgotten user."""
        raw = _text(record, "raw")
        if not raw:
            return record
        named = candidates(but_for(owner_of(_text(record, "user_id")), raw))
        if named is None:
            return _with_raw(record, TANGLED)
        return None if self.among(named) else record


NOBODY: Final = Forgotten()


def forgotten_row(copy: str, user_id: str) -> str:
    """Return what is forgotten of a user beside the id: the rows in a copy of reference rows, where the user is a mark."""
    digest = copy.removeprefix(COPY)
    (mark,) = marks([user_id], digest=digest)
    return row_of(mark, digest=digest)


def mark_of(user_id: str, *, salt: bytes) -> str:
    """Return the mark of a user."""
    return marker(salt)(user_id)


def marker(salt: bytes) -> Callable[[str], str]:
    """Return HMAC-SHA256 under a salt (RFC 2104), made ready for many ids: a refused row is asked about thousands."""
    key = (hashlib.sha256(salt).digest() if len(salt) > BLOCK else salt).ljust(BLOCK, b"\0")
    inner, outer = (hashlib.sha256(bytes(byte ^ pad for byte in key)) for pad in (0x36, 0x5C))

    def mark(user_id: str) -> str:
        first, second = inner.copy(), outer.copy()
        first.update(user_id.encode(errors="surrogatepass"))
        second.update(first.digest())
        return second.hexdigest()

    return mark


def unnamed(sentence: str, user_id: str, *, mark: str) -> str:
    """Return a sentence with the id replaced by the beginning of its mark."""
    return re.sub(rf"(?<!\w)(?<!\d\.){re.escape(user_id)}(?!\w)", f"[forgotten {mark[:SHORT]}]", sentence)


def without(sentence: str, user_id: str, *, mark: str) -> str:
    """Return the same of any sentence of the ledger, but for short numbers: those are counts and versions, not people."""
    is_short = user_id.isdecimal() and len(user_id) < SHORT_NUMBER
    return sentence if is_short else unnamed(sentence, user_id, mark=mark)


def cleaned(evidence: Any, user_id: str, *, mark: str) -> Any:
    """Return evidence with the id taken out of its sentences; what programs read there stays, whatever ids are called."""
    if isinstance(evidence, list):
        return [cleaned(value, user_id, mark=mark) for value in evidence]
    if not isinstance(evidence, dict):
        return evidence
    return {
        name: without(value, user_id, mark=mark)
        if name in SENTENCES and isinstance(value, str)
        else cleaned(value, user_id, mark=mark)
        for name, value in evidence.items()
    }


def _text(record: object, name: str) -> str:
    value = record.get(name) if isinstance(record, dict) else getattr(record, name, None)
    return value if isinstance(value, str) else ""


def _with_raw(record: _T, raw: str) -> _T:
    if isinstance(record, dict):
        return {**record, "raw": raw}  # type: ignore[return-value]
    return msgspec.structs.replace(record, raw=raw)  # type: ignore[type-var]


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """A user who was forgotten: the mark, and since when."""

    mark: str
    at: int
