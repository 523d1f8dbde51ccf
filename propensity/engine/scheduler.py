"""The engine for more machines: the workers of a Dask scheduler; the one module that knows Dask.

Calls are functions of this release and plain values, so scheduler and workers must be of the same release: that is looked
at first. A worker that dies loses nothing: Dask gives its calls to another, and what they write is idempotent.
"""

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from itertools import islice
from typing import Any, Final, TypeVar

import joblib  # type: ignore[import-untyped]
from distributed import Client, Future, KilledWorker, wait
from distributed.security import Security
from distributed.versions import VersionMismatchWarning

from propensity.engine.machine import Work
from propensity.engine.portion import Portion, carry_out, cut, unpacked
from propensity.errors import EngineUnavailable
from propensity.store import Store

CONNECT_SECONDS: Final = 10
WORKER_SECONDS: Final = 120
"""Longest that no worker may be there: an autoscaler needs a minute for a node."""
AHEAD: Final = 2
"""Portions given out for each thread: one is worked on, one waits; more would pile up results."""
SAME_ON_SCHEDULER: Final = ("dask", "distributed")
SAME_ON_WORKERS: Final = (
    "dask",
    "distributed",
    "joblib",
    "numpy",
    "onnxruntime",
    "polars",
    "propensity",
    "scikit-learn",
)
"""What their answers depend on, and what pickles functions by name."""
_FAILURES: Final = (KilledWorker, CancelledError, OSError)
"""A lost connection and a time that is up are OSErrors."""
_T = TypeVar("_T")
_logger = logging.getLogger(__name__)


class DaskEngine:
    """A connection to a scheduler; holds threads of its own until it is closed."""

    is_here: Final = False

    def __init__(self, address: str, *, worker_seconds: float = WORKER_SECONDS) -> None:
        """Connect, wait for a worker, and see that all are of this release; EngineUnavailable otherwise."""
        self._address = address
        self._worker_seconds = worker_seconds
        self._client = _connected(address)
        with contextlib.ExitStack() as unless_ready, self._said_plainly():
            unless_ready.callback(self.close)
            self._expect_same()  # before waiting for workers that such a scheduler never gets
            self._wait_for_worker()
            self._expect_same()
            unless_ready.pop_all()
        _logger.info("connected to Dask", extra={"address": address, "threads": self.threads})

    def over_users(self, work: Work[_T], store: Store, *, events_at_once: int) -> Iterator[_T]:
        """Do the work for portions of users on the workers; see Engine."""
        portions = cut(work, store, threads=self.threads, events_at_once=events_at_once)
        with self._said_plainly():
            for parts in self._carried_out(portions):
                yield from unpacked(parts)

    @contextlib.contextmanager
    def searching(self, shared: Sequence[Any], *, workers: int) -> Iterator[int]:  # noqa: ARG002 - see Engine
        """Let joblib's calls run on the workers.

        The arrays go to every worker first. Where joblib sends them by itself each is on one worker, and lost with it.
        """
        with (
            self._said_plainly(),
            joblib.parallel_config(backend="dask", client=self._client, scatter=list(shared)),
        ):
            yield -1

    def close(self) -> None:
        """Let go of the connection; calls that were not waited for are forgotten by the scheduler."""
        self._client.close(timeout=CONNECT_SECONDS)

    @property
    def threads(self) -> int:
        """How many calls run at once, on all workers."""
        return sum(self._client.nthreads().values())

    def _carried_out(self, portions: Sequence[Portion]) -> Iterator[list[Any]]:
        """Yield what each portion gave, as they finish, with a bounded number of them under way."""
        waiting = iter(portions)
        running = {self._submit(portion) for portion in islice(waiting, AHEAD * self.threads)}
        while running:
            done, running = self._some_done(running)
            running |= {self._submit(portion) for portion in islice(waiting, len(done))}
            for future in done:
                yield future.result()
            done.clear()  # so that the workers forget the results

    def _submit(self, portion: Portion) -> "Future[list[Any]]":
        return self._client.submit(carry_out, portion, pure=False)

    def _some_done(
        self, running: set["Future[list[Any]]"]
    ) -> tuple[set["Future[list[Any]]"], set["Future[list[Any]]"]]:
        """Wait until something is done, as long as there are workers to do it."""
        while True:
            with contextlib.suppress(TimeoutError), self._client.as_current():
                done, rest = wait(running, timeout=self._worker_seconds, return_when="FIRST_COMPLETED")
                return done, rest
            self._wait_for_worker()

    def _wait_for_worker(self) -> None:
        """Return once there is a worker; asking for work is what makes an adaptive cluster start one."""
        if self._client.nthreads():
            return
        try:
            self._client.submit(int, pure=False).result(timeout=self._worker_seconds)
        except TimeoutError as error:
            raise EngineUnavailable(
                f"Dask's scheduler at {self._address} has had no worker for {self._worker_seconds:.0f} s. Start workers of "
                "this release's training image, or unset PROPENSITY_DASK_ADDRESS."
            ) from error

    def _expect_same(self) -> None:
        _expect_same(self._client.get_versions(packages=list(SAME_ON_WORKERS)), address=self._address)

    @contextlib.contextmanager
    def _said_plainly(self) -> Iterator[None]:
        try:
            yield
        except _FAILURES as error:
            raise EngineUnavailable(
                f"Dask at {self._address} gave up ({type(error).__name__}: {error}). See the logs of its workers and "
                "scheduler, and run the command again: what was written stays."
            ) from error


def _connected(address: str) -> Client:
    _expect_certificates(address)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VersionMismatchWarning)  # said by `_expect_same`, and as an error
        try:
            return Client(address, timeout=CONNECT_SECONDS, set_as_default=False, direct_to_workers=False)
        except (OSError, ValueError, ImportError) as error:
            raise EngineUnavailable(
                f"No Dask scheduler answers at {address}. Check PROPENSITY_DASK_ADDRESS and that the scheduler runs, or unset "
                "it to use this machine alone."
            ) from error


def _expect_certificates(address: str) -> None:
    """Raise EngineUnavailable where TLS is asked for and Dask's own settings name no certificates that can be read."""
    if not address.startswith("tls://"):
        return
    try:
        if Security().get_connection_args("client")["ssl_context"] is None:
            raise FileNotFoundError("none is named")
    except OSError as error:
        raise EngineUnavailable(
            f"There are no certificates for {address} ({error}). Name readable files in DASK_DISTRIBUTED__COMM__TLS__CA_FILE, "
            "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY."
        ) from error


def _expect_same(told: Mapping[str, Any], *, address: str) -> None:
    """Raise EngineUnavailable unless scheduler and workers have the versions that matter in common with us."""
    ours = told["client"]["packages"]
    workers = [(f"worker {name}", worker, SAME_ON_WORKERS) for name, worker in told["workers"].items()]
    others = [("scheduler", told["scheduler"], SAME_ON_SCHEDULER), *workers]
    for who, other, names in others:
        for name in names:
            theirs = other["packages"].get(name) or "none"
            if theirs != ours[name]:
                raise EngineUnavailable(
                    f"Dask's {who} ({address}) has {name} {theirs}, this command has {ours[name]}. Run scheduler and workers "
                    "from this release's training image."
                )
