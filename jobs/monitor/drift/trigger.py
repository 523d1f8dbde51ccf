"""When a verdict on drift is a reason to retrain, and the limits it is judged by."""

from typing import Final

from jobs.monitor.drift.verdict import Limits
from propensity.lifecycle.trigger import Trigger
from propensity.settings import Settings
from propensity.store.findings import Drift

NAMED: Final = 5
"""Features named in a sentence; the record has all of them."""


def limits_of(settings: Settings) -> Limits:
    """Return the verdict's limits as they are set."""
    return Limits(
        min_users=settings.drift_min_users,
        min_effect=settings.drift_min_effect,
        false_discovery=settings.drift_false_discovery,
        persistence=settings.drift_persistence,
        windows=settings.drift_windows,
    )


def drift_trigger(found: Drift, *, window_end: int) -> Trigger | None:
    """Return the reason to retrain, where a feature or the score has drifted for long enough."""
    if not found.judged or not found.persistent:
        return None
    shifts = {one.name: one for one in found.features}
    largest = sorted(
        found.persistent, key=lambda name: -max(abs(shifts[name].shift), abs(shifts[name].spread))
    )
    named = ", ".join(f"{name} ({shifts[name].shift:+.2f})" for name in largest[:NAMED])
    more = f" and {len(largest) - NAMED} more" if len(largest) > NAMED else ""
    return Trigger(
        kind="drift",
        reason=f"{named}{more} have drifted from the reference days, and stay so.",
        evidence={
            name: {"shift": shifts[name].shift, "spread": shifts[name].spread, "p": shifts[name].p_value}
            for name in largest
        },
        window_end=window_end,
    )
