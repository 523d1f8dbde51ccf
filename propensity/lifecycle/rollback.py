"""Rollback: the champion before becomes it again, and the version that was is tagged `rejected` with the reason.

intended    who goes and who comes, so that a run that was killed does not go back one further
done        that one is champion
superseded  something was promoted after this was decided on, and holds
failed      that one can't be promoted, as its bundle is lost: the one before it is tried (evidence `why`)
"""

import logging
from collections.abc import Callable
from typing import Final

from propensity.errors import ModelError, NothingBefore, VersionNotFound
from propensity.lifecycle import past, promotion
from propensity.lifecycle.promotion import promote
from propensity.registry import PREVIOUS, REJECTED, Registry
from propensity.store import LedgerEntry, Store

logger = logging.getLogger(__name__)

KIND: Final = past.ROLLBACK
INTENDED: Final = "intended"
DONE: Final = past.DONE
SUPERSEDED: Final = past.SUPERSEDED
FAILED: Final = past.FAILED
TAG_LENGTH: Final = 1_000
"""Characters of a reason that the tag holds: MLflow refuses what is too long; the ledger keeps all of it."""


def roll_back(
    reason: str, *, key: str, store: Store, registry: Registry, clock: Callable[[], int], actor: str = ""
) -> LedgerEntry:
    """Go back to the version before; the same key again finishes or returns the same entry.

    NothingBefore where there is none, or none that can be promoted; NoChampion where nothing is served.
    """
    entry = store.ledger.by_key(key) or _claim(
        reason, key=key, actor=actor, store=store, registry=registry, clock=clock
    )
    if entry.state == INTENDED:
        entry = _carry_out(entry, store=store, registry=registry, clock=clock)
    if entry.state == FAILED and _current(store=store, registry=registry)[0] == entry.evidence["from"]:
        return roll_back(reason, key=f"{key}+", store=store, registry=registry, clock=clock, actor=actor)
    return entry


def _carry_out(
    entry: LedgerEntry, *, store: Store, registry: Registry, clock: Callable[[], int]
) -> LedgerEntry:
    back_to, gone = str(entry.subject), entry.evidence["from"]
    if not is_forgiven(gone, since=entry, store=store):
        reject(gone, entry.reason, registry=registry)
    try:
        promoted = promote(
            back_to,
            reason=f"Back from version {gone}: {entry.reason}",
            store=store,
            registry=registry,
            clock=clock,
            actor=entry.actor,
            cause=entry,
        )
    except ModelError as error:
        _give_up_promotion(back_to, str(error), store=store, clock=clock)
        return _end(entry, FAILED, why=str(error), store=store, clock=clock)
    if (promoted.subject, promoted.state) != (back_to, promotion.DONE):
        return _end(entry, SUPERSEDED, store=store, clock=clock)
    logger.warning("rolled back", extra={"from": gone, "to": back_to, "reason": entry.reason})
    return _end(entry, DONE, store=store, clock=clock)


def is_forgiven(number: str, *, since: LedgerEntry, store: Store) -> bool:
    """Whether a person promoted a version all the same, after an entry that would take it back."""
    holder = past.holder(store)
    return holder is not None and holder.subject == number and holder.sequence > since.sequence


def _give_up_promotion(number: str, why: str, *, store: Store, clock: Callable[[], int]) -> None:
    newest = past.newest_promotion(store)
    if newest is not None and newest.subject == number and newest.state not in promotion.ENDED:
        promotion.give_up(newest, why, store=store, clock=clock)


def _end(
    entry: LedgerEntry, state: str, *, store: Store, clock: Callable[[], int], **evidence: str
) -> LedgerEntry:
    moved = store.ledger.move(
        entry.sequence, from_state=INTENDED, to_state=state, at=clock(), evidence=evidence
    )
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
    alias = registry.at(PREVIOUS)
    previous = past.version_before(store, registry, digest=digest, others=[alias.number if alias else None])
    if previous is None:
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
    """Return number and digest of the champion: by the record, whatever became of it or of the alias in MLflow."""
    record = store.champion()
    if record is not None:
        return record.version, record.digest
    champion = registry.champion()
    return champion.number, champion.digest
