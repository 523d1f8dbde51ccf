"""Rollback: alias `previous` becomes the champion again, and the version that was is tagged `rejected` with the reason.

The entry keeps who goes and who comes, so that a run that was killed does not go back one further.
"""

import logging
from collections.abc import Callable
from typing import Final

from propensity.errors import NothingBefore
from propensity.lifecycle.promotion import promote
from propensity.registry import PREVIOUS, REJECTED, Registry
from propensity.store import LedgerEntry, Store

logger = logging.getLogger(__name__)

KIND: Final = "rollback"
INTENDED: Final = "intended"
DONE: Final = "done"


def roll_back(
    reason: str, *, key: str, store: Store, registry: Registry, clock: Callable[[], int]
) -> LedgerEntry:
    """Go back to the version before; the same key again finishes or returns the same entry.

    NothingBefore where there is none, or where that one was itself rolled back; NoChampion where nothing is served.
    """
    entry = store.ledger.by_key(key) or _claim(reason, key=key, store=store, registry=registry, clock=clock)
    if entry.state != INTENDED:
        return entry
    back_to, gone = str(entry.subject), entry.evidence["from"]
    registry.tag(gone, {REJECTED: entry.reason})
    promote(
        back_to,
        reason=f"Back from version {gone}: {entry.reason}",
        store=store,
        registry=registry,
        clock=clock,
    )
    logger.warning("rolled back", extra={"from": gone, "to": back_to, "reason": entry.reason})
    moved = store.ledger.move(entry.sequence, from_state=INTENDED, to_state=DONE, at=clock())
    return moved or store.ledger.get(entry.sequence) or entry


def _claim(
    reason: str, *, key: str, store: Store, registry: Registry, clock: Callable[[], int]
) -> LedgerEntry:
    champion, previous = registry.champion(), registry.at(PREVIOUS)
    if previous is None or previous.digest == champion.digest or registry.rejected(previous.digest):
        raise NothingBefore(
            f"There is no version to go back to from version {champion.number}. Promote one: `propensity promote VERSION`."
        )
    entry = store.ledger.claim(
        kind=KIND,
        state=INTENDED,
        at=clock(),
        reason=reason,
        subject=previous.number,
        key=key,
        evidence={"from": champion.number},
    )
    return (
        entry
        or store.ledger.by_key(key)
        or _claim(reason, key=key, store=store, registry=registry, clock=clock)
    )
