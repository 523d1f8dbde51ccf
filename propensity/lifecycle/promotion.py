"""Promotion: making a version the champion, as states in the ledger that any run can take up again.

    intended    who is to become champion, and who is it now
    bundled     the store holds the bundle, so that serving will not need the registry
    alias set   MLflow's `production` points to it, `previous` to the one before
    done        the store's own record says so too: services take it up from there
    superseded  a later promotion was asked for before this one was done
    failed      it can't be done, as its bundle is lost or its version deleted: evidence `why`

The newest promotion is the one that holds: a run that finds itself superseded sets nothing any more, one that finds a
newer one than its own puts alias and record to that one before it ends, and whoever has written that alias or record is
set sets it once more, for another's may have come late. Each step may be run twice, and one that was killed is finished
by the next run for the same version.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from propensity.errors import VersionRejected
from propensity.lifecycle import past
from propensity.registry import PREVIOUS, PRODUCTION, REJECTED, Registry, Version
from propensity.store import Champion, LedgerEntry, Store

logger = logging.getLogger(__name__)

KIND: Final = past.PROMOTION
INTENDED: Final = "intended"
BUNDLED: Final = "bundled"
ALIAS_SET: Final = "alias set"
DONE: Final = past.DONE
SUPERSEDED: Final = past.SUPERSEDED
FAILED: Final = past.FAILED
ENDED: Final = frozenset({DONE, SUPERSEDED, FAILED})


def promote(
    number: str,
    *,
    reason: str,
    store: Store,
    registry: Registry,
    clock: Callable[[], int],
    force: bool = False,
    actor: str = "",
    cause: LedgerEntry | None = None,
) -> LedgerEntry:
    """Make a version the champion and return its ledger entry: `done`, or `superseded` by a newer promotion.

    A version that is champion already changes nothing, but for a person's `force`, which is written down: it is newer
    than what takes the version back just now. VersionNotFound, BrokenBundle, or an OutsideError leave the entry at the
    state that was reached; asking again goes on from there. VersionRejected where this very model was rolled back
    before, unless a person says `force`. `cause` is the request or rollback it is carried out for; where something was
    promoted after a rollback was decided on, that one's entry is returned and nothing changed.
    """
    version = registry.version(number)
    while True:
        newest = past.newest_promotion(store)
        if cause and (overtaking := past.overtaking(cause, store=store)):
            return overtaking
        _admit(version, force=force, registry=registry)
        if newest and newest.state not in ENDED:
            if newest.subject == number:
                return _carry_out(newest, version, store=store, registry=registry, clock=clock)
            _move(newest, SUPERSEDED, store=store, clock=clock)
        if newest and not force and _is_settled(version, newest, store=store, registry=registry):
            return newest
        said: dict[str, Any] = {"actor": actor} | ({cause.kind: cause.sequence} if cause else {})
        entry = _claim(
            version, after=newest, reason=reason, said=said, store=store, registry=registry, clock=clock
        )
        if entry is not None:  # else another run claimed in between: look again at what is newest now
            return _carry_out(entry, version, store=store, registry=registry, clock=clock)


def give_up(entry: LedgerEntry, why: str, *, store: Store, clock: Callable[[], int]) -> None:
    """End a promotion that can't be carried out, so that what comes after it is not held up."""
    logger.error("gave up a promotion", extra={"version": entry.subject, "why": why})
    store.ledger.move(
        entry.sequence, from_state=entry.state, to_state=FAILED, at=clock(), evidence={"why": why}
    )


def _admit(version: Version, *, force: bool, registry: Registry) -> None:
    """Raise VersionRejected for a model that was rolled back, whatever its version; `force` forgives it."""
    rejected = registry.rejected(version.digest)
    if force:
        for one in rejected:
            registry.tag(one.number, {REJECTED: ""})
    elif rejected:
        raise VersionRejected(
            f"Version {version.number} was rolled back ({rejected[0].rejected}). "
            f"Promote it all the same with `propensity promote {version.number} --force`."
        )


