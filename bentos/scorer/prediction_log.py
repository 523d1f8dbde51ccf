"""Every answer is logged, and no request waits for it.

Requests add to a queue in memory; one thread empties it in batches into the store, or onto the spool while the store
is away, hangs, or is slower than the traffic, and replays the spool when there is time. Lost are only records in memory
when the process is killed, and those that a full queue or spool has no room for or nobody can read, which are counted.
"""

import logging
import threading
from collections import deque
from pathlib import Path
from typing import Final

from bentos.scorer.measures import Measures
from bentos.scorer.segments import Frame, read_segment
from bentos.scorer.spool import Spool
from bentos.scorer.store_writer import Outcome, StoreWriter
from propensity.store import Prediction, Store
from propensity.store.forgotten import NOBODY, Forgotten

logger = logging.getLogger(__name__)

MAX_QUEUE: Final = 50_000
"""Records in memory, about 40 MB."""
CROWDED: Final = 15_000
"""From this queue length on records go to the spool, which takes them faster than a store."""
BATCH: Final = 500
SPOOL_BATCH: Final = 1_000
"""Larger, because each costs an fsync; no larger, because it is replayed at once too: 5,000 left 13 to 17 MB behind."""
ROUND_SECONDS: Final = 0.2
"""How often the queue is looked at: requests never wake the thread, because waking costs them more than adding.
It is what gathers a batch, too: a thread that wrote whatever is there would write record by record."""


class PredictionLog:
    """The way of predictions into the store."""

    def __init__(self, store: Store | None, *, spool: Spool | None, measures: Measures) -> None:
        """Log to a store by way of a spool; without a store records are counted and dropped."""
        self._writer = StoreWriter(store) if store is not None else None
        self._spool = spool
        self._measures = measures
        self._queue: deque[Prediction] = deque()
        self._in_hand: list[Prediction] = []
        """Taken from the queue and not yet anywhere else."""
        self._forgotten = NOBODY
        self._to_clear: Forgotten | None = None
        self.cleared = 0
        """Number of the marks that the spool was cleared of; it need not be done again before there are more."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)

    def start(self) -> None:
        """Begin to empty the queue."""
        if self._writer is not None:
            self._thread.start()

    def add(self, prediction: Prediction) -> None:
        """Queue one record."""
        if self._writer is None:
            self._measures.log["unlogged"] += 1
        elif len(self._queue) >= MAX_QUEUE:
            self._measures.log["lost"] += 1
        else:
            self._queue.append(prediction)

    def forget(self, forgotten: Forgotten) -> None:
        """Keep these users out from now on, and clear the spool of them in the next round."""
        self._forgotten = forgotten
        self._to_clear = forgotten

    def close(self, *, seconds: float = 10.0) -> None:
        """Write out what is queued, to the store or else to the spool, and stop; what is left then is lost."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=seconds)
        if self._thread.is_alive():
            self._lose(len(self._queue) + len(self._in_hand), why="The disk of the spool does not answer.")

    def _run(self) -> None:
        while not self._stopping.wait(0.0 if len(self._queue) >= BATCH else ROUND_SECONDS):
            self._round()
        self._round()
        while self._queue:
            self._round()
        if self._spool is not None:
            self._spool.seal()

    def _round(self) -> None:
        try:
            if self._stopping.is_set() and self._writer is not None:
                self._writer.hurry()
            self._clear_spool()
            self._empty_queue()
            self._replay()
        except Exception:  # the thread's door: a bug in one round must not end the log
            logger.exception("prediction log failed in one round")
            self._lose(len(self._in_hand), why="The round failed.")
            self._in_hand = []
        self._tell()

    def _tell(self) -> None:
        self._measures.log_queue = len(self._queue)
        self._measures.spool_bytes = self._spool.size if self._spool else 0

    def _empty_queue(self) -> None:
        """Write what is queued now; what comes meanwhile is left to the next time, or nothing else would have one."""
        left = len(self._queue)
        while left:
            is_crowded = len(self._queue) > CROWDED
            size = min(left, SPOOL_BATCH if is_crowded or self._is_resting() else BATCH)
            left -= size
            self._in_hand = self._remembered([self._queue.popleft() for _ in range(size)])
            if is_crowded or self._store(self._in_hand, state="stored") is not Outcome.STORED:
                self._put_on_spool(self._in_hand)
            self._in_hand = []

    def _remembered(self, batch: list[Prediction]) -> list[Prediction]:
        kept = self._forgotten.records(batch)
        self._measures.log["forgotten"] += len(batch) - len(kept)
        return kept

    def _clear_spool(self) -> None:
        forgotten, self._to_clear = self._to_clear, None
        if forgotten is None:
            return
        lost = self._spool.clear(forgotten) if self._spool is not None else 0
        if lost is not None:
            self.cleared = forgotten.number
            self._lose(lost, why="They could not be read when the spool was cleared of forgotten users.")

    def _is_resting(self) -> bool:
        return self._writer is None or self._writer.is_resting()

    def _store(self, batch: list[Prediction], *, state: str) -> Outcome:
        outcome = Outcome.AWAY if self._writer is None else self._writer.add(batch)
        if outcome is Outcome.STORED:
            self._measures.log[state] += len(batch)
        return outcome

    def _put_on_spool(self, batch: list[Prediction]) -> None:
        is_kept = self._spool is not None and self._spool.append(batch)
        self._measures.log["spooled" if is_kept else "lost"] += len(batch)

    def _replay(self) -> None:
        """Store what is spooled, oldest first, as long as the store answers and nobody asks to be forgotten."""
        while not (self._spool is None or self._is_called_away() or self._is_resting()):
            segment = self._spool.oldest()
            if segment is None:
                return
            lost = self._replay_segment(segment)
            if lost:
                self._spool.set_aside(segment)
                self._lose(lost, why="They can't be read or stored; their segment is set aside.")
            elif lost == 0:
                self._spool.remove(segment)
            self._tell()

    def _is_called_away(self) -> bool:
        return self._stopping.is_set() or self._to_clear is not None

    def _replay_segment(self, segment: Path) -> int | None:
        """Store a segment's records; return how many can't be, or None where it has to be done again."""
        lost = 0
        try:
            for frame in read_segment(segment):
                refused = self._replay_frame(frame)
                if refused is None or self._stopping.is_set():
                    return None
                lost += refused
                self._empty_queue()
                self._tell()
        except FileNotFoundError:
            return 0  # another process was quicker
        except OSError as error:
            logger.warning("spooled segment can't be read", extra={"error": type(error).__name__})
            return lost + 1
        return lost

    def _replay_frame(self, frame: Frame) -> int | None:
        return frame.size if frame.records is None else self._replay_records(frame.records)

    def _replay_records(self, records: list[Prediction]) -> int | None:
        """Store records; where the store refuses them, halve until only those that it refuses are left out."""
        outcome = self._store(records, state="replayed")
        if outcome is not Outcome.REFUSED:
            return 0 if outcome is Outcome.STORED else None
        if len(records) == 1:
            return 1
        half = len(records) // 2
        refused = [self._replay_records(part) for part in (records[:half], records[half:])]
        return None if None in refused else sum(one for one in refused if one)

    def _lose(self, count: int, *, why: str) -> None:
        self._measures.log["lost"] += count
        if count:
            logger.error("predictions are lost", extra={"count": count, "why": why})
