"""Events: what one is, and how the logs of other systems name it."""

from propensity.events.event import (
    EVENT_TYPES,
    MICROS,
    Event,
    Reason,
    Refusal,
)

__all__ = ["EVENT_TYPES", "MICROS", "Event", "Reason", "Refusal"]
