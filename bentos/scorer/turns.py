"""Reads that requests of one turn of the event loop ask for, handed to threads together.

A hop to a thread and back costs as much as a read of a local store, so quick reads share one. Reads that take long,
those of a store across the network, go to a thread each, because waiting is what they do.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")

TOGETHER_SECONDS: Final = 0.002
"""How long the reads of one thread may take together, by what reads took lately: the first waits for the last."""
_MEMORY: Final = 0.1
"""The part of the newest reads in what counts as usual."""

_Asked = tuple[Callable[[], _T], asyncio.Future[_T]]
_Answered = tuple[asyncio.Future[_T], _T | Exception]


class Turns(Generic[_T]):
    """Runs blocking reads in a pool; for one event loop."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._waiting: list[_Asked[_T]] = []
        self._usual = TOGETHER_SECONDS
        """Seconds of one read; as long as nothing is known, each gets a thread."""

    async def run(self, read: Callable[[], _T]) -> _T:
        """Return what `read` returns, run in a thread at the end of this turn."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._hand_over, loop)
        future: asyncio.Future[_T] = loop.create_future()
        self._waiting.append((read, future))
        return await future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        size = max(1, int(TOGETHER_SECONDS / self._usual))
        for start in range(0, len(waiting), size):
            try:
                self._threads.submit(self._read, waiting[start : start + size], loop)
            except RuntimeError as error:  # the pool is closed: the service is stopping
                refused: list[_Answered[_T]] = [(future, error) for _, future in waiting[start:]]
                _deliver(refused)
                return

    def _read(self, part: list[_Asked[_T]], loop: asyncio.AbstractEventLoop) -> None:
        started = time.monotonic()
        answers: list[_Answered[_T]] = []
        for read, future in part:
            if future.cancelled():
                continue
            try:
                answers.append((future, read()))
            except Exception as error:  # noqa: BLE001 - each request's own door deals with it
                answers.append((future, error))
        if answers:
            taken = (time.monotonic() - started) / len(answers)
            self._usual += _MEMORY * (max(taken, 1e-6) - self._usual)
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(_deliver, answers)


def _deliver(answers: list[_Answered[_T]]) -> None:
    for future, answer in answers:
        if future.done():
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
