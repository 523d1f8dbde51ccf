"""Users who asked to be forgotten, as a store remembers them: by a mark that is not their id.

A mark is HMAC-SHA256 of the id under a salt that only this store has, so that the marks of two stores can't be compared
and no table made beforehand undoes them. It keeps the id from who reads the marks alone; who has the salt as well, as
every dump of the store does, can still ask of an id he knows whether it is among them, and of every short number.
"""

import csv
import hmac
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from propensity.events import Event, Refusal

SHORT: Final = 12
"""Hexadecimal digits of a mark that the ledger shows: enough to tell two people apart, and no way back."""
SHORT_NUMBER: Final = 4
"""Digits from which a number in a sentence is taken for an id."""
SENTENCES: Final = frozenset({"reason", "why", "result", "error"})
"""Where evidence holds what a person typed, or a sentence about it; all else is read by programs."""
_T = TypeVar("_T")


class Forgotten(NamedTuple):
    """The marks of a store at one moment."""

    salt: bytes = b""
    marks: frozenset[str] = frozenset()
    number: int = 0
    """Counts up with each mark, so that nobody need read them all to see that none is new."""

    def holds(self, user_id: str) -> bool:
        """Whether this user is forgotten."""
        return bool(self.marks) and mark_of(user_id, salt=self.salt) in self.marks

    def among(self, user_ids: Iterable[str]) -> set[str]:
        """Return those of the users who are forgotten; costs nothing where nobody is."""
        return {user_id for user_id in set(user_ids) if self.holds(user_id)} if self.marks else set()

    def events(self, events: list[Event]) -> tuple[list[Event], list[Event]]:
        """Split events into those to keep, in order, and those of forgotten users."""
        gone = self.among(event.user_id for event in events) if self.marks else set()
        if not gone:
            return events, []
        return [one for one in events if one.user_id not in gone], [
            one for one in events if one.user_id in gone
        ]

    def records(self, records: list[_T]) -> list[_T]:
        """Return the records that are of no forgotten user, and that quote none."""
        gone = self.among(_text(one, "user_id").strip() for one in records) if self.marks else set()
        return [one for one in records if not self.is_about(one, gone)] if self.marks else records

    def is_about(self, record: object, gone: set[str]) -> bool:
        """Whether a record, or its document, is of a user who is gone, or a refused row that names one."""
        owner, raw = _text(record, "user_id").strip(), _text(record, "raw")
        return owner in gone or (bool(raw) and any(map(self.holds, quoted(raw, owner=owner))))


NOBODY: Final = Forgotten()


def mark_of(user_id: str, *, salt: bytes) -> str:
    """Return the mark of a user."""
    return hmac.digest(salt, user_id.encode(errors="surrogatepass"), "sha256").hex()


def names(text: str, user_id: str) -> bool:
    """Whether a text holds this id by itself, not as a part of a longer word, also where it is escaped."""
    whole = re.compile(rf"(?<!\w){re.escape(user_id)}(?!\w)")
    return any(whole.search(one) for one in _readings(text))


def is_of(refusal: Refusal, user_id: str) -> bool:
    """Whether a refused row is a user's, or names the user beside another: a row that can't be read is nobody's."""
    owner = (refusal.user_id or "").strip()
    return owner == user_id or names(_but_for(owner, refusal.raw), user_id)


def quoted(raw: str, *, owner: str) -> Iterator[str]:
    """Yield what could be an id in a refused row besides its owner's: fields of CSV, texts of JSON, words."""
    for text in _readings(_but_for(owner, raw)):
        for delimiter in ",;\t|":
            yield from (field.strip() for field in _fields(text, delimiter))
        yield from re.findall(r'"([^"]*)"', text)
        yield from re.findall(r"[^\s,;|\"'{}\[\]:]+", text)
        yield from re.findall(r"\w+", text)


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


def _but_for(owner: str, raw: str) -> str:
    """Return a row without its owner's id, in which another's may stand as a word: `ann` in `ann-2`."""
    return raw.replace(owner, "\n") if owner else raw


def _readings(text: str) -> tuple[str, ...]:
    """Return a text as it stands and, where they differ, with the escapes of JSON, CSV and bytes undone."""
    plain = _ESCAPE.sub(_unescaped, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return (text,) if plain == text else (text, plain)


_ESCAPE: Final = re.compile(r'\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\["\\/]|""')


def _unescaped(found: re.Match[str]) -> str:
    escape = found[0]
    return chr(int(f"0x{escape[2:]}", 0)) if escape[1] in "ux" else escape[-1]


def _fields(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return []


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """A user who was forgotten: the mark, and since when."""

    mark: str
    at: int
