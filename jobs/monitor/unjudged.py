"""Windows that can't be judged yet: described for whoever looks, and never kept, so that a later run judges them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from msgspec import structs

from jobs.monitor import due, quality
from propensity.lifecycle.retraining import record_decision
from propensity.settings import Settings
from propensity.store import MonitorWindow, Store
from propensity.store.findings import Drift

HALF_SCORED: Final = "The score job has not finished a cutoff of the window; a later run judges it."


@dataclass(frozen=True, kw_only=True)
class Unjudged:
    """Describes windows of one model version that wait for events or scores."""

    store: Store
    settings: Settings
    version: str

    def late(self, end: int, *, watermark: int, now: int, clock: Callable[[], int]) -> MonitorWindow:
        """Return a window whose events are late, after saying so in the ledger: once for each window."""
        window = self.of(end, watermark=watermark, now=now)
        entry = record_decision(
            "stale data",
            window_end=end,
            reason=window.quality.stale,
            evidence={},
            store=self.store,
            clock=clock,
            for_now=True,
        )
        return structs.replace(window, decision=entry.state, reason=entry.reason, sequence=entry.sequence)

    def of(self, end: int, *, watermark: int, now: int) -> MonitorWindow:
        """Return a window with the state of its events, and why it is not judged."""
        start = end - due.length_of(self.settings)
        state = quality.assess(
            self.store,
            start=start,
            end=end,
            watermark=watermark,
            silence=quality.longest_silence(self.store, end=end),
            now=now,
            settings=self.settings,
        )
        why = state.stale or HALF_SCORED
        return MonitorWindow(
            version=self.version,
            start=start,
            end=end,
            at=now,
            quality=state,
            drift=Drift(judged=False, reason=why),
            reason=why,
        )
