"""Every answer is logged, and no request waits for it.

Requests add to a queue in memory; one thread empties it in batches into the store, or onto the spool while the store
is away or slower than the traffic, and replays the spool when there is time. Lost are only records in memory when the
process is killed, and those that a full queue or spool has no room for, which are counted.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bentos.scorer.measures import Measures
from bentos.scorer.spool import Spool, read_segment
from propensity.errors import StoreUnavailable
from propensity.store import Prediction, Store

logger = logging.getLogger(__name__)

MAX_QUEUE: Final = 50_000
"""Records in memory, about 40 MB."""
CROWDED: Final = 15_000
"""From this queue length on records go to the spool, which takes them faster than a store."""
BATCH: Final = 500
SPOOL_BATCH: Final = 5_000
"""Larger, because each costs an fsync."""
ROUND_SECONDS: Final = 0.2
"""How often the queue is looked at: requests never wake the thread, because waking costs them more than adding."""
PAUSE_SECONDS: Final = 2.0
"""How long the store is left alone after it failed."""


class PredictionLog:
    """The way of predictions into the store."""

    def __init__(self, store: Store | None, *, spool: Spool | None, measures: Measures) -> None:
        """Log to a store by way of a spool; without a store records are counted and dropped."""
        self._store = store
        self._spool = spool
        self._measures = measures
        self._queue: deque[Prediction] = deque()
        self._stopping = threading.Event()
        self._store_back_at = 0.0
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Begin to empty the queue."""
        if self._store is not None:
            self._thread.start()

    def add(self, prediction: Prediction) -> None:
        """Queue one record."""
        if self._store is None:
            self._measures.log["unlogged"] += 1
        elif len(self._queue) >= MAX_QUEUE:
            self._measures.log["lost"] += 1
        else:
            self._queue.append(prediction)

    def extend(self, predictions: Iterable[Prediction]) -> None:
        """Queue many records."""
        for prediction in predictions:
            self.add(prediction)

    def close(self, *, seconds: float = 10.0) -> None:
        """Write out what is queued, to the store or else to the spool, and stop."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=seconds)

    def _run(self) -> None:
        while not self._stopping.wait(ROUND_SECONDS):
            self._round()
        self._store_back_at = 0.0
        self._empty_queue()
        if self._spool is not None:
            self._spool.seal()
        self._report()

    def _round(self) -> None:
        try:
            self._empty_queue()
            self._replay()
        except Exception:  # the thread's door: a bug in one round must not end the log
            logger.exception("prediction log failed in one round")
        self._report()

    def _report(self) -> None:
        self._measures.log_queue = len(self._queue)
        self._measures.spool_bytes = self._spool.size if self._spool else 0

    def _empty_queue(self) -> None:
        while self._queue:
            is_crowded = len(self._queue) > CROWDED
            size = min(SPOOL_BATCH if is_crowded else BATCH, len(self._queue))
            batch = [self._queue.popleft() for _ in range(size)]
            if is_crowded or not self._store_batch(batch):
                self._spool_batch(batch)

    def _store_batch(self, batch: list[Prediction], *, state: str = "stored") -> bool:
        if self._store is None or time.monotonic() < self._store_back_at:
            return False
        try:
            self._store.predictions.add(batch)
        except StoreUnavailable as error:
            if not self._store_back_at:
                logger.warning("predictions are spooled", extra={"why": str(error)})
            self._store_back_at = time.monotonic() + PAUSE_SECONDS
            return False
        self._store_back_at = 0.0
        self._measures.log[state] += len(batch)
        return True

    def _spool_batch(self, batch: list[Prediction]) -> None:
        is_kept = self._spool is not None and self._spool.append(batch)
        self._measures.log["spooled" if is_kept else "lost"] += len(batch)

    def _replay(self) -> None:
        """Store what is spooled, oldest first, as long as the queue stays short and the store answers."""
        if self._spool is None or time.monotonic() < self._store_back_at:
            return
        while not self._stopping.is_set() and (segment := self._spool.oldest()):
            if not self._replay_segment(segment):
                return
            self._spool.remove(segment)

    def _replay_segment(self, segment: Path) -> bool:
        for frame in read_segment(segment):
            if not self._store_batch(frame, state="replayed"):
                return False
            if self._stopping.is_set():
                return False
            self._empty_queue()
        return True
