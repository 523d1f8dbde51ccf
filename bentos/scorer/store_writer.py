"""Writes predictions to the store, and waits only so long for it.

A store that is away says so; one that hangs says nothing until its driver gives up, and until then the queue would
fill. Each write has a thread of its own that may be left behind: the records carry their key, so what is stored after
all and replayed as well is stored once.
"""

import logging
import threading
import time
from enum import Enum
from typing import Final

from propensity.errors import StoreUnavailable
from propensity.store import Prediction, Store

logger = logging.getLogger(__name__)

ANSWER_SECONDS: Final = 2.0
"""How long a write may take; meanwhile the queue must hold the traffic."""
SHADOW: Final = "shadow"
"""Route of what nobody was answered: it has a place of its own in the store."""
PAUSE_SECONDS: Final = 2.0
"""How long the store is left alone after it failed."""


class Outcome(Enum):
    """What became of a write."""

    STORED = "stored"
    AWAY = "away"
    """Not stored; later it may be."""
    REFUSED = "refused"
    """It failed for another reason than the store's being away, and will again."""


class StoreWriter:
    """Adds predictions to a store; for one thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._back_at = 0.0
        self._write: _Write | None = None

    def is_resting(self) -> bool:
        """Whether the store failed a moment ago, or still hangs over an earlier write."""
        return time.monotonic() < self._back_at or (self._write is not None and self._write.is_alive())

    def hurry(self) -> None:
        """Forget the pause: there is no later."""
        self._back_at = 0.0

    def add(self, batch: list[Prediction]) -> Outcome:
        """Store a batch, unless the store is resting or does not answer in time."""
        if self.is_resting():
            return Outcome.AWAY
        self._write = _Write(self._store, batch)
        self._write.start()
        self._write.join(ANSWER_SECONDS)
        outcome = self._write.outcome
        if outcome is Outcome.AWAY:
            if not self._back_at:
                logger.warning("predictions are spooled", extra={"why": self._write.why})
            self._back_at = time.monotonic() + PAUSE_SECONDS
        else:
            self._back_at = 0.0
        return outcome


class _Write(threading.Thread):
    """One write, in a thread that does not keep the process from ending."""

    def __init__(self, store: Store, batch: list[Prediction]) -> None:
        super().__init__(name="prediction-write", daemon=True)
        self._store = store
        self._batch = batch
        self.outcome = Outcome.AWAY
        self.why = "The store does not answer in time. Check its load."

    def run(self) -> None:
        """Write, and leave the outcome behind."""
        try:
            self._write()
        except StoreUnavailable as error:
            self.why = str(error)
        except Exception as error:  # noqa: BLE001 - the thread's door; its text might quote a record
            logger.error("predictions can't be stored", extra={"error": type(error).__name__})  # noqa: TRY400
            self.outcome = Outcome.REFUSED
        else:
            self.outcome = Outcome.STORED

    def _write(self) -> None:
        shadows = [one for one in self._batch if one.route == SHADOW]
        if shadows:
            self._store.shadows.add(shadows)
        if len(shadows) < len(self._batch):
            self._store.predictions.add([one for one in self._batch if one.route != SHADOW])
