"""From what was given and what the store knows to the row a model is asked about.

Given values win. The hour and weekday describe the moment, not the user: they are filled in from the cutoff and never
make a row depend on the store.
"""

from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bentos.scorer.answers import FeaturesFrom
from bentos.scorer.problems import no_store, store_away, unknown_user
from bentos.scorer.requests import Values
from propensity.events.event import HOUR
from propensity.features.definition import FEATURES
from propensity.features.online import default_row

Row = NDArray[np.float32]

ABOUT_USER: Final = np.array([feature.window != "cutoff" for feature in FEATURES])
"""Which columns only the request or the store can know."""


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
        self._hour = -1
        self._row: Row = np.zeros(len(FEATURES), dtype=np.float32)

    def at(self, cutoff: int) -> Row:
        """Return the default row at a cutoff; not to be written to."""
        hour = cutoff // HOUR
        if hour != self._hour:
            self._row = np.array(default_row(cutoff), dtype=np.float32)
            self._hour = hour
        return self._row


def as_row(values: Values) -> Row:
    """Return the values given as a row with NaN where there is none."""
    return np.array(values, dtype=np.float32)


def is_complete(row: Row, *, needed: NDArray[np.bool_]) -> bool:
    """Whether the request gave every value about the user that the model looks at."""
    return not np.isnan(row[needed]).any()


def fill(row: Row, *, rest: Row) -> None:
    """Put the values of `rest` where the row has none."""
    np.copyto(row, rest, where=np.isnan(row))


def complete(row: Row, *, stored: Stored, defaults: Row) -> FeaturesFrom:
    """Fill the row from the store or the defaults and say which; a Problem where there is nothing to go by."""
    nothing_given = bool(np.isnan(row).all())
    if isinstance(stored, Absent):
        if nothing_given:
            make_problem = _PROBLEMS[stored]
            raise make_problem()
        fill(row, rest=defaults)
        return "default"
    fill(row, rest=np.array(stored, dtype=np.float32))
    return "store" if nothing_given else "mixed"
