"""What an engine does, and the one that needs nothing: this process, with the threads of the libraries it calls.

A protocol of two calls, because two things are heavy: to go over all users, and to compare candidates.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol, TypeVar

import joblib  # type: ignore[import-untyped]

from propensity.store import Store, UserRange

_T = TypeVar("_T")
Work = Callable[[Store, UserRange], Iterator[_T]]
"""What is done for some users, part by part. To travel, it is a function of a module, or a `functools.partial` of one with plain
values; its parts are Polars frames, numbers or texts. It may be done twice: what it writes must be idempotent."""


class Engine(Protocol):
    """Where heavy work runs."""

    @property
    def is_here(self) -> bool:
        """Whether work runs in this process, so that it may hold what does not travel."""

    def over_users(self, work: Work[_T], store: Store, *, events_at_once: int) -> Iterator[_T]:
        """Yield the parts of the work for all users, each of them covered once, in any order.

        Elsewhere users are split so that about `events_at_once` events are worked on by one call. An error of the
        work is raised here as it is; EngineUnavailable where the engine itself fails.
        """

    def searching(self, shared: Sequence[Any], *, workers: int) -> AbstractContextManager[int]:
        """Let joblib's calls inside run here; gives the `n_jobs` to ask for.

        `workers` is how many there are on this machine; `shared` are the arrays that all calls are given.
        """


class ThisMachine:
    """This process: everybody at once, read as a stream."""

    is_here: Final = True

    def over_users(self, work: Work[_T], store: Store, *, events_at_once: int) -> Iterator[_T]:  # noqa: ARG002 - see Engine
        """Do the work for everybody."""
        return work(store, UserRange())

    @contextmanager
    def searching(self, shared: Sequence[Any], *, workers: int) -> Iterator[int]:  # noqa: ARG002 - see Engine
        """Use threads: a forest lets go of the interpreter's lock, and processes cost seconds each."""
        with joblib.parallel_config(backend="threading"):
            yield workers


HERE: Final[Engine] = ThisMachine()
"""Holds nothing, so that it may be anybody's default."""
