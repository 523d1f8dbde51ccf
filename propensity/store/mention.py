"""Whether a refused row names a user: one definition for both who is known by id and who is known by a mark alone.

Such a row can't be read, so nobody can say where in it an id would stand. It names a user wherever the id stands by
itself: with no letter, digit or underscore right before or after it. An id may hold any character, so that who knows
only marks has to try every stretch of the row between two such places.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus

from propensity.events import Refusal
from propensity.events.event import MAX_ID_LENGTH

MAX_TRIED: Final = 5_000
"""Stretches of one row that are tried, some 5 ms; an event as 300 characters of JSON has 3,000, as CSV 200."""
PART: Final = 4
"""Digits up to which a number beside `.`, `:`, `/` or `-` and another digit is part of a date, a time or a price."""
_START: Final = re.compile(r"(?<!\w)(?! )")
_END: Final = re.compile(r"(?<! )(?!\w)")
_ESCAPE: Final = re.compile(r'\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\["\\/]|""')
_BEFORE: Final = re.compile(r"\d[.:/+-]")
_AFTER: Final = re.compile(r"[.:/+-]\d")


def is_of(refusal: Refusal, user_id: str) -> bool:
    """Whether a refused row is a user's, or names the user beside another: a row that can't be read is nobody's."""
    owner = owner_of(refusal.user_id)
    return owner == user_id or names(but_for(owner, refusal.raw), user_id)


def names(text: str, user_id: str) -> bool:
    """Whether a text holds this id by itself, not as a part of a longer word, also where it is escaped."""
    whole = _alone(user_id)
    return any(not _is_part(one, *found.span()) for one in _readings(text) for found in whole.finditer(one))


def candidates(text: str) -> set[str] | None:
    """Return all that `names` is true of, or None where that is too much to try."""
    found: set[str] = set()
    tried = 0
    for one in _readings(text):
        for start, ends in _stretches(one):
            tried += len(ends)
            if tried > MAX_TRIED:
                return None
            found.update(one[start:end] for end in ends if not _is_part(one, start, end))
    return found


def owner_of(user_id: str | None) -> str:
    """Return an owner as ids are cleaned: of spaces alone, for any other character may be an id's."""
    return (user_id or "").strip(" ")


def but_for(owner: str, raw: str) -> str:
    """Return a row without its owner's id, in which another's may stand as a word: `ann` in `ann-2`."""
    return _alone(owner).sub("\n", raw) if owner else raw


def _alone(user_id: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(user_id)}(?!\w)")


def _stretches(text: str) -> Iterator[tuple[int, list[int]]]:
    """Yield where an id may begin, with all places at which it may end."""
    ends = [found.start() for found in _END.finditer(text)]
    for found in _START.finditer(text):
        start = found.start()
        yield start, ends[bisect_right(ends, start) : bisect_right(ends, start + MAX_ID_LENGTH)]


def _is_part(text: str, start: int, end: int) -> bool:
    """Whether a short number is but a part of a date, a time or a price: nearly every row would name the user `1`."""
    if end - start > PART or not text[start:end].isdecimal():
        return False
    return bool(_BEFORE.fullmatch(text[max(0, start - 2) : start]) or _AFTER.match(text[end : end + 2]))


def _readings(text: str) -> set[str]:
    """Return a text as it stands and with the escapes of JSON, CSV, bytes and addresses undone."""
    plain = _ESCAPE.sub(_unescaped, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return {text, plain} | {unquote_plus(one) for one in (text, plain) if "%" in one or "+" in one}


def _unescaped(found: re.Match[str]) -> str:
    escape = found[0]
    return chr(int(f"0x{escape[2:]}", 0)) if escape[1] in "ux" else escape[-1]
