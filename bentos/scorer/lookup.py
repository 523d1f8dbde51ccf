"""A user's features from the store while a request waits: off the event loop, with a deadline, and giving up fast.

After a failure the store is left alone for a moment and then tried by one request alone, so that a store that is away
costs the requests with features nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as WaitTimeout
from functools import partial
from typing import Final

from bentos.scorer.measures import Measures
from bentos.scorer.rows import Absent, Stored
from bentos.scorer.turns import Turns
from propensity.errors import StoreUnavailable
from propensity.features.online import user_features
from propensity.store import Store

logger = logging.getLogger(__name__)

THREADS: Final = 8
DEADLINE_SECONDS: Final = 0.5
"""A read takes a few milliseconds; who waits longer is better served with what was given."""
PATIENT_SECONDS: Final = 3.0
"""The same where nothing was given, so that there is no other answer."""
ALIVE_SECONDS: Final = 2.0
"""A store that answered anybody within this time is slow, not away: one late read closes no door."""
BATCH_DEADLINE_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 1.0
"""How long the store is left alone after it failed."""


class Lookup:
    """Reads feature rows of users."""

    def __init__(self, store: Store | None, *, measures: Measures, monotonic: Callable[[], float]) -> None:
        """Read from a store, or from none at all."""
        self._store = store
        self._measures = measures
        self._monotonic = monotonic
        self._is_away = False
        self._next_try = 0.0
        self._answered_at = -ALIVE_SECONDS
        self._singles = ThreadPoolExecutor(THREADS, thread_name_prefix="lookup")
        self._turns = Turns[Stored](self._singles)
        self._batches = ThreadPoolExecutor(THREADS, thread_name_prefix="batch-lookup")

    async def find(self, user_id: str, *, cutoff: int, lag: int, patiently: bool = False) -> Stored:
        """Return one user's row, or why there is none, within the deadline."""
        if self._store is None:
            return Absent.NO_STORE
        if not self._may_ask():
            return Absent.STORE_AWAY
        started = self._monotonic()
        try:
            async with asyncio.timeout(PATIENT_SECONDS if patiently else DEADLINE_SECONDS):
                row = await self._turns.run(partial(self._read, user_id, cutoff, lag))
        except (StoreUnavailable, TimeoutError) as error:
            self._failed(error)
            return Absent.STORE_AWAY
        self._answered()
        self._measures.lookup(self._answered_at - started)
        return row

    def find_many(self, user_ids: Sequence[str], *, cutoff: int, lag: int) -> list[Stored]:
        """Return the rows of many users, in order; blocking, for a thread of its own."""
        if self._store is None:
            return [Absent.NO_STORE] * len(user_ids)
        if not user_ids:
            return []
        if not self._may_ask():
            return [Absent.STORE_AWAY] * len(user_ids)
        until = time.monotonic() + BATCH_DEADLINE_SECONDS
        size = -(-len(user_ids) // THREADS)
        parts = [user_ids[start : start + size] for start in range(0, len(user_ids), size)]
        waiting = [self._batches.submit(self._read_part, part, cutoff, lag, until) for part in parts]
        found: list[Stored] = []
        for part, future in zip(parts, waiting, strict=True):
            try:
                found += future.result(timeout=max(0.0, until + 1 - time.monotonic()))
            except WaitTimeout as error:
                self._failed(error)
                found += [Absent.STORE_AWAY] * len(part)
        if Absent.STORE_AWAY not in found:
            self._answered()
        return found

    def close(self) -> None:
        """Let no further reads begin."""
        self._singles.shutdown(wait=False, cancel_futures=True)
        self._batches.shutdown(wait=False, cancel_futures=True)

    def _may_ask(self) -> bool:
        if not self._is_away:
            return True
        if self._monotonic() < self._next_try:
            return False
        self._next_try = self._monotonic() + PAUSE_SECONDS
        return True

    def _answered(self) -> None:
        self._is_away = False
        self._answered_at = self._monotonic()

    def _failed(self, error: Exception) -> None:
        self._measures.lookup_failed()
        if isinstance(error, TimeoutError) and self._monotonic() - self._answered_at < ALIVE_SECONDS:
            return
        if not self._is_away:
            logger.warning("store does not answer lookups", extra={"error": type(error).__name__})
        self._is_away = True
        self._next_try = self._monotonic() + PAUSE_SECONDS

    def _read(self, user_id: str, cutoff: int, lag: int) -> Stored:
        assert self._store is not None  # noqa: S101 - find and find_many have seen to it
        row = user_features(self._store.events, user_id, cutoff=cutoff, lag=lag)
        return Absent.UNKNOWN_USER if row is None else row

    def _read_part(self, user_ids: Sequence[str], cutoff: int, lag: int, until: float) -> list[Stored]:
        rows: list[Stored] = []
        try:
            for user_id in user_ids:
                if time.monotonic() > until:
                    break
                rows.append(self._read(user_id, cutoff, lag))
        except StoreUnavailable as error:
            self._failed(error)
        return rows + [Absent.STORE_AWAY] * (len(user_ids) - len(rows))
