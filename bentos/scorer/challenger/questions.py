"""A/B and canary: the rows of the challenger's users, put to its process while their requests wait, up to a deadline.

One thread asks for all that wait at the moment, so that a crowd is one call. Who can't be answered in time is told so,
and the champion answers instead.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple

from bentos.scorer.challenger.challenger import Challenger
from bentos.scorer.challenger.tally import Tally

logger = logging.getLogger(__name__)

MAX_ROWS: Final = 20_000
"""Waiting, about 4 MB: two batches of users at most."""
CROWD: Final = 512
"""Rows in one call, unless a single request holds more."""
ROWS_A_DEADLINE: Final = 500
"""A batch may take a request's time once more for each so many rows."""
ROUND_SECONDS: Final = 0.25
PATIENCE: Final = 2.0
"""Seconds after which a process that does not answer counts as hung; requests have given it up long before."""

Answers = list[float | None]
_NONE: Final = object()


class Question(NamedTuple):
    """Rows of one request, and where their answers are waited for."""

    rows: Sequence[bytes]
    answers: "Future[Answers]"


class Questions:
    """Requests' rows on their way to the challenger and back."""

    def __init__(self, challenger: Challenger, *, seconds: float, tally: Tally) -> None:
        """Wait `seconds` for each answer."""
        self._challenger = challenger
        self._seconds = seconds
        self._tally = tally
        self._asked: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="challenger", daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    async def answer(self, row: bytes) -> float | None:
        """Return the challenger's answer to a row; None where there is none in time."""
        asked = self._ask([row])
        if asked is None:
            return None
        try:
            return (await asyncio.wait_for(asyncio.wrap_future(asked), self._seconds))[0]
        except TimeoutError:
            self._tally.failed += 1
            return None

    def answers(self, rows: Sequence[bytes]) -> Answers:
        """Return the challenger's answers to rows, blocking; None for those it does not answer in time."""
        asked = self._ask(rows)
        if asked is None:
            return [None] * len(rows)
        try:
            return asked.result(self._seconds * (1 + len(rows) / ROWS_A_DEADLINE))
        except TimeoutError:
            asked.cancel()
            self._tally.failed += len(rows)
            return [None] * len(rows)

    def close(self) -> None:
        """End the challenger's process, whatever it is doing; who waits is told that there is no answer."""
        self._stopping.set()
        self._challenger.interrupt()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def _ask(self, rows: Sequence[bytes]) -> "Future[Answers] | None":
        if self._challenger.child is None or self._stopping.is_set():
            return None
        with self._lock:
            if self._waiting + len(rows) > MAX_ROWS:
                return None
            self._waiting += len(rows)
        question = Question(rows, Future())
        self._asked.put(question)
        return question.answers

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._challenger.running()
                self._put(self._next())
        except Exception:  # the thread's door: the challenger's trouble is not the service's
            logger.exception("challenger's thread ended")
            self._tally.given_up = "Its thread ended. See the service's log."
        finally:
            self._challenger.end()
            self._tell(_waiting(self._next(wait=False)), None)

    def _next(self, *, wait: bool = True) -> list[Question]:
        """Return what waits: at least one question, unless there is none for a while."""
        found: list[Question] = []
        rows = 0
        while rows < CROWD:
            try:
                question = self._asked.get(timeout=ROUND_SECONDS if wait and not found else 0.0)
            except queue.Empty:
                break
            found.append(question)
            rows += len(question.rows)
        with self._lock:
            self._waiting -= rows
        return found

    def _put(self, questions: list[Question]) -> None:
        """Ask, for those who still wait."""
        waiting = _waiting(questions)
        if waiting:
            self._tell(waiting, self._challenger.probabilities([row for one in waiting for row in one.rows]))

    def _tell(self, questions: list[Question], answers: Answers | None) -> None:
        place = 0
        for one in questions:
            size = len(one.rows)
            one.answers.set_result(answers[place : place + size] if answers else [None] * size)
            place += size


def _waiting(questions: Sequence[Question]) -> list[Question]:
    """Return those whose requests have not given them up, which they can't do any more from now on."""
    return [one for one in questions if one.answers.set_running_or_notify_cancel()]
