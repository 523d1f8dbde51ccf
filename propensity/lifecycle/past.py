"""Champions of the past: who holds the place, and which of those before can be gone back to, by what the ledger says.

A version was champion where its promotion is done. It is nothing to go back to where its rollouts came to nothing (the
service never was ready with it, or it was taken back), or where somebody went back from it since. One that was never
rolled out counts: where no operator runs, the service follows the store's record. The ledger alone is asked, so that
the service can be told what was before while the registry is away; what it does not know (tags set by hand, versions
deleted) is for whoever asks the registry next.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from propensity.errors import VersionNotFound
from propensity.registry import Registry, Version
from propensity.store import LedgerEntry, Store

PROMOTION: Final = "promotion"
ROLLBACK: Final = "rollback"
ROLLOUT: Final = "rollout"
DONE: Final = "done"
SUPERSEDED: Final = "superseded"
FAILED: Final = "failed"
READY: Final = "ready"
ROLLING_BACK: Final = "rolling back"
ROLLED_BACK: Final = "rolled back"
RECENT: Final = 200
"""Entries of a kind that are looked at."""


def newest_promotion(store: Store) -> LedgerEntry | None:
    """Return the promotion that was asked for last, whatever came of it."""
    return next(iter(store.ledger.latest(1, PROMOTION)), None)


def holder(store: Store) -> LedgerEntry | None:
    """Return the newest promotion that has not come to nothing: it holds, or will."""
    promotions = store.ledger.latest(RECENT, PROMOTION)
    return next((entry for entry in promotions if entry.state not in {FAILED, SUPERSEDED}), None)


def overtaking(cause: LedgerEntry, *, store: Store) -> LedgerEntry | None:
    """Return the promotion that what is carried out for this entry must not undo, or do once more.

    For a request, its own that has ended; for a rollback, one of another version: asked for since, or done already.
    """
    if cause.kind != ROLLBACK:
        ended = (one for one in store.ledger.latest(RECENT, PROMOTION) if one.state in {DONE, SUPERSEDED})
        return next((one for one in ended if one.evidence.get(cause.kind) == cause.sequence), None)
    found = holder(store)
    if found is None or found.subject == cause.subject:
        return None
    is_champion = found.state == DONE and found.subject != cause.evidence["from"]
    return found if is_champion or found.sequence > cause.sequence else None


def promotions_before(store: Store, *, digest: str = "") -> Iterator[LedgerEntry]:
    """Yield the promotions to what can be gone back to, newest first, but for the model with this digest."""
    unfit, left = _unfit(store), _left(store)
    for entry in store.ledger.latest(RECENT, PROMOTION):
        is_other = entry.state == DONE and entry.evidence.get("digest") != digest
        if is_other and entry.subject not in unfit and left.get(str(entry.subject), 0) < entry.sequence:
            yield entry


def reference_before(store: Store, *, digest: str, told: str) -> str:
    """Return the reference of what the service goes back to from a model; empty for nothing.

    Where the ledger knows of none, it is what the service was told, unless that came to nothing.
    """
    entry = next(promotions_before(store, digest=digest), None)
    if entry is not None:
        return f"{entry.subject}@{entry.evidence['digest']}"
    number, _, told_digest = told.partition("@")
    is_unfit = number in _unfit(store) or number in _left(store)
    return "" if is_unfit or told_digest == digest else told


def version_before(
    store: Store, registry: Registry, *, digest: str, others: Sequence[str | None]
) -> Version | None:
    """Return the version to go back to from a model; `others` are asked last, where the ledger knows of none."""
    promoted = (entry.subject for entry in promotions_before(store, digest=digest))
    unfit = _unfit(store)
    named = (number for number in others if number and number not in unfit)
    for number in dict.fromkeys([*promoted, *named]):
        try:
            version = registry.version(str(number))
        except VersionNotFound:  # somebody deleted it
            continue
        if version.digest != digest and not registry.rejected(version.digest):
            return version
    return None


def _unfit(store: Store) -> set[str | None]:
    """Return the versions whose rollouts came to nothing, and those that could not be promoted when last tried."""
    rollouts = store.ledger.latest(RECENT, ROLLOUT)
    was_good: dict[str | None, bool] = {}
    for entry in rollouts:
        if entry.state in {ROLLING_BACK, ROLLED_BACK}:
            was_good.setdefault(entry.subject, False)
        elif any(state == READY for state, _ in entry.history):
            was_good.setdefault(entry.subject, True)
    promoted = {entry.subject: entry.state for entry in reversed(store.ledger.latest(RECENT, PROMOTION))}
    lost = {number for number, state in promoted.items() if state == FAILED}
    return lost | {entry.subject for entry in rollouts if not was_good.get(entry.subject)}


def _left(store: Store) -> dict[str, int]:
    """Return when each version was last gone back from, by sequence."""
    entries = reversed(store.ledger.latest(RECENT, ROLLBACK))
    return {str(entry.evidence["from"]): entry.sequence for entry in entries}
