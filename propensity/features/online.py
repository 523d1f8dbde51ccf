"""One user's feature row in plain Python: what the service computes from a bounded read while a request waits.

`offline` computes the same numbers for all users at once; tests/features compares the two bit by bit. Nothing here
imports Polars or numpy, because the service's image has no use for them.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from operator import attrgetter
from typing import Final, Protocol

from propensity.events import EVENT_TYPES, Event
from propensity.events.event import DAY, HOUR
from propensity.features.definition import (
    DECAYS,
    EPOCH_WEEKDAY,
    FEATURES,
    HISTORY_LIMIT,
    HORIZON,
    PLURALS,
    SESSION_GAP,
    WINDOWS,
    Decay,
    decay_weights,
)

_newest_first = attrgetter("event_time", "event_id")
_WEIGHTS: Final = {decay.half_life_hours: decay_weights(decay.half_life_hours) for decay in DECAYS.values()}
_BEFORE_ALL: Final = HORIZON + 2 * SESSION_GAP
"""An age that makes the oldest event begin a session."""


class UserEvents(Protocol):
    """The part of a store that a user's features are read from."""

    def of_user(self, user_id: str, *, since: int, until: int, lag: int, limit: int) -> list[Event]:
        """Return at most `limit` of the user's events known at `until`, newest first."""

    def knows(self, user_id: str) -> bool:
        """Whether any event of this user is stored."""


class History:
    """A user's usable events at a cutoff, brought into the few shapes that the formulas need."""

    def __init__(self, events: Sequence[Event], *, cutoff: int, limit: int) -> None:
        """Keep the newest `limit` of the events in the 30 d before the cutoff."""
        usable = [event for event in events if cutoff - HORIZON <= event.event_time < cutoff]
        usable.sort(key=_newest_first, reverse=True)
        self.cutoff = cutoff
        self.events = usable[:limit]
        self.ages = [cutoff - event.event_time for event in self.events]
        """Ascending, as all ages here."""
        self.ages_of: dict[str, list[int]] = {event_type: [] for event_type in EVENT_TYPES}
        for event, age in zip(self.events, self.ages, strict=True):
            self.ages_of[event.event_type].append(age)
        self.hours_of = {
            event_type: [age // HOUR for age in ages] for event_type, ages in self.ages_of.items()
        }
        self.session_starts = [
            age for age, older in pairwise((*self.ages, _BEFORE_ALL)) if older - age > SESSION_GAP
        ]
        self.last_7d = self.events[: bisect_right(self.ages, WINDOWS["7d"])]
        self.cart = _open_cart(self.events)


def _open_cart(newest_first: Sequence[Event]) -> dict[str | None, int]:
    """Return the products in the cart with their price in minor units; those without a product id are one product."""
    closed: dict[str | None, int] = {}
    carted: dict[str | None, tuple[int, int]] = {}
    for event in newest_first:
        product, time = event.product_id, event.event_time
        if event.event_type in {"remove_from_cart", "purchase"}:
            closed.setdefault(product, time)
        elif event.event_type == "cart":
            carted[product] = max((time, event.price or 0), carted.get(product, (0, 0)))
    return {product: price for product, (time, price) in carted.items() if time > closed.get(product, 0)}


def _age_of_newest(ages: Sequence[int]) -> int:
    return ages[0] if ages else HORIZON


def _session_micros(history: History) -> int:
    return history.session_starts[0] - history.ages[0] if history.ages else 0


def _different_days(ages: Sequence[int]) -> int:
    return len({age // DAY for age in ages})


def _spend(history: History) -> int:
    return sum(event.price or 0 for event in history.events if event.event_type == "purchase")


def _count(history: History, *, event_type: str, width: int) -> int:
    return bisect_right(history.ages_of[event_type], width)


def _decayed(history: History, *, decay: Decay) -> int:
    weight_at = _WEIGHTS[decay.half_life_hours].__getitem__
    return sum(
        weight * sum(map(weight_at, history.hours_of[event_type]))
        for event_type, weight in decay.type_weights.items()
        if weight
    )


FORMULAS: Final[dict[str, Callable[[History], int]]] = {
    "last_activity_hours": lambda history: _age_of_newest(history.ages),
    "cart_count": lambda history: len(history.cart),
    "session_duration": _session_micros,
    **{
        f"{plural}_{window}": partial(_count, event_type=event_type, width=width)
        for event_type, plural in PLURALS.items()
        for window, width in WINDOWS.items()
    },
    "days_since_last_purchase": lambda history: _age_of_newest(history.ages_of["purchase"]),
    "purchase_days_30d": lambda history: _different_days(history.ages_of["purchase"]),
    "active_days_30d": lambda history: _different_days(history.ages),
    "sessions_24h": lambda history: bisect_right(history.session_starts, WINDOWS["24h"]),
    "sessions_7d": lambda history: bisect_right(history.session_starts, WINDOWS["7d"]),
    **{name: partial(_decayed, decay=decay) for name, decay in DECAYS.items()},
    "products_7d": lambda history: len({event.product_id for event in history.last_7d} - {None}),
    "categories_7d": lambda history: len({event.category_id for event in history.last_7d} - {None}),
    "spend_30d": _spend,
    "cart_value": lambda history: sum(history.cart.values()),
    "hour_of_day": lambda history: history.cutoff // HOUR % 24,
    "day_of_week": lambda history: (history.cutoff // DAY + EPOCH_WEEKDAY) % 7,
}
"""How the integer behind each feature of the definition is counted from a History."""


def features_of(events: Sequence[Event], *, cutoff: int, limit: int = HISTORY_LIMIT) -> list[float]:
    """Return one user's feature row at the cutoff, in the order of NAMES.

    The events may come in any order and reach beyond the 30 d before the cutoff, which alone are used. They must have
    been known at the cutoff: a store's `of_user` sees to that.
    """
    history = History(events, cutoff=cutoff, limit=limit)
    return [FORMULAS[feature.name](history) / feature.divisor for feature in FEATURES]


def default_row(cutoff: int) -> list[float]:
    """Return the feature row of a user of whom nothing is known."""
    return features_of((), cutoff=cutoff)


def user_features(store: UserEvents, user_id: str, *, cutoff: int, lag: int) -> list[float] | None:
    """Return a user's feature row by one indexed, bounded read; None where the store doesn't know the user."""
    events = store.of_user(user_id, since=cutoff - HORIZON, until=cutoff, lag=lag, limit=HISTORY_LIMIT)
    if not events and not store.knows(user_id):
        return None
    return features_of(events, cutoff=cutoff)
