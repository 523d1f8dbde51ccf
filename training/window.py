"""The stretch of time a log really covers, whatever a few wrong clocks say.

The watermark is the time of the last event: what is later than a day before it has no mature label. One event years
off would move both ends and leave every period empty, so the outermost thousandth does not count where it stands far
apart.
"""

from collections.abc import Callable
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
    earliest, latest, total = summary.first_time, min(summary.last_time, now), summary.events

    def since(time: int) -> int:
        return sum(events.types_since(time).values())

    allowed = total * STRAY_SHARE
    first = earliest
    if total - since(earliest + HOUR) <= allowed:
        first = _last_time(lambda time: total - since(time) <= allowed, low=earliest, high=latest)
    late = since(latest - STRAY_DISTANCE)
    if 0 < late <= allowed and latest - STRAY_DISTANCE > first:
        last = _last_time(lambda time: since(time) > allowed, low=first, high=latest)
        warning = f"{late:,} events lie days later than all others; they are taken for wrong clocks."
        return Window(first=first, last=last, events=since(first) - since(last), warnings=(warning,))
    return Window(first=first, last=latest, events=since(first))


def _last_time(holds: Callable[[int], bool], *, low: int, high: int) -> int:
    """Return the latest time, to the hour, at which a condition that starts true still holds."""
    while high - low > HOUR:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low
