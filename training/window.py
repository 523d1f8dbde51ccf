"""The stretch of time a log really covers, whatever a few wrong clocks say.

The watermark is the time of the last event: what is later than a day before it has no mature label. One event years
off would move both ends and leave every period empty, so the outermost thousandth does not count where it stands far
apart.
"""

from dataclasses import dataclass
from typing import Final

from propensity.errors import UnusableTrainingData
from propensity.events.event import DAY, HOUR
from propensity.store.protocol import EventStore

STRAY_SHARE: Final = 0.001
"""Share of events at either end that may be strays."""
STRAY_DISTANCE: Final = 3 * DAY
"""How far the last events must lie behind the rest to be strays and not simply the newest."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """First event and watermark, without strays."""

    first: int
    last: int
    events: int
    """Events stored in it."""
    warnings: tuple[str, ...] = ()


def find_window(events: EventStore, *, now: int) -> Window:
    """Find what the stored log covers; UnusableTrainingData while it is empty."""
    summary = events.summary()
    if summary.first_time is None or summary.last_time is None:
        raise UnusableTrainingData("The store holds no events. Ingest a log first: `propensity ingest FILE`.")
    first, latest = summary.first_time, min(summary.last_time, now)
    allowed = int(summary.events * STRAY_SHARE)
    usual = events.time_at_rank(allowed)
    if usual is not None and usual >= first + HOUR:
        first = usual
    counted = summary.events - events.count_before(first)
    last = events.time_at_rank(allowed, newest=True)
    if last is None or not first < latest - STRAY_DISTANCE > last:
        return Window(first=first, last=latest, events=counted)
    late = sum(events.types_since(latest - STRAY_DISTANCE).values())
    warning = f"{late:,} events lie days later than all others; they are taken for wrong clocks."
    counted -= sum(events.types_since(last).values())
    return Window(first=first, last=last, events=counted, warnings=(warning,))
