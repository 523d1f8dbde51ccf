"""Shadow: the challenger answers copies of requests, after their answers were given and off the request path.

Requests add to a short queue and never wake its thread, as with the prediction log; what has no room is dropped and
counted, so that heavy traffic is copied in part, the first of each five seconds. All that waits is one batch, because a
request that comes while a shadow computes and is logged waits a little for the processor: few and short such moments,
not many, keep them out of the slowest hundredth. The thread rests after each batch for as long as the batch took, and
its process has the least claim to the processor.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from bentos.scorer.challenger.challenger import Challenger
from bentos.scorer.challenger.tally import Tally
from bentos.scorer.recording import By
from propensity.store import Prediction

logger = logging.getLogger(__name__)

MAX_COPIES: Final = 100
"""Waiting, so 20 a second: each costs this process as much of its interpreter as the record of an answer does."""
ROUND_SECONDS: Final = 5.0
NICENESS: Final = 19
PATIENCE: Final = 10.0
"""Seconds for one batch: with the least claim to the processor a good model may have to wait, and nobody waits for it."""


class Shadows:
    """Copies of answered requests on their way through the challenger into the log."""

    def __init__(
        self, challenger: Challenger, *, by: By, log: Callable[[Prediction], None], tally: Tally
    ) -> None:
        self._challenger = challenger
        self._by = by
        self._log = log
        self._tally = tally
        self._copies: deque[Prediction] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin to answer copies."""
        self._thread.start()

    def add(self, answer: Prediction) -> None:
        """Queue a copy of what was answered."""
        if len(self._copies) >= MAX_COPIES or self._tally.given_up:
            self._tally.dropped += 1
        else:
            self._copies.append(answer)

    def close(self) -> None:
        """Forget the copies and end the challenger's process, whatever it is doing."""
        self._stopping.set()
        self._challenger.interrupt()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(ROUND_SECONDS):
                self._round()
        except Exception:  # the thread's door: the challenger's trouble is not the service's
            logger.exception("shadow ended")
            self._tally.given_up = "Its thread ended. See the service's log."
        finally:
            self._challenger.end()

    def _round(self) -> None:
        while self._challenger.running() and self._copies and not self._stopping.is_set():
            batch = [self._copies.popleft() for _ in range(len(self._copies))]
            started = time.monotonic()
            answers = self._challenger.probabilities([copy.features for copy in batch])
            seconds = time.monotonic() - started
            self._note(batch, answers, each_us=int(seconds / len(batch) * 1e6))
            self._stopping.wait(seconds)
        if self._tally.given_up:
            self._tally.dropped += len(self._copies)
            self._copies.clear()

    def _note(self, batch: Sequence[Prediction], answers: Sequence[float | None], *, each_us: int) -> None:
        by = self._by
        for copy, probability in zip(batch, answers, strict=True):
            if probability is not None:
                self._log(
                    msgspec.structs.replace(
                        copy,
                        probability=probability,
                        prediction=int(probability >= by.threshold),
                        threshold=by.threshold,
                        model_version=by.version,
                        feature_version=by.feature_version,
                        latency_us=each_us,
                        route="shadow",
                    )
                )
