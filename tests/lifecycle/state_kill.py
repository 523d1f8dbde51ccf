"""The real ledger of a process that ends when it has written a given state."""

from collections.abc import Callable, Collection

from propensity.errors import StoreUnavailable
from propensity.store import LedgerEntry, Store


class Killed(StoreUnavailable):
    """Stands for a process that ends here."""


class KilledAfter:
    """The real ledger, which ends the process after an entry of some kinds came to a given state."""

    def __init__(self, real: Store, state: str, *, kinds: Collection[str]) -> None:
        self._real = real.ledger
        self._state = state
        self._kinds = kinds

    def __getattr__(self, name: str) -> object:
        found = getattr(self._real, name)
        return self._watched(found) if name in {"claim", "move"} else found

    def _watched(self, write: Callable[..., LedgerEntry | None]) -> Callable[..., LedgerEntry | None]:
        def function(*given: object, **named: object) -> LedgerEntry | None:
            entry = write(*given, **named)
            if entry is not None and entry.kind in self._kinds and entry.state == self._state:
                raise Killed
            return entry

        return function
