"""From what was given and what the store knows to the row a model is asked about.

Given values win. The hour and weekday describe the moment, not the user: they are filled in from the cutoff and never
make a row depend on the store. Rows are plain tuples until they are packed into the float32 that the model reads and
the log keeps: for forty numbers that is a third of what numpy's calls cost.
"""

import struct
from collections.abc import Sequence
from enum import Enum
from math import isnan
from typing import Final

from bentos.scorer.answers import FeaturesFrom
from bentos.scorer.problems import no_store, store_away, unknown_user
from bentos.scorer.requests import Values
from propensity.events.event import HOUR
from propensity.features.definition import FEATURES
from propensity.features.online import default_row

ABOUT_USER: Final = tuple(place for place, feature in enumerate(FEATURES) if feature.window != "cutoff")
"""The columns that only the request or the store can know."""

pack: Final = struct.Struct(f"<{len(FEATURES)}f").pack
"""Turns a row into bytes; rounds to float32 as numpy does."""


class Absent(Enum):
    """Why the store gave no row."""

    UNKNOWN_USER = "unknown_user"
    STORE_AWAY = "store_away"
    NO_STORE = "no_store"


_PROBLEMS: Final = {
    Absent.UNKNOWN_USER: unknown_user,
    Absent.STORE_AWAY: store_away,
    Absent.NO_STORE: no_store,
}

Stored = list[float] | Absent


class Defaults:
    """The row of a user nothing is known of, made once an hour, which is how often it changes."""

    def __init__(self) -> None:
        self._made: tuple[int, list[float]] = (-1, [])

    def at(self, cutoff: int) -> list[float]:
        """Return the default row at a cutoff; not to be written to."""
        hour, row = self._made
        if hour != cutoff // HOUR:
            row = default_row(cutoff)
            self._made = (cutoff // HOUR, row)
        return row


def is_whole(values: Values) -> bool:
    """Whether every value is given: a sum with NaN is NaN."""
    total = sum(values)
    return total == total  # noqa: PLR0124 - NaN


def filled(values: Values, *, rest: Sequence[float]) -> bytes:
    """Return the packed row of the values, with those of `rest` where there is none."""
    if is_whole(values):
        return pack(*values)
    return pack(*[value if value == value else other for value, other in zip(values, rest, strict=True)])  # noqa: PLR0124 - NaN


def is_nothing_given(values: Values) -> bool:
    """Whether the request gave nothing about the user: an hour alone says nothing of who buys."""
    return all(isnan(values[place]) for place in ABOUT_USER)


def complete(values: Values, *, stored: Stored, defaults: Sequence[float]) -> tuple[bytes, FeaturesFrom]:
    """Return the row filled from the store or the defaults, and which; a Problem where there is nothing to go by."""
    if isinstance(stored, Absent):
        if is_nothing_given(values):
            make_problem = _PROBLEMS[stored]
            raise make_problem()
        return filled(values, rest=defaults), "default"
    return filled(values, rest=stored), "store" if is_nothing_given(values) else "mixed"
