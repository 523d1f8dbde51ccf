"""Rollback: alias `previous` becomes the champion again, and the version that was is tagged `rejected` with the reason.

The entry keeps who goes and who comes, so that a run that was killed does not go back one further.
"""

import logging
from collections.abc import Callable
from typing import Final

from propensity.errors import NothingBefore, VersionNotFound
from propensity.lifecycle.promotion import promote
from propensity.registry import PREVIOUS, PRODUCTION, REJECTED, Registry
from propensity.store import LedgerEntry, Store

logger = logging.getLogger(__name__)

KIND: Final = "rollback"
INTENDED: Final = "intended"
DONE: Final = "done"
TAG_LENGTH: Final = 1_000
"""Characters of a reason that the tag holds: MLflow refuses what is too long; the ledger keeps all of it."""


def roll_back(
    reason: str, *, key: str, store: Store, registry: Registry, clock: Callable[[], int], actor: str = ""
) -> LedgerEntry:
    """Go back to the version before; the same key again finishes or returns the same entry.

    NothingBefore where there is none, or where that one was itself rolled back; NoChampion where nothing is served.
    """
    entry = store.ledger.by_key(key) or _claim(
        reason, key=key, actor=actor, store=store, registry=registry, clock=clock
    )
    if entry.state != INTENDED:
        return entry
    back_to, gone = str(entry.subject), entry.evidence["from"]
    reject(gone, entry.reason, registry=registry)
    promote(
        back_to,
        reason=f"Back from version {gone}: {entry.reason}",
        store=store,
        registry=registry,
        clock=clock,
        actor=entry.actor,
    )
    logger.warning("rolled back", extra={"from": gone, "to": back_to, "reason": entry.reason})
    moved = store.ledger.move(entry.sequence, from_state=INTENDED, to_state=DONE, at=clock())
    return moved or store.ledger.get(entry.sequence) or entry


def reject(number: str, why: str, *, registry: Registry) -> None:
    """Tag a version so that it is never promoted automatically again; one that was deleted can't be anyway."""
    try:
        version = registry.version(number)
    except VersionNotFound:
        return
    registry.tag(version.number, {REJECTED: why.strip()[:TAG_LENGTH] or "No reason was given."})


def _claim(
    reason: str, *, key: str, actor: str, store: Store, registry: Registry, clock: Callable[[], int]
) -> LedgerEntry:
    number, digest = _current(store=store, registry=registry)
    previous = registry.at(PREVIOUS)
    if previous is None or previous.digest == digest or registry.rejected(previous.digest):
        raise NothingBefore(
            f"There is no version to go back to from version {number}. Promote one: `propensity promote VERSION`."
        )
    entry = store.ledger.claim(
        kind=KIND,
        state=INTENDED,
        at=clock(),
        reason=reason,
        subject=previous.number,
        key=key,
        evidence={"from": number, "actor": actor},
    )
    return (
        entry
        or store.ledger.by_key(key)
        or _claim(reason, key=key, actor=actor, store=store, registry=registry, clock=clock)
    )


def _current(*, store: Store, registry: Registry) -> tuple[str, str]:
    """Return number and digest of what is in production: by the record where somebody deleted it in MLflow."""
    alias, record = registry.at(PRODUCTION), store.champion()
    if alias is None and record is not None:
        return record.version, record.digest
    champion = alias or registry.champion()
    return champion.number, champion.digest
