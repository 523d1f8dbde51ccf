"""Stores that can be taken away from a service while it runs, and given back.

MongoDB stands behind a line of TCP that is cut: the service sees what it sees when a server or a network is gone. A file
can't be taken from a process that has it open, so SQLite is held by another writer: reads go on, nothing can be written.
"""

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit


class Outage(Protocol):
    """What takes a store away."""

    def begin(self) -> None:
        """Take the store away."""

    def end(self) -> None:
        """Give it back."""


@dataclass(frozen=True, kw_only=True)
class Breakable:
    """A store, by the address that the service knows and by one that always works."""

    name: str
    uri: str
    direct_uri: str
    outage: Outage
    are_reads_lost: bool
    """Whether nothing can be read either during an outage."""


class Line:
    """A line to a server that can be cut: what is on it breaks off, and nobody gets through until it is mended."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._is_cut = False
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self) -> None:
        """Cut the line."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        """Mend it."""
        self._is_cut = False

    def close(self) -> None:
        """Take it down for good."""
        self.begin()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # the line was taken down
                return
            try:
                if self._is_cut:
                    raise ConnectionRefusedError
                far = socket.create_connection(self._server, timeout=10)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while part := one.recv(65_536):
                other.sendall(part)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._open.discard(one)
        one.close()


class Held:
    """An SQLite file that another process begins to write to, and does not end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._holder: sqlite3.Connection | None = None

    def begin(self) -> None:
        """Begin to write."""
        self._holder = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        self._holder.execute("BEGIN IMMEDIATE")

    def end(self) -> None:
        """Let go without having written."""
        if self._holder is not None:
            self._holder.execute("ROLLBACK")
            self._holder.close()
            self._holder = None


@contextmanager
def sqlite_store(path: Path) -> Iterator[Breakable]:
    """Name a file that can be held."""
    uri, held = f"sqlite:///{path}", Held(path)
    try:
        yield Breakable(name="SQLite", uri=uri, direct_uri=uri, outage=held, are_reads_lost=False)
    finally:
        held.end()


@contextmanager
def mongo_store(uri: str) -> Iterator[Breakable]:
    """Put a line before a server; the driver is told not to look for others."""
    parts = urlsplit(uri)
    line = Line(parts.hostname or "127.0.0.1", parts.port or 27_017)
    login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    query = f"{parts.query}&directConnection=true".lstrip("&")
    through = parts._replace(netloc=f"{login}127.0.0.1:{line.port}", query=query).geturl()
    try:
        yield Breakable(name="MongoDB", uri=through, direct_uri=uri, outage=line, are_reads_lost=True)
    finally:
        line.close()
