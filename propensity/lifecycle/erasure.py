"""Forgetting a user: marked first, so that nothing comes in any more, then erased; as states that any run can resume.

    marked   the ledger says who asked, why, what there was and which versions may have been trained with it
    done     the store holds nothing of the user any more

The entry is named by the beginning of the user's mark and holds no id, so the record that somebody was forgotten does
not remember who. Whoever asks again finishes what was left half-way, or finds nothing more.
"""

import logging
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from propensity.bundle import Period
from propensity.features.definition import LABEL_WINDOW, WINDOWS
from propensity.lifecycle import trainings
from propensity.store import LedgerEntry, Store, UserRange
from propensity.store.forgotten import SHORT, unnamed

logger = logging.getLogger(__name__)

KIND: Final = "erasure"
MARKED: Final = "marked"
DONE: Final = "done"
PODS_SECONDS: Final = 30
"""Within which each scorer pod that reaches the store has cleared its spool: it asks every 5 s, and a full spool of
256 MB is read through in a few."""
TRAININGS: Final = 10_000
"""Newest trainings that are looked at."""
EVER: Final = 2**62


class Erasure(NamedTuple):
    """What became of a user's data."""

    entry: LedgerEntry
    found: dict[str, int]
    """Documents that were there, by collection; empty where the user had been forgotten before."""
    versions: list[str]
    """Model versions that may have been trained with this user's events."""
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
                "versions": versions_with(user_id, store=store),
            },
        ) or store.ledger.by_key(key)
    erased = store.forgotten.erase(user_id, mark=mark)
    found = erased if entry.state == DONE else _larger(entry.evidence["found"], erased)
    evidence = {"found": _larger(entry.evidence["found"], erased)} if erased else {}
    moved = store.ledger.move(
        entry.sequence, from_state=entry.state, to_state=DONE, at=clock(), evidence=evidence
    )
    logger.info("forgot a user", extra={"subject": entry.subject, "found": sum(found.values())})
    return Erasure(moved or store.ledger.get(entry.sequence) or entry, found, entry.evidence["versions"])


def versions_with(user_id: str, *, store: Store) -> list[str]:
    """Return the versions whose training read a time in which this user did something, newest first.

    Large sets are thinned by user, so of these some may have left the user out after all.
    """
    alone = UserRange(user_id, f"{user_id}\0")
    times = [
        event.event_time for part in store.events.scan(since=-EVER, until=EVER, users=alone) for event in part
    ]
    versions: dict[str, None] = {}
    for entry in store.ledger.latest(TRAININGS, trainings.KIND):
        version = entry.evidence.get("version")
        since, until = (
            entry.evidence.get("data_from", -EVER),
            entry.evidence.get("data_until", entry.updated_at),
        )
        if version and any(since <= time < until for time in times):
            versions[str(version)] = None
    return list(versions)


def data_window(periods: Collection[Period]) -> dict[str, int]:
    """Return from when to when events could change a model, for its training's entry in the ledger."""
    return {
        "data_from": min(period.first_cutoff for period in periods) - max(WINDOWS.values()),
        "data_until": max(period.last_cutoff for period in periods) + LABEL_WINDOW,
    }


def _larger(first: dict[str, int], second: dict[str, int]) -> dict[str, int]:
    """Return the larger count of each collection: a run that was killed has deleted what it had not told yet."""
    return {name: max(first.get(name, 0), second.get(name, 0)) for name in (*first, *second)}
