"""A look at one window: the state of its events and how far its users are from the reference; nothing is decided.

Drift is asked to persist, so windows that were missed while nothing ran are looked at when the next run comes.
"""

from dataclasses import dataclass
from typing import Final

from jobs.monitor import quality
from jobs.monitor.drift.reference import Reference
from jobs.monitor.drift.sample import Sample
from jobs.monitor.drift.trigger import limits_of
from jobs.monitor.drift.verdict import judge
from jobs.monitor.drift.window import window_sample
from jobs.monitor.quality import Silence
from propensity.events.event import HOUR
from propensity.settings import Settings
from propensity.store import MonitorWindow, Store
from propensity.store.findings import Drift, Quality

NO_REFERENCE: Final = "The champion's training kept no reference rows. Train a new version."


@dataclass(frozen=True, kw_only=True)
class Found:
    """What was found in one window, before anything is decided."""

    start: int
    end: int
    sample: Sample
    silence: Silence
    quality: Quality
    drift: Drift


@dataclass(frozen=True, kw_only=True)
class Eyes:
    """Looks at windows on behalf of one model version."""

    store: Store
    settings: Settings
    version: str
    digest: str
    reference: Reference | None

    def look(self, end: int, *, before: list[Drift], watermark: int, now: int) -> Found:
        """Look at the window that ends at `end`; `before` are the verdicts on those just before it."""
        start = end - self.settings.monitor_window_hours * HOUR
        silence = quality.longest_silence(self.store, end=end)
        state = quality.assess(
            self.store,
            start=start,
            end=end,
            watermark=watermark,
            silence=silence,
            now=now,
            settings=self.settings,
        )
        sample = window_sample(
            self.store,
            version=self.version,
            digest=self.digest,
            start=start,
            end=end,
            max_users=self.settings.drift_max_users,
        )
        drift = self._judge(sample, stale=state.stale, before=before)
        return Found(start=start, end=end, sample=sample, silence=silence, quality=state, drift=drift)

    def catch_up(self, end: int, *, watermark: int, now: int) -> list[Drift]:
        """Return the verdicts on the windows just before `end`, looking at those that were missed, oldest first."""
        verdicts: list[Drift] = []
        for back in range(self.settings.drift_windows - 1, 0, -1):
            earlier = end - back * self.settings.monitor_window_hours * HOUR
            window = self.store.windows.get(self.version, earlier)
            if window is None:
                found = self.look(earlier, before=verdicts, watermark=watermark, now=earlier)
                if not len(found.sample):
                    continue
                window = keep(self._record(found, now=now), store=self.store)
            verdicts.append(window.drift)
        return verdicts

    def _judge(self, sample: Sample, *, stale: str, before: list[Drift]) -> Drift:
        if stale or self.reference is None:
            return Drift(judged=False, reason=stale or NO_REFERENCE, users=sample.user_count)
        return judge(sample, self.reference, before=before, limits=limits_of(self.settings))

    def _record(self, found: Found, *, now: int) -> MonitorWindow:
        return MonitorWindow(
            version=self.version,
            start=found.start,
            end=found.end,
            at=now,
            quality=found.quality,
            drift=found.drift,
        )


def keep(window: MonitorWindow, *, store: Store) -> MonitorWindow:
    """Write a record; where another run was first, its record is the one that counts."""
    if store.windows.add(window):
        return window
    return store.windows.get(window.version, window.end) or window
