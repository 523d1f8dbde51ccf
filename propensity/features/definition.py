"""The one definition of every feature: docs, schema, dashboard, training and the service read it here.

A feature describes one user at one cutoff and uses the user's events in `[cutoff - 30 d, cutoff)` that were known
then, at most the newest HISTORY_LIMIT of them. All of it is counted in integers below 2**53; the last operation is one
division by the feature's `divisor`. So the vectorised form (offline) and the one-user form (online) agree to the last
bit, whatever the order of events.

Words: an event's *age* is `cutoff - event_time`. A window of w holds the events with age <= w, that is
`event_time >= cutoff - w`. A *session* starts with an event that comes over 30 minutes after the user's event before
it (or has none before it in the history); a log's own session ids are kept, not used, because most logs have none.
An event is *known* at a cutoff when `ingested_at <= cutoff`, or, for a back-fill, `event_time + lag <= cutoff`.
A product is *in the cart* when its last cart event is later than its last removal and its last purchase; at the same
instant it is not. Events without a product id count as one product there, so that a log without ids still has carts.
Its price is the highest known one among its cart events at that last instant.
"""

from dataclasses import dataclass
from typing import Final

from propensity.events.event import DAY, HOUR, MICROS

VERSION: Final = 1
"""Raised by one when a feature is added, removed or computed differently."""
SERVED_VERSIONS: Final = (VERSION,)
"""What this image can compute; a model of another version is not ready and says why. Raising VERSION means to keep the
formulas of the one before beside the new ones, and to name both here."""

HORIZON: Final = 30 * DAY
"""How far back a feature looks."""
LABEL_WINDOW: Final = DAY
SESSION_GAP: Final = 30 * 60 * MICROS
HISTORY_LIMIT: Final = 5_000
"""Events of one user that a feature row looks at, newest first: it bounds what a request can cost."""

MINOR_UNITS: Final = 100
"""Minor units (cents) in one unit of a currency."""
EPOCH_WEEKDAY: Final = 3
"""1 January 1970 was a Thursday, and Monday is 0."""

WINDOWS: Final = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY}
PLURALS: Final = {
    "view": "views",
    "favorite": "favorites",
    "cart": "carts",
    "remove_from_cart": "removals",
    "purchase": "purchases",
}

WEIGHT_SCALE: Final = 1 << 20
"""What one fresh event weighs in a decayed count before the final division."""


