"""Connections to one SQLite file, for many threads and processes at once.

A connection serves one thread at a time and is then reused. Writes begin IMMEDIATE, so that two writers wait for
each other instead of failing half-way, and wait by asking every few milliseconds: SQLite's own waiting backs off to
0.1 s and would rarely find the gap between two batches of a bulk load. Each commit is synced (`synchronous=FULL`):
POST /events answers 202 for what is durable, and for all other writers a sync a batch is not worth a second mode.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from propensity.errors import StoreUnavailable
from propensity.store.sqlite.failures import is_busy, translated
from propensity.store.sqlite.forgotten import Marks
from propensity.store.sqlite.schema import MIGRATIONS, migrate, version_of

PAGE_BYTES: Final = 8192
CACHE_KIB: Final = 4 * 1024
"""Of each connection: a service holds one per thread, and a user's history is a handful of pages."""
BULK_CACHE_KIB: Final = 64 * 1024
"""Of the one connection that takes bulk loads, whose rows go to pages all over the file."""
MAX_IDLE: Final = 8
"""Connections kept for the next use; those of a rush beyond it are closed."""
CHECKPOINT_PAGES: Final = 8000
"""64 MiB of write-ahead log: a bulk load rewrites the same pages often, so folding them in late is cheaper."""
POLL_SECONDS: Final = 0.002
TURN_SECONDS: Final = 2 * POLL_SECONDS


class Database:
    """One file's connections; thread-safe. Nothing is opened before the first use."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        self.path = path
        self.timeout = timeout
        self.marks = Marks()
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._idle_bulk: list[sqlite3.Connection] = []
        self._prepared = False
        self._closed = False

    @contextmanager
    def reading(self, *, bulk: bool = False) -> Iterator[sqlite3.Connection]:
        """Lend a connection; each statement sees what was committed when it began."""
        with translated(self.path):
            connection = self._borrow(bulk=bulk)
            try:
                yield connection
            finally:
                self._give_back(connection, bulk=bulk)

    @contextmanager
    def writing(self, *, bulk: bool = False) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside a write transaction: all of it happens, durably, or nothing.

        `bulk` takes the one whose cache is large, and keeps it warm for the next batch.
        """
        with self.reading(bulk=bulk) as connection:
            self._begin(connection)
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def give_way(self) -> None:
        """Let another process write between two batches of a long job: it asks every POLL_SECONDS."""
        time.sleep(TURN_SECONDS)

    def close(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        with self._lock:
            self._closed = True
            idle = self._idle + self._idle_bulk
            self._idle, self._idle_bulk = [], []
        for connection in idle:
            connection.close()

    def _borrow(self, *, bulk: bool) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreUnavailable(f"The store {self.path} was closed. Open it again.")
            if idle := self._idle_bulk if bulk else self._idle:
                return idle.pop()
            if not self._prepared:
                self._prepare()
                self._prepared = True
        return self._connect(cache_kib=BULK_CACHE_KIB if bulk else CACHE_KIB)

    def _give_back(self, connection: sqlite3.Connection, *, bulk: bool) -> None:
        with self._lock:
            idle, most = (self._idle_bulk, 1) if bulk else (self._idle, MAX_IDLE)
            if not self._closed and len(idle) < most:
                idle.append(connection)
                return
        connection.close()

    def _prepare(self) -> None:
        """Make folder, file and tables where they are missing."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(
                f"The folder of the store {self.path} can't be made ({error.strerror}). "
                "Name a folder you may write to in PROPENSITY_STORE_URI or PROPENSITY_HOME."
            ) from error
        with closing(self._connect()) as connection:
            if version_of(connection) < len(MIGRATIONS):
                self._insist(connection, "PRAGMA journal_mode = WAL")
                self._begin(connection)
                migrate(connection)
                connection.execute("COMMIT")

    def _connect(self, *, cache_kib: int = CACHE_KIB) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self.timeout, isolation_level=None, check_same_thread=False
        )
        for setting in (
            f"page_size = {PAGE_BYTES}",
            "synchronous = FULL",
            f"cache_size = -{cache_kib}",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"journal_size_limit = {CHECKPOINT_PAGES * PAGE_BYTES}",
        ):
            connection.execute(f"PRAGMA {setting}")
        return connection

    def _begin(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            self._insist(connection, "BEGIN IMMEDIATE")
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(self.timeout * 1000)}")

    def _insist(self, connection: sqlite3.Connection, statement: str) -> None:
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                connection.execute(statement)
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > deadline:
                    raise
                time.sleep(POLL_SECONDS)
            else:
                return