def _carry_out(
    entry: LedgerEntry, version: Version, *, store: Store, registry: Registry, clock: Callable[[], int]
) -> LedgerEntry:
    if entry.state == INTENDED:
        _keep_bundle(version, store=store, registry=registry)
        entry = _move(entry, BUNDLED, store=store, clock=clock)
    if entry.state == BUNDLED:
        set_aliases = partial(_set_aliases, entry, registry=registry)
        entry = _set(set_aliases, entry, ALIAS_SET, store=store, clock=clock)
    if entry.state == ALIAS_SET:
        record = _record(version, promoted_at=clock())
        entry = _set(partial(store.set_champion, record), entry, DONE, store=store, clock=clock)
        logger.info("promoted a version", extra={"version": version.number, "reason": entry.reason})
    _yield_to_newer(entry, store=store, registry=registry, clock=clock)
    return entry


def _keep_bundle(version: Version, *, store: Store, registry: Registry) -> None:
    """Copy a bundle to where services fetch it; what was there before needs no registry for it."""
    if store.bundles.get(version.digest) is None:
        store.bundles.put(version.digest, registry.bundle(version).files)


def _set(
    effect: Callable[[], None], entry: LedgerEntry, state: str, *, store: Store, clock: Callable[[], int]
) -> LedgerEntry:
    """Have an effect and write that it is had; nothing where this promotion was superseded meanwhile."""
    now = store.ledger.get(entry.sequence) or entry
    if now.state != entry.state:
        return now
    effect()
    entry = _move(entry, state, store=store, clock=clock)
    if entry.state == state:
        effect()  # an older promotion that could not know of this one may have had its own in between
    return entry


def _yield_to_newer(
    entry: LedgerEntry, *, store: Store, registry: Registry, clock: Callable[[], int]
) -> None:
    """Put back what a newer promotion had set, where this run was late with its own."""
    newest = past.newest_promotion(store)
    if newest is None or newest.sequence == entry.sequence or newest.subject is None:
        return
    if newest.state in {ALIAS_SET, DONE}:
        _set_aliases(newest, registry=registry)
    if newest.state == DONE:
        store.set_champion(_record(registry.version(newest.subject), promoted_at=clock()))


def _set_aliases(entry: LedgerEntry, *, registry: Registry) -> None:
    if entry.evidence.get("previous"):
        registry.set_alias(PREVIOUS, entry.evidence["previous"])
    registry.set_alias(PRODUCTION, str(entry.subject))


def _is_settled(version: Version, newest: LedgerEntry, *, store: Store, registry: Registry) -> bool:
    """Whether the newest promotion made this version champion, and alias and record both still say so."""
    alias, record = registry.at(PRODUCTION), store.champion()
    said = {newest.subject, alias.number if alias else None, record.version if record else None}
    return said == {version.number}


def _claim(
    version: Version,
    *,
    after: LedgerEntry | None,
    reason: str,
    said: dict[str, Any],
    store: Store,
    registry: Registry,
    clock: Callable[[], int],
) -> LedgerEntry | None:
    """Claim the place after the newest promotion; None where another run has it."""
    alias, record = registry.at(PRODUCTION), store.champion()
    others = [alias.number if alias else None, record.version if record else None]
    previous = past.version_before(store, registry, digest=version.digest, others=others)
    evidence = {
        "digest": version.digest,
        "verdict": version.verdict,
        "previous": previous.number if previous else None,
    }
    return store.ledger.claim(
        kind=KIND,
        state=INTENDED,
        at=clock(),
        reason=reason,
        subject=version.number,
        key=f"{KIND}:after:{after.sequence if after else 0}",
        evidence=evidence | said,
    )


def _move(entry: LedgerEntry, state: str, *, store: Store, clock: Callable[[], int]) -> LedgerEntry:
    """Move the entry on; where another run did so first, go on from where that one is."""
    moved = store.ledger.move(entry.sequence, from_state=entry.state, to_state=state, at=clock())
    return moved or store.ledger.get(entry.sequence) or entry


def _record(version: Version, *, promoted_at: int) -> Champion:
    return Champion(
        version=version.number, digest=version.digest, verdict=version.verdict, promoted_at=promoted_at
    )
