r"""What strict JSON decoding leaves open: half characters that spoil a whole list, and fields that are given twice.

`\ud800` alone is JSON's grammar but no character, and msgspec reads nothing of a body that holds it; of two equal
keys it takes the last, while who sent them may have meant the first. Both cost a fast request a count of quotes.
"""

import json
import re
from typing import Any, Final

STAND_IN: Final = "\0"
"""Takes the place of half a character: no id may hold it, no field is named by it, so the item is refused."""

_SURROGATES: Final = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)
"""An escaped backslash, a whole character and half of one, in the order they must be tried."""


def without_half_characters(body: bytes) -> bytes:
    """Return JSON with each surrogate that has no partner replaced by the stand-in."""
    return _SURROGATES.sub(lambda found: rb"\u0000" if found["lone"] else found[0], body)


def repeated_field(body: bytes, *, fields: int, texts: int) -> str | None:
    """Return the name of a field that an object holds twice, if it does.

    `fields` and `texts` are what was decoded: the different fields, and those of text. Each field that was passed over
    has quotes of its own, so equal numbers need no second look; escaped quotes and nested values do.
    """
    if body.count(b'"') == 2 * (fields + texts):
        return None
    try:
        json.loads(body, object_pairs_hook=_expect_once, parse_int=str, parse_float=str)
    except _Repeated as repeated:
        return repeated.name
    except (ValueError, RecursionError):
        return None
    return None


class _Repeated(Exception):
    def __init__(self, name: str) -> None:
        self.name = name


def _expect_once(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _Repeated(name)
        seen.add(name)
