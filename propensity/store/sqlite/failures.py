"""Turns what sqlite3 raises into StoreUnavailable, with what to do about it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from propensity.errors import StoreUnavailable

_ADVICE: Final = {
    sqlite3.SQLITE_BUSY: (
        "is held by another process",
        "Wait for it to finish, or stop it, and try again.",
    ),
    sqlite3.SQLITE_NOTADB: (
        "is no SQLite database",
        "Name another file in PROPENSITY_STORE_URI, or move this one away.",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "is damaged",
        "Restore a copy, or move it away and ingest the event logs again.",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "can't be opened",
        "Check that its path is a file in a folder you may write to.",
    ),
    sqlite3.SQLITE_READONLY: (
        "can't be written",
        "Give yourself the right to write the file and its folder.",
    ),
    sqlite3.SQLITE_PERM: ("can't be written", "Give yourself the right to write the file and its folder."),
    sqlite3.SQLITE_FULL: ("has no room left", "Free space on its disk and try again."),
    sqlite3.SQLITE_IOERR: ("can't be read or written", "Check its disk, and that it is no network folder."),
}
_OTHER: Final = ("failed", "Check the file with `propensity doctor`.")


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection stands in the way, so that trying again helps."""
    return _primary(error) == sqlite3.SQLITE_BUSY


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise StoreUnavailable for what SQLite, or the folder the file is in, refuses."""
    try:
        yield
    except sqlite3.Error as error:
        what, advice = _ADVICE.get(_primary(error), _OTHER)
        raise StoreUnavailable(f"The store {path} {what} ({error}). {advice}") from error


def _primary(error: sqlite3.Error) -> int:
    """Return the low byte of an extended code, which is the primary one; sqlite3's own errors have none."""
    return int(getattr(error, "sqlite_errorcode", -1)) & 0xFF
