"""Which window is to be judged now: over by the events, and whole in its scores; one that only the clock ended never is.

A log that comes once a day brings a window's events hours after its end, and one that was away brings them days after.
So a window waits for its events: while they are late, the ledger says `stale data`, once, and the record is left to
the run that sees them. A score job that still writes is waited for in the same way, until the next window is over.
"""

from typing import Final, NamedTuple

from propensity.events.event import HOUR
from propensity.settings import Settings
from propensity.store import MonitorWindow, Store

CUTOFFS: Final = 1_000
"""Newest cutoffs looked at: a score every hour for six weeks."""


class Due(NamedTuple):
    """The window that a run is about."""

    end: int
    known: MonitorWindow | None
    """Its record, where it was judged before."""
    is_open: bool
    """Whether its scores are waited for."""


def window_due(store: Store, *, version: str, watermark: int, settings: Settings) -> Due:
    """Return the newest window that is over; the one before, where that waited for its scores until now."""
    newest = end_by_events(watermark, settings=settings)
    known = store.windows.get(version, newest)
    if known is not None or not half_scored(store, end=newest, settings=settings):
        return Due(newest, known, is_open=False)
    before = newest - length_of(settings)
    if store.windows.get(version, before) is None:
        return Due(before, None, is_open=False)
    return Due(newest, None, is_open=True)


def length_of(settings: Settings) -> int:
    """Return how long a window is, in microseconds."""
    return settings.monitor_window_hours * HOUR


def end_by_events(watermark: int, *, settings: Settings) -> int:
    """Return the end of the newest window after which an event has come."""
    return watermark // length_of(settings) * length_of(settings)


def end_by_clock(watermark: int, *, now: int, settings: Settings) -> int | None:
    """Return the end of the newest window that is over by the clock alone, where no event has come for too long."""
    end = now // length_of(settings) * length_of(settings)
    is_late = now - watermark > settings.stale_after_hours * HOUR
    return end if is_late and end > watermark else None


def has_stopped(watermark: int, *, now: int, settings: Settings) -> bool:
    """Whether the feed has been silent for longer than a window and the time it may be late: nothing is judged then."""
    return now - watermark > settings.stale_after_hours * HOUR + length_of(settings)


def half_scored(store: Store, *, end: int, settings: Settings) -> bool:
    """Whether a score job has begun a cutoff of the window that ends at `end`, and has not finished it."""
    finished = set(store.scores.finished(CUTOFFS))
    within = (cutoff for cutoff in store.scores.cutoffs(CUTOFFS) if end - length_of(settings) < cutoff <= end)
    return any(cutoff not in finished for cutoff in within)
