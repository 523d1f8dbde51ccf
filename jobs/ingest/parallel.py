"""Work on many pieces at once and results in their order, with few pieces held at a time.

Threads, because Polars lets go of the interpreter while it works; by pieces, because most of what a piece needs runs
on one core.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")
_U = TypeVar("_U")


def in_order(work: Callable[[_T], _U], pieces: Iterable[_T], *, threads: int) -> Iterator[_U]:
    """Yield `work(piece)` of each piece in order; at most one piece more than threads is held."""
    waiting: deque[Future[_U]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for piece in pieces:
                waiting.append(pool.submit(work, piece))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
