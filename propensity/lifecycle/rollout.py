"""Rollout: the service takes up the champion, as states in the ledger that any run can take up again.

    intended      who is to be served, and what was before
    alias set     alias and record name it, and its bundle answers as recorded
    annotated     the service was told
    ready         all of it serves it
    done          and for a while it is held to the promise it was promoted on
    rolling back  it does not verify, the service did not become ready in time, or the promise is broken: only back
    rolled back   what was before is served and has the alias again; the version is tagged `rejected`
    superseded    another champion came meanwhile

A promotion says who is champion and ends there; whoever moved the alias, this brings the service to it.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from propensity.errors import BrokenBundle, ModelError
from propensity.lifecycle import past, rollback
from propensity.lifecycle.champion import bundle_of
from propensity.lifecycle.platform import Platform
from propensity.lifecycle.promise import broken_promise
from propensity.model import Model
from propensity.registry import Registry
from propensity.settings import Settings
from propensity.store import Champion, LedgerEntry, Store

logger = logging.getLogger(__name__)

KIND: Final = past.ROLLOUT
INTENDED: Final = "intended"
ALIAS_SET: Final = "alias set"
ANNOTATED: Final = "annotated"
READY: Final = past.READY
DONE: Final = past.DONE
ROLLING_BACK: Final = past.ROLLING_BACK
ROLLED_BACK: Final = past.ROLLED_BACK
SUPERSEDED: Final = past.SUPERSEDED
ENDED: Final = frozenset({DONE, ROLLED_BACK, SUPERSEDED})
MINUTE: Final = 60_000_000


class Rollouts:
    """Brings the service to the champion, one at a time."""

    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        platform: Platform,
        settings: Settings,
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._registry = registry
        self._platform = platform
        self._settings = settings
        self._clock = clock

    def advance(self) -> LedgerEntry | None:
        """Take the rollout as far as it goes now; return its entry, or None where there is nothing to roll out.

        An OutsideError leaves it at the state that was reached.
        """
        champion = self._store.champion()
        entry = self._watched(newest(self._store), champion)
        if entry is None or entry.state in ENDED:
            entry = self._begin(champion, after=entry) if champion else None
        while entry is not None and entry.state not in ENDED:
            stepped = self._step(entry, champion)
            if stepped is None:
                break
            entry = stepped
        return entry

    def _begin(self, champion: Champion, *, after: LedgerEntry | None) -> LedgerEntry | None:
        """Claim a rollout where the service was told another than the champion, or is not ready; None where all is well."""
        told = self._platform.annotated()
        if self._is_given_up(champion, after) or (told == champion.reference and self._is_served(told)):
            return None
        before = past.reference_before(self._store, digest=champion.digest, told=told)
        promoted = past.newest_promotion(self._store)
        return self._store.ledger.claim(
            kind=KIND,
            state=INTENDED,
            at=self._clock(),
            reason=promoted.reason if promoted else "It is the champion.",
            subject=champion.version,
            key=f"{KIND}:after:{after.sequence if after else 0}",
            evidence={"reference": champion.reference, "before": before},
        )

    def _is_served(self, reference: str) -> bool:
        """Whether its rollout is done, from when on pods come and go without one; where there was none, ask the service."""
        rollouts = self._store.ledger.latest(past.RECENT, KIND)
        states = (one.state for one in rollouts if one.evidence["reference"] == reference)
        return next(states, DONE if self._platform.is_ready() else "") == DONE

    def _is_given_up(self, champion: Champion, last: LedgerEntry | None) -> bool:
        """Whether this champion was rolled back with nothing to go back to, and nobody promoted anything since."""
        if last is None or last.state != ROLLED_BACK or last.evidence["reference"] != champion.reference:
            return False
        promoted = past.newest_promotion(self._store)
        return promoted is None or promoted.sequence < last.sequence

    def _watched(self, last: LedgerEntry | None, champion: Champion | None) -> LedgerEntry | None:
        """Take back what does not keep its promise in the time after its rollout."""
        if last is None or last.state != DONE or champion is None:
            return last
        is_over = self._clock() - last.updated_at > self._settings.rollout_watch_minutes * MINUTE
        if is_over or champion.reference != last.evidence["reference"] or not last.evidence["before"]:
            return last
        holder = past.holder(self._store)
        if holder is not None and "rollback" in holder.evidence:
            return last  # it is what was gone back to, not what is new
        why = broken_promise(last, champion, store=self._store, settings=self._settings)
        if not why or self._registry.rejected(last.evidence["before"].partition("@")[2]):
            return last  # a person rejected that one: there is nothing better to go to
        return self._move(last, ROLLING_BACK, why=why)

    def _step(self, entry: LedgerEntry, champion: Champion | None) -> LedgerEntry | None:
        """Do what the state asks for and move on; None where it is to be waited for."""
        if entry.state == ROLLING_BACK:
            return self._go_back(entry)
        if champion is None or champion.reference != entry.evidence["reference"]:
            return self._move(entry, SUPERSEDED)
        match entry.state:
            case "intended":
                return self._verify(entry, champion)
            case "alias set":
                self._platform.annotate(champion.reference)
                return self._move(entry, ANNOTATED)
            case "annotated":
                return self._wait(entry)
        logger.info("rolled out", extra={"version": entry.subject})
        return self._move(entry, DONE)

    def _verify(self, entry: LedgerEntry, champion: Champion) -> LedgerEntry:
        """Try the bundle here first: what does not verify need not stop any pod."""
        try:
            Model(bundle_of(self._store, champion.digest)).verify()
        except BrokenBundle as error:
            return self._move(entry, ROLLING_BACK, why=str(error))
        return self._move(entry, ALIAS_SET)

    def _wait(self, entry: LedgerEntry) -> LedgerEntry | None:
        if self._platform.annotated() == entry.evidence["reference"] and self._platform.is_ready():
            return self._move(entry, READY)
        minutes = self._settings.rollout_deadline_minutes
        if self._clock() - entry.updated_at <= minutes * MINUTE:
            return None
        return self._move(
            entry, ROLLING_BACK, why=f"The service did not become ready with it within {minutes:g} minutes."
        )

    def _go_back(self, entry: LedgerEntry) -> LedgerEntry:
        """Take annotation and alias back; the annotation first, for it needs nothing but the cluster."""
        before, why = entry.evidence["before"], entry.evidence["why"]
        if rollback.is_forgiven(str(entry.subject), since=entry, store=self._store):
            return self._move(entry, SUPERSEDED)
        if before and self._platform.annotated() == entry.evidence["reference"]:
            self._platform.annotate(before)
        back_to = self._restore(entry, why)
        logger.error("rollout taken back", extra={"version": entry.subject, "to": back_to, "why": why})
        return self._move(entry, ROLLED_BACK, back_to=back_to)

    def _restore(self, entry: LedgerEntry, why: str) -> str | None:
        """Tag the version, and give the alias back; None where it was taken meanwhile or nothing can be gone back to."""
        rollback.reject(str(entry.subject), why, registry=self._registry)
        key = f"{rollback.KIND}:{KIND}:{entry.sequence}"
        champion = self._store.champion()
        is_champion = champion is not None and champion.version == entry.subject
        if not is_champion and self._store.ledger.by_key(key) is None:
            return None
        try:
            back = rollback.roll_back(
                why, key=key, store=self._store, registry=self._registry, clock=self._clock
            )
        except ModelError:
            return None
        return back.subject if back.state == rollback.DONE else None

    def _move(self, entry: LedgerEntry, state: str, **evidence: Any) -> LedgerEntry:
        """Move the entry on; where another run did so first, go on from where that one is."""
        moved = self._store.ledger.move(
            entry.sequence, from_state=entry.state, to_state=state, at=self._clock(), evidence=evidence
        )
        return moved or self._store.ledger.get(entry.sequence) or entry


def newest(store: Store) -> LedgerEntry | None:
    """Return the newest rollout."""
    return next(iter(store.ledger.latest(1, KIND)), None)
