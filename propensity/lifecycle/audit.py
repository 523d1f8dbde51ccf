"""Who did what, when and why: the entries of the ledger that a person stands behind.

A request says who asked, and what came of it says the same again. What the system decided by itself has no actor.
"""

from typing import Final

from propensity.store import LedgerEntry, Store

AUDITED: Final = ("request", "promotion", "rollback", "training", "experiment", "export", "erasure")
"""Kinds that a person may stand behind."""


def acts(store: Store, limit: int) -> list[LedgerEntry]:
    """Return the newest entries that have an actor, by sequence descending."""
    return store.ledger.by_people(limit, AUDITED)
