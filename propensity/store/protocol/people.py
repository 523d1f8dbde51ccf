"""What a store does with what must go: users who asked to be forgotten, and what was kept long enough."""

from typing import Protocol

from propensity.store.forgotten import Forgotten, Tombstone
from propensity.store.retention import Kept


class ForgottenStore(Protocol):
    """Users who asked to be forgotten: nothing of them is added any more, by any part of the store, in any process."""

    def current(self) -> Forgotten:
        """Return the marks there are; one small read where none is new."""

    def add(self, user_id: str, *, at: int, salt: bytes) -> Tombstone:
        """Mark a user for good; the first mark stays. `salt` is kept where the store has none yet.

        What other processes add from the moment this returns is kept out, also what they had begun to add.
        """

    def find(self, user_id: str) -> dict[str, int]:
        """Count what there is of a user, by collection; reads through what has no index by user."""

    def erase(self, user_id: str, *, mark: str) -> dict[str, int]:
        """Delete all there is of a user and return what it was; the ledger's sentences get the mark in the id's place.

        May be run again, also after it was killed. Raise StoreUnavailable where it can't be carried through now.
        """


class RetentionStore(Protocol):
    """What is kept for a time only."""

    def drop(self, kept: Kept, *, before: int, limit: int) -> int:
        """Delete at most `limit` documents whose time is earlier than `before`; return how many."""
