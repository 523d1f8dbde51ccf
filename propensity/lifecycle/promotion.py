"""Promotion: making a version the champion, as states in the ledger that any run can take up again.

    intended    who is to become champion, and who is it now
    bundled     the store holds the bundle, so that serving will not need the registry
    alias set   MLflow's `production` points to it, `previous` to the one before
    done        the store's own record says so too: services take it up from there

Each step may be run twice; a promotion that was killed is finished by the next one asked for the same version.
"""

import logging
from typing import Final

from propensity.errors import StoreUnavailable
from propensity.registry import PREVIOUS, PRODUCTION, Registry, Version
from propensity.store import Champion, LedgerEntry, Store

logger = logging.getLogger(__name__)

KIND: Final = "promotion"
INTENDED: Final = "intended"
BUNDLED: Final = "bundled"
ALIAS_SET: Final = "alias set"
DONE: Final = "done"


def promote(number: str, *, reason: str, store: Store, registry: Registry, now: int) -> LedgerEntry:
    """Make a version the champion and return its ledger entry, done.

    A version that is champion already changes nothing. VersionNotFound, BrokenBundle, or an OutsideError leave the
    entry at the state that was reached; asking again goes on from there.
    """
    version = registry.version(number)
    entry = _unfinished(number, store=store)
    if entry is None:
        settled = _settled(version, store=store, registry=registry)
        entry = settled or _claim(version, reason=reason, store=store, registry=registry, now=now)
    if entry.state == INTENDED:
        store.bundles.put(version.digest, registry.bundle(version).files)
        entry = _move(entry, BUNDLED, store=store, now=now)
    if entry.state == BUNDLED:
        previous = entry.evidence.get("previous")
        if previous:
            registry.set_alias(PREVIOUS, previous)
        registry.set_alias(PRODUCTION, number)
        entry = _move(entry, ALIAS_SET, store=store, now=now)
    if entry.state == ALIAS_SET:
        store.set_champion(_record(version, at=entry.at))
        entry = _move(entry, DONE, store=store, now=now)
        logger.info("Promoted a version", extra={"version": number, "reason": entry.reason})
    return entry


def _unfinished(number: str, *, store: Store) -> LedgerEntry | None:
    for entry in store.ledger.latest(20, kind=KIND):
        if entry.subject == number and entry.state != DONE:
            return entry
    return None


def _settled(version: Version, *, store: Store, registry: Registry) -> LedgerEntry | None:
    """Return the entry that made this version champion, where alias and record both still say so."""
    alias, record = registry.at(PRODUCTION), store.champion()
    if alias is None or alias.number != version.number or record is None or record.version != version.number:
        return None
    newest = store.ledger.latest(1, kind=KIND)
    return newest[0] if newest and newest[0].subject == version.number else None


def _claim(version: Version, *, reason: str, store: Store, registry: Registry, now: int) -> LedgerEntry:
    """Claim the promotion after the newest one; of two asked for at once the second joins the first."""
    before = store.ledger.latest(1, kind=KIND)
    current = registry.at(PRODUCTION)
    previous = current.number if current and current.number != version.number else None
    key = f"{KIND}:{version.number}:after:{before[0].sequence if before else 0}"
    entry = store.ledger.claim(
        kind=KIND,
        state=INTENDED,
        at=now,
        reason=reason,
        subject=version.number,
        key=key,
        evidence={"digest": version.digest, "verdict": version.verdict, "previous": previous},
    ) or store.ledger.by_key(key)
    if entry is None:
        raise StoreUnavailable(
            f"The ledger lost the promotion of version {version.number}. Ask for it again."
        )
    return entry


def _move(entry: LedgerEntry, state: str, *, store: Store, now: int) -> LedgerEntry:
    """Move the entry on; where another run did so first, go on from where that one is."""
    moved = store.ledger.move(entry.sequence, from_state=entry.state, to_state=state, at=now)
    return moved or store.ledger.get(entry.sequence) or entry


def _record(version: Version, *, at: int) -> Champion:
    return Champion(version=version.number, digest=version.digest, verdict=version.verdict, promoted_at=at)
