"""A training's entry in the ledger while it runs: each stage leaves its state there, and hears from it whether to go on.

Others may end a training meanwhile: it took too long, or a person took its slot. Then another may run, so this one must
neither promote what it made nor write over what was said of it.
"""

import contextlib
from collections.abc import Callable

from propensity.errors import StoreUnavailable, TrainingGivenUp
from propensity.lifecycle.trainings import FAILED, is_given_up, number_of
from propensity.store import LedgerEntry, Store


class Progress:
    """Moves the entry of one training on; without an entry it does nothing."""

    def __init__(self, entry: LedgerEntry | None, *, store: Store, clock: Callable[[], int]) -> None:
        """Take the entry as it was when the training began."""
        self._entry = entry
        self._store = store
        self._clock = clock

    @property
    def mark(self) -> str:
        """Names the training: its number, and when it was claimed, for another ledger has the same numbers."""
        return f"{number_of(self._entry)}@{self._entry.at if self._entry else 0}"

    def check(self) -> None:
        """Read the entry again; TrainingGivenUp where others have ended it."""
        if self._entry is None:
            return
        self._entry = self._store.ledger.get(self._entry.sequence) or self._entry
        if is_given_up(self._entry):
            why = self._entry.evidence.get("error", "Another came after it.")
            raise TrainingGivenUp(
                f"Training {number_of(self._entry)} was given up: {why} What it made is not promoted; "
                "`propensity ledger` says what has come since."
            )

    def leave(self, state: str, **evidence: str | int) -> None:
        """Move the entry on from whatever state it is in; TrainingGivenUp where others have ended it."""
        moved = None
        while self._entry is not None and moved is None:
            self.check()
            moved = self._store.ledger.move(
                self._entry.sequence,
                from_state=self._entry.state,
                to_state=state,
                at=self._clock(),
                evidence=evidence,
            )

    def fail(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        """Leave a training that did not end well as failed; the error goes on."""
        with contextlib.suppress(StoreUnavailable, TrainingGivenUp):
            name = kind.__name__ if kind else "stopped"
            self.leave(FAILED, error=str(error) or name, failure=name)
