"""The state of a window's events, and whether anything may be decided on them.

A feed that stopped makes every user look idle and every outcome a miss: it is `stale data`, and no reason to retrain.
It still shows in the features of seven days when it is back, so a silence counts for a week.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import numpy as np

from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.settings import Settings
from propensity.store import Store
from propensity.store.findings import Quality

MEMORY: Final = 7 * DAY
"""How long a silence stays in the features that weigh most."""
OPTIONAL: Final = ("product_id", "category_id", "price", "session_id")
FAR: Final = 3.0
"""Quartile distances from which a price is an outlier (Tukey's far out)."""
BINS_PER_E: Final = 10
"""Steps of the logarithm of prices that are counted, so that memory does not grow with the window."""
DECIDING: Final = ("cart", "purchase")
"""Types whose loss looks like users who lost interest; views are most events, and are missed by their number."""
FEW: Final = 100
"""Events of a week ago below which their number says nothing of today's."""


class Silence(NamedTuple):
    """A stretch without any event."""

    start: int
    end: int

    @property
    def hours(self) -> float:
        """How long it was."""
        return (self.end - self.start) / HOUR


@dataclass
class _Count:
    """What is counted of a window's events, chunk by chunk."""

    events: int = 0
    users: int = 0
    busiest: int = 0
    types: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    prices: Counter[int] = field(default_factory=Counter)

    def add(self, chunk: list[Event]) -> None:
        """Count a chunk of whole users."""
        per_user = Counter(event.user_id for event in chunk)
        self.events += len(chunk)
        self.users += len(per_user)
        self.busiest = max(self.busiest, *per_user.values())
        self.types.update(event.event_type for event in chunk)
        for name in OPTIONAL:
            self.missing[name] += sum(getattr(event, name) is None for event in chunk)
        prices = np.array([event.price for event in chunk if event.price], dtype=np.float64)
        self.prices.update(np.floor(BINS_PER_E * np.log(prices)).astype(int).tolist())


def assess(
    store: Store, *, start: int, end: int, watermark: int, silence: Silence, now: int, settings: Settings
) -> Quality:
    """Describe the events of `[start, end)` and say whether they are stale."""
    count = _Count()
    for chunk in store.events.scan(since=start, until=end):
        count.add(chunk)
    (before,) = store.events.histogram(since=start - 7 * DAY, until=end - 7 * DAY, width=end - start)
    behind = max(0, now - watermark) / HOUR
    return Quality(
        events=count.events,
        events_week_before=before,
        users=count.users,
        by_type=dict(count.types),
        missing={name: count.missing[name] / count.events for name in OPTIONAL if count.events},
        price_outliers=price_outliers(count.prices),
        busiest_user_share=count.busiest / max(count.events, 1),
        refused=store.refused.counts(since=start, until=end),
        watermark=watermark,
        hours_behind=round(behind, 3),
        longest_silence_hours=round(silence.hours, 3),
        stale=staleness(
            events=count.events,
            before=before,
            behind_hours=behind
            if watermark < end
            else 0,  # late or not, what came after its end says it is whole
            silence=silence,
            settings=settings,
        )
        or lost_type(store, count.types, start=start, end=end),
    )


def longest_silence(store: Store, *, end: int) -> Silence:
    """Return the longest run of whole hours without an event in the week before `end`, since the log's first one."""
    first = store.events.summary().first_time
    since = max(end - MEMORY, -(-(first or end) // HOUR) * HOUR)
    since = end - (end - since) // HOUR * HOUR
    longest, began = Silence(end, end), since
    for number, events in enumerate(store.events.histogram(since=since, until=end, width=HOUR)):
        here = since + (number + 1) * HOUR
        if events:
            began = here
        elif here - began > longest.end - longest.start:
            longest = Silence(began, here)
    return longest


def staleness(*, events: int, before: int, behind_hours: float, silence: Silence, settings: Settings) -> str:
    """Say why nothing should be decided on these events; empty where all is well."""
    limit = settings.stale_after_hours
    if behind_hours > limit:
        return f"No event has arrived for {behind_hours:.1f} hours (limit {limit:g})."
    if silence.hours > limit:
        return f"The feed was silent for {silence.hours:.0f} hours within the last week (limit {limit:g})."
    if before >= FEW and events < settings.min_volume_share * before:
        return (
            f"The window holds {events:,} events, under {settings.min_volume_share:.0%} of the {before:,} of the same "
            "hours a week before: a part of the feed is missing."
        )
    return ""


def lost_type(store: Store, types: Counter[str], *, start: int, end: int) -> str:
    """Say which type of event has stopped while others go on; empty where none has."""
    for kind in DECIDING:
        if types.total() and not types[kind]:
            week_before = store.events.scan(since=start - 7 * DAY, until=end - 7 * DAY, event_type=kind)
            before = sum(len(chunk) for chunk in week_before)
            if before >= FEW:
                return (
                    f"The window holds no {kind}, and there were {before:,} in the same hours a week before: a part of "
                    "the feed is missing."
                )
    return ""


def price_outliers(prices: Counter[int]) -> float:
    """Return the share of prices far out, from counts by step of their logarithm."""
    total = sum(prices.values())
    if not total:
        return 0.0
    steps = np.array(sorted(prices), dtype=np.float64)
    counts = np.array([prices[int(step)] for step in steps])
    ranks = counts.cumsum()
    low, high = steps[np.searchsorted(ranks, [0.25 * total, 0.75 * total])]
    reach = FAR * max(high - low, 1.0)
    return float(counts[(steps < low - reach) | (steps > high + reach)].sum() / total)
