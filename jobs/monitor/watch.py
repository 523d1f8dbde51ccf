"""One run of the monitor: outcomes, quality, drift, performance, volume, and what follows from them.

A run is about the newest window that is over (`due`), and may be made again: the window's record is written last, and
where it is there the run only joins what outcomes have become known. Whatever stops a run, the next one does the rest:
every write before the record is idempotent by a key of its own. Windows that were missed are judged for drift when the
next run comes, because drift is asked to persist; only the newest window decides.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.monitor import due, performance, volume
from jobs.monitor.drift import report
from jobs.monitor.drift.origin import reference_of
from jobs.monitor.drift.reference import Reference
from jobs.monitor.drift.sample import Sample
from jobs.monitor.drift.trigger import drift_trigger
from jobs.monitor.look import Eyes, Found, keep
from jobs.monitor.outcomes import join_outcomes, mature_until
from jobs.monitor.retention import drop_old
from jobs.monitor.unjudged import Unjudged
from propensity.bundle import ModelDocument
from propensity.campaign.outcomes import touched
from propensity.events.event import DAY, HOUR
from propensity.lifecycle.champion import bundle_of, champion_of
from propensity.lifecycle.retraining import record_decision, request_retraining
from propensity.lifecycle.slot import IsGone, Start
from propensity.lifecycle.trigger import Trigger
from propensity.settings import Settings
from propensity.store import Champion, LedgerEntry, MonitorWindow, Store
from propensity.store.findings import Drift, Performance, Volume

if TYPE_CHECKING:
    from propensity.registry import Registry

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Monitor:
    """What a run needs from outside."""

    store: Store
    settings: Settings
    registry: "Callable[[], Registry]"
    """Opened only where the store has no copy of the champion's reference yet."""
    start: Start
    is_gone: IsGone = lambda _: False
    clock: Callable[[], int] | None = None
    """Dates the ledger's entries: cooldown and budget count real hours, also where `now` is a time long ago. None: `now`."""

    def run(self, *, now: int) -> MonitorWindow:
        """Watch the newest window that is over; NoChampion, or an OutsideError after which the next run catches up."""
        watermark = min(self.store.events.summary().last_time or 0, now)
        drop_old(self.store, settings=self.settings, watermark=watermark, now=now)
        champion = champion_of(self.store)
        document = bundle_of(self.store, champion.digest).document
        join_outcomes(self.store, watermark=watermark, settings=self.settings, now=now)
        waiting = self._waited_for(champion, watermark=watermark, now=now)
        if waiting and due.has_stopped(watermark, now=now, settings=self.settings):
            return waiting
        found = due.window_due(
            self.store, version=champion.version, watermark=watermark, settings=self.settings
        )
        if found.known is None and not found.is_open:
            return self._watch(champion, document, end=found.end, watermark=watermark, now=now)
        return waiting or found.known or self._unjudged(champion).of(found.end, watermark=watermark, now=now)

    def _waited_for(self, champion: Champion, *, watermark: int, now: int) -> MonitorWindow | None:
        """Say in the ledger which window's events are late, where any are: it is judged by the run that sees them."""
        end = due.end_by_clock(watermark, now=now, settings=self.settings)
        if end is None:
            return None
        unjudged = self._unjudged(champion)
        return unjudged.late(end, watermark=watermark, now=now, clock=lambda: self._real_time(now))

    def _unjudged(self, champion: Champion) -> Unjudged:
        return Unjudged(store=self.store, settings=self.settings, version=champion.version)

    def _watch(
        self, champion: Champion, document: ModelDocument, *, end: int, watermark: int, now: int
    ) -> MonitorWindow:
        reference = reference_of(
            champion,
            store=self.store,
            registry=self.registry,
            max_users=self.settings.drift_max_users,
        )
        eyes = Eyes(
            store=self.store,
            settings=self.settings,
            version=champion.version,
            digest=champion.digest,
            reference=reference,
        )
        before = eyes.catch_up(end, watermark=watermark, now=now)
        found = eyes.look(end, before=before, watermark=watermark, now=now)
        mature = mature_until(end, settings=self.settings)
        since = mature - self.settings.performance_days * DAY
        live = performance.measure(
            self.store,
            version=champion.version,
            document=document,
            since=since,
            until=mature,
            settings=self.settings,
            silence=found.silence,
            treated=touched(self.store, first_cutoff=since, last_cutoff=mature),
        )
        grown = volume.count_volume(
            self.store, document=document, end=end, some_dropped=self.settings.event_retention_days > 0
        )
        entry = self._decide(found, live, grown, end=end, now=now)
        window = MonitorWindow(
            version=champion.version,
            start=found.start,
            end=end,
            at=now,
            quality=found.quality,
            drift=found.drift,
            performance=live,
            volume=grown,
            decision=entry.state,
            reason=entry.reason,
            sequence=entry.sequence,
            report=self._draw(champion, found.sample, reference, end=end, now=now),
        )
        if end > self._real_time(now):  # somebody asked what will be: the day itself has yet to be looked at
            return window
        return keep(window, store=self.store)

    def _decide(self, found: Found, live: Performance, grown: Volume, *, end: int, now: int) -> LedgerEntry:
        """Ask for a training where there is a reason; else write down why there is none."""
        asked = [
            drift_trigger(found.drift, window_end=end),
            performance.performance_trigger(live, window_end=end, settings=self.settings),
            volume.volume_trigger(grown, window_end=end, settings=self.settings),
        ]
        triggers: list[Trigger] = [one for one in asked if one]
        if triggers and not found.quality.stale:
            return request_retraining(
                triggers,
                store=self.store,
                settings=self.settings,
                start=self.start,
                clock=lambda: self._real_time(now),
                is_gone=self.is_gone,
            )
        return record_decision(
            "stale data" if found.quality.stale else "not needed",
            window_end=end,
            reason=found.quality.stale or quiet(found.drift, live, grown),
            evidence={"would have been": [one.kind for one in triggers]} if triggers else {},
            store=self.store,
            clock=lambda: self._real_time(now),
        )

    def _real_time(self, now: int) -> int:
        return self.clock() if self.clock else now

    def _draw(
        self, champion: Champion, sample: Sample, reference: Reference | None, *, end: int, now: int
    ) -> str:
        """Draw the report, keep it for a while, and return its name."""
        kept_since = min(end, self._real_time(now)) - self.settings.report_retention_days * DAY
        self.store.reports.drop_before(kept_since)
        if reference is None or not len(sample):
            return ""
        held = reference.sample.at(list(reference.matches(sorted(set(sample.cutoffs.tolist())))))
        content = report.draw(sample, held, seed=self.settings.seed)
        if content is None:
            return ""
        name = f"drift-{champion.version}-{end // HOUR}.html"
        self.store.reports.put(name, content, at=end)
        return name


def quiet(drift: Drift, live: Performance, grown: Volume) -> str:
    """Say in a sentence each why nothing is needed."""
    drifting = sum(bool(one.drift) for one in drift.features)
    parts = [
        f"Drift: {drifting} of {len(drift.features)} columns, none for long enough."
        if drift.judged
        else f"Drift was not judged: {drift.reason}",
        f"F1 is {live.metrics['f1'].value:.3f}, the limit {live.f1_limit or 0:.3f}."
        if live.judged
        else f"Performance was not judged: {live.reason}",
        f"The events have grown by {grown.growth:.1%}." if grown.growth is not None else "",
    ]
    return " ".join(part for part in parts if part)