def decay_weights(half_life_hours: int) -> tuple[int, ...]:
    """Return the integer weight of an event by its whole hours of age, 0 to 720 (the oldest an event can be).

    `round(2**20 * 2**(-age / half_life))`, so that a decayed count is a sum of integers.
    """
    return tuple(round(WEIGHT_SCALE * 2.0 ** (-age / half_life_hours)) for age in range(HORIZON // HOUR + 1))


@dataclass(frozen=True, kw_only=True)
class Decay:
    """A decayed count: which event types it adds up, each with its integer weight, and how fast they fade."""

    half_life_hours: int
    type_weights: dict[str, int]
    scale: int = 1
    """What the sum of type weights is divided by, beside WEIGHT_SCALE."""

    @property
    def divisor(self) -> int:
        """What the sum of integer weights is divided by."""
        return WEIGHT_SCALE * self.scale


DECAYS: Final = {
    "decayed_events": Decay(half_life_hours=12, type_weights=dict.fromkeys(PLURALS, 1)),
    "decayed_interest": Decay(half_life_hours=48, type_weights={"cart": 1, "favorite": 1}),
    "decayed_purchases": Decay(half_life_hours=168, type_weights={"purchase": 1}),
    "purchase_intent": Decay(
        half_life_hours=24,
        type_weights={"view": 1, "favorite": 3, "cart": 10, "remove_from_cart": -6, "purchase": 0},
        scale=10,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One number about one user at one cutoff."""

    name: str
    description: str
    unit: str
    window: str
    """How far back it looks, or `cutoff` where it describes the moment itself."""
    default: float = 0.0
    """What an unknown user has: the value of an empty history."""
    minimum: float = 0.0
    maximum: float = 1e9
    """Bounds that a value given in a request must keep."""
    integer: bool = False
    """Whether only whole numbers make sense."""
    divisor: int = 1
    """What both forms divide the integer they count by, to have it in the feature's unit."""


def _counts() -> list[Feature]:
    return [
        Feature(
            name=f"{plural}_{window}",
            description=f"{event_type.replace('_', ' ').capitalize()} events in the last {window}.",
            unit="events",
            window=window,
            integer=True,
        )
        for event_type, plural in PLURALS.items()
        for window in WINDOWS
    ]


FEATURES: Final[tuple[Feature, ...]] = (
    Feature(
        name="last_activity_hours",
        description="Hours since the user's last event.",
        unit="hours",
        window="30d",
        default=720.0,
        divisor=HOUR,
    ),
    Feature(
        name="cart_count",
        description="Products in the cart now: carted in the last 30 d, neither removed nor bought since.",
        unit="products",
        window="30d",
        integer=True,
    ),
    Feature(
        name="session_duration",
        description="Minutes between the first and the last event of the user's last session.",
        unit="minutes",
        window="30d",
        divisor=60 * MICROS,
    ),
    *_counts(),
    Feature(
        name="days_since_last_purchase",
        description="Days since the last purchase; 30 where there is none in the window.",
        unit="days",
        window="30d",
        default=30.0,
        divisor=DAY,
    ),
    Feature(
        name="purchase_days_30d",
        description="Different days with a purchase in the last 30 d, days counted back from the cutoff.",
        unit="days",
        window="30d",
        maximum=31.0,
        integer=True,
    ),
    Feature(
        name="active_days_30d",
        description="Different days with any event in the last 30 d, days counted back from the cutoff.",
        unit="days",
        window="30d",
        maximum=31.0,
        integer=True,
    ),
    Feature(
        name="sessions_24h",
        description="Sessions that began in the last 24 h.",
        unit="sessions",
        window="24h",
        integer=True,
    ),
    Feature(
        name="sessions_7d",
        description="Sessions that began in the last 7 d.",
        unit="sessions",
        window="7d",
        integer=True,
    ),
    Feature(
        name="decayed_events",
        description="All events, each fading with a half-life of 12 h.",
        unit="events",
        window="30d",
        divisor=DECAYS["decayed_events"].divisor,
    ),
    Feature(
        name="decayed_interest",
        description="Cart and favourite events, each fading with a half-life of 48 h.",
        unit="events",
        window="30d",
        divisor=DECAYS["decayed_interest"].divisor,
    ),
    Feature(
        name="decayed_purchases",
        description="Purchases, each fading with a half-life of 7 d.",
        unit="events",
        window="30d",
        divisor=DECAYS["decayed_purchases"].divisor,
    ),
    Feature(
        name="purchase_intent",
        description=(
            "Purchase intent score: (views + 3 favourites + 10 carts - 6 removals) / 10, "
            "each event fading with a half-life of 24 h."
        ),
        unit="score",
        window="30d",
        minimum=-1e9,
        divisor=DECAYS["purchase_intent"].divisor,
    ),
    Feature(
        name="products_7d",
        description="Different products touched in the last 7 d, of those whose id is known.",
        unit="products",
        window="7d",
        integer=True,
    ),
    Feature(
        name="categories_7d",
        description="Different categories touched in the last 7 d, of those whose id is known.",
        unit="categories",
        window="7d",
        integer=True,
    ),
    Feature(
        name="spend_30d",
        description="Value of the purchases of the last 30 d, where prices are known.",
        unit="currency",
        window="30d",
        maximum=1e12,
        divisor=MINOR_UNITS,
    ),
    Feature(
        name="cart_value",
        description="Value of the products in the cart now, each at its price when last carted, where known.",
        unit="currency",
        window="30d",
        maximum=1e12,
        divisor=MINOR_UNITS,
    ),
    Feature(
        name="hour_of_day",
        description="Hour of the cutoff, UTC.",
        unit="hour",
        window="cutoff",
        maximum=23.0,
        integer=True,
    ),
    Feature(
        name="day_of_week",
        description="Weekday of the cutoff, UTC; Monday is 0.",
        unit="weekday",
        window="cutoff",
        maximum=6.0,
        integer=True,
    ),
)

NAMES: Final = tuple(feature.name for feature in FEATURES)
"""The columns of a feature row, in order."""
