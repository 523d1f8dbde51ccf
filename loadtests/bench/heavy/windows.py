"""What the hand-written engines agree on: lengths, tables of weights, names, and a checksum over all integers.

Written down a second time on purpose: the other side of a comparison must not borrow from this one.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MICROS: Final = 1_000_000
HOUR: Final = 3_600 * MICROS
DAY: Final = 24 * HOUR
HORIZON: Final = 30 * DAY
SESSION_GAP: Final = 1_800 * MICROS
WINDOWS: Final = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
PLURALS: Final = {
    "view": "views",
    "favorite": "favorites",
    "cart": "carts",
    "remove_from_cart": "removals",
    "purchase": "purchases",
}
DECAYS: Final[dict[str, tuple[int, dict[str, int]]]] = {
    "decayed_events": (12, dict.fromkeys(PLURALS, 1)),
    "decayed_interest": (48, {"cart": 1, "favorite": 1}),
    "decayed_purchases": (168, {"purchase": 1}),
    "purchase_intent": (24, {"view": 1, "favorite": 3, "cart": 10, "remove_from_cart": -6}),
}
"""Half-life in hours, and the weight of each type."""


def weights(half_life_hours: int) -> NDArray[np.int64]:
    """Return the integer weight of an event by its whole hours of age."""
    return np.array([round(2**20 * 2.0 ** (-age / half_life_hours)) for age in range(721)])


def checksum(users: Sequence[str], columns: Mapping[str, Any]) -> str:
    """Return a digest of who is there and of every integer, the rows sorted by user."""
    order = np.argsort(np.array(users, dtype=object).astype(str))
    total = hashlib.sha256("\n".join(np.array(users, dtype=object)[order]).encode())
    for name in sorted(columns):
        total.update(name.encode() + np.asarray(columns[name]).astype("<i8")[order].tobytes())
    return total.hexdigest()
