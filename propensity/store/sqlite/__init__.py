"""The store in one SQLite file: for a laptop, a test, or one machine with several processes."""

from propensity.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
