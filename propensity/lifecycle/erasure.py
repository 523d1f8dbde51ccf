"""Forgetting a user: marked first, so that nothing comes in any more, then erased; as states that any run can resume.

    marked   the ledger says who asked, why, what there was and what may have learned from it
    done     the store holds nothing of the user any more

The entry is named by the beginning of the user's mark and holds no id, so the record that somebody was forgotten does
not remember who. Whoever asks again finishes what was left half-way, or finds nothing more.
"""

import logging
from collections.abc import Callable
from typing import Final, NamedTuple

from propensity.lifecycle.learned import Learned, learned, seen_now
from propensity.store import LedgerEntry, Store
from propensity.store.forgotten import SHORT, unnamed

logger = logging.getLogger(__name__)

KIND: Final = "erasure"
MARKED: Final = "marked"
DONE: Final = "done"
PODS_SECONDS: Final = 30
"""Within which each scorer pod that reaches the store has cleared its spool: it asks every 5 s, and a full spool of
256 MB is read through in a few."""


class Erasure(NamedTuple):
    """What became of a user's data."""

    entry: LedgerEntry
    found: dict[str, int]
    """Documents that were there, by collection; empty where the user had been forgotten before."""
    learned: Learned
    """What may have learned from this user's events, as far as it can be told by now."""
    pods_seconds: int = PODS_SECONDS


def forget(
    user_id: str, *, reason: str, actor: str, store: Store, clock: Callable[[], int], salt: bytes
) -> Erasure:
    """Erase a user from the store and keep the user out; StoreUnavailable leaves the rest to whoever asks again.

    `salt` is 32 random bytes, kept where the store has none yet.
    """
    mark = store.forgotten.add(user_id, at=clock(), salt=salt).mark
    key = f"{KIND}:{mark[:SHORT]}"
    entry = store.ledger.by_key(key)
    while entry is None:
        entry = store.ledger.claim(
            kind=KIND,
            state=MARKED,
            at=clock(),
            reason=unnamed(reason, user_id, mark=mark),
            subject=mark[:SHORT],
            key=key,
            evidence={
                "actor": actor,
                "found": store.forgotten.find(user_id),
                **seen_now(user_id, store=store),
            },
        ) or store.ledger.by_key(key)
    erased = store.forgotten.erase(user_id, mark=mark)
    found = erased if entry.state == DONE else _larger(entry.evidence["found"], erased)
    evidence = {"found": _larger(entry.evidence["found"], erased)} if erased else {}
    moved = store.ledger.move(
        entry.sequence, from_state=entry.state, to_state=DONE, at=clock(), evidence=evidence
    )
    logger.info("forgot a user", extra={"subject": entry.subject, "found": sum(found.values())})
    entry = moved or store.ledger.get(entry.sequence) or entry
    return Erasure(entry, found, learned(entry, store=store))


def _larger(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    """Return the larger count of each collection: a run that was killed has deleted what it had not told yet."""
    return {name: max(first.get(name, 0), second.get(name, 0)) for name in (*first, *second)}
