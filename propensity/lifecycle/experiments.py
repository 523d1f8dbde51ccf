"""Experiments: a challenger is tried beside the champion, as states in the ledger that any run can take up again.

    intended   who is to be tried, and how; a newer challenger takes the place of one that still waits
    running    the store's record says so, which the pods follow; the history has a line for each stage
    promoting  it came off: no user is split any more, and the challenger is made champion
    promoted   it is
    ending     it did not come off: no user is split any more
    stopped    the champion stays, and the challenger is no worse for it: stopped by hand, overtaken, or nothing shown
    failed     the champion stays, and the challenger is tagged `rejected`: evidence `why`

One experiment is on at a time. What is found out about it is somebody else's business: a judge is asked at each look.
"""

import logging
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from propensity.errors import BrokenBundle, ModelError, VersionNotFound
from propensity.keeping import forgets_an_ab
from propensity.lifecycle import trainings
from propensity.lifecycle.challenge import (
    ENDED,
    ENDING,
    FAILED,
    INTENDED,
    KIND,
    PROMOTED,
    PROMOTING,
    RUNNING,
    STOPPED,
    record_of,
    under_way,
)
from propensity.lifecycle.champion import bundle_of
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.rollback import reject
from propensity.model import Model
from propensity.registry import Registry
from propensity.settings import Settings
from propensity.store import Experiment, LedgerEntry, Store

logger = logging.getLogger(__name__)


class Decision(NamedTuple):
    """What a judge says of an experiment now."""

    word: Literal["wait", "note", "grow", "promote", "stop", "fail"]
    why: str = ""
    numbers: dict[str, Any] = {}  # noqa: RUF012 - never written to


Judge = Callable[[LedgerEntry, Experiment], Decision]


class Experiments:
    """Brings the experiment that is on a step further."""

    def __init__(
        self, *, store: Store, registry: Registry, settings: Settings, clock: Callable[[], int], judge: Judge
    ) -> None:
        self._store = store
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._judge = judge

    def advance(self) -> LedgerEntry | None:
        """Take the experiment as far as it goes now; return its entry, or None where there is none.

        An OutsideError leaves it at the state that was reached.
        """
        self._drop_overtaken()
        entry = under_way(self._store)
        if entry is None:
            self._clear()
        on = entry
        while on is not None and on.state not in ENDED:
            entry = on
            on = self._step(on)
        return on or entry

    def _drop_overtaken(self) -> None:
        """Of those that wait, only the newest is tried."""
        waiting = [one for one in self._store.ledger.unended(KIND, ended=ENDED) if one.state == INTENDED]
        for entry in waiting[1:]:
            self._move(entry, STOPPED, why="A newer challenger took its place.")

    def _step(self, entry: LedgerEntry) -> LedgerEntry | None:
        """Do what the state asks for and move on; None where it is to be waited for."""
        match entry.state:
            case "intended":
                return self._begin(entry)
            case "running":
                return self._run(entry)
            case "promoting":
                return self._promote(entry)
        self._clear()
        why = entry.evidence["why"]
        if entry.evidence["ends as"] == FAILED:
            reject(str(entry.subject), why, registry=self._registry)
        logger.warning("experiment ended", extra={"version": entry.subject, "why": why})
        return self._move(entry, entry.evidence["ends as"])

    def _begin(self, entry: LedgerEntry) -> LedgerEntry:
        champion = self._store.champion()
        digest = entry.evidence["challenger"].partition("@")[2]
        against = self._against(entry, digest, champion.digest if champion else None)
        if against:
            return self._move(entry, ENDING, why=against, **{"ends as": STOPPED})
        try:
            self._store.bundles.put(
                digest, self._registry.bundle(self._registry.version(str(entry.subject))).files
            )
            Model(bundle_of(self._store, digest)).verify()
        except (BrokenBundle, VersionNotFound) as error:
            return self._move(entry, ENDING, why=str(error), **{"ends as": FAILED})
        now = self._clock()
        begun = {"seed": self._settings.seed + entry.sequence, "stage": 0, "started at": now, "stage at": now}
        return self._move(entry, RUNNING, champion=champion.reference if champion else "", passed=[], **begun)

    def _against(self, entry: LedgerEntry, digest: str, champion: str | None) -> str:
        """Say why there is nothing to try; empty where there is."""
        if champion is None:
            return "There is no champion to try it against."
        if champion == digest:
            return "It is the champion already."
        if self._registry.rejected(digest):
            return f"Version {entry.subject} was rolled back before."
        return forgets_an_ab(self._settings) if entry.evidence["mode"] == "ab" else ""

    def _run(self, entry: LedgerEntry) -> LedgerEntry | None:
        record, champion = record_of(entry), self._store.champion()
        if champion is None or champion.reference != record.champion:
            why = "Another version became champion meanwhile."
            return self._move(entry, ENDING, why=why, **{"ends as": STOPPED})
        if self._store.experiments.current() != record:
            self._store.experiments.set_current(record)
        found = self._judge(entry, record)
        match found.word:
            case "wait":
                return None
            case "note":
                self._move(entry, RUNNING, **found.numbers)
                return None
            case "grow":
                return self._grow(entry, record, found)
            case "promote":
                return self._move(entry, PROMOTING, why=found.why, numbers=found.numbers)
        ends_as = FAILED if found.word == "fail" else STOPPED
        return self._move(entry, ENDING, why=found.why, numbers=found.numbers, **{"ends as": ends_as})

    def _grow(self, entry: LedgerEntry, record: Experiment, found: Decision) -> LedgerEntry:
        """Let a canary's share grow, and keep what the stage before has shown."""
        passed = [
            *entry.evidence["passed"],
            {"share": record.share, "since": record.stage_at} | found.numbers,
        ]
        stage = {"stage": record.stage + 1, "stage at": self._clock(), "passed": passed}
        return self._move(entry, RUNNING, **stage)

    def _promote(self, entry: LedgerEntry) -> LedgerEntry:
        self._clear()
        try:
            if self._is_a_persons_choice(entry):
                why = (
                    f"{entry.evidence['why']} The gate did not let it through, so promote it by hand, or not."
                )
                return self._move(entry, STOPPED, why=why)
            promote(
                str(entry.subject),
                reason=entry.evidence["why"],
                store=self._store,
                registry=self._registry,
                clock=self._clock,
                actor=entry.actor,
                cause=entry,
            )
        except ModelError as error:
            return self._move(entry, STOPPED, why=f"It could not be promoted: {error}")
        return self._move(entry, PROMOTED)

    def _is_a_persons_choice(self, entry: LedgerEntry) -> bool:
        """Whether neither the gate nor users' purchases have said that it is better, but only that it is sound."""
        verdict = self._registry.version(str(entry.subject)).verdict
        return entry.evidence["mode"] != "ab" and verdict not in trainings.PROMOTING

    def _clear(self) -> None:
        """Let no pod split users any more."""
        if self._store.experiments.current() is not None:
            self._store.experiments.set_current(None)

    def _move(self, entry: LedgerEntry, state: str, **evidence: Any) -> LedgerEntry:
        """Move the entry on; where another run did so first, go on from where that one is."""
        moved = self._store.ledger.move(
            entry.sequence, from_state=entry.state, to_state=state, at=self._clock(), evidence=evidence
        )
        return moved or self._store.ledger.get(entry.sequence) or entry
