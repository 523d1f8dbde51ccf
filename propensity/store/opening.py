"""Opens the store an address names; the only place that knows there is more than one.

The implementation is imported when it is asked for, so that who keeps to SQLite never imports pymongo.
"""

from propensity.errors import SettingsError
from propensity.store.protocol import Store

SQLITE = "sqlite:///"
MONGO = ("mongodb://", "mongodb+srv://")


def open_store(uri: str, *, timeout: float | None = None) -> Store:
    """Return the store at `sqlite:///path` or `mongodb://…/database`; SettingsError for any other address.

    Nothing is contacted yet: the first use is, and raises StoreUnavailable where there is no answer within `timeout`
    seconds (SQLite: waiting for other writers, 10; MongoDB: finding the server, 3, and each of its answers, 60). So a
    service may start while its store is away, and finds it when it is back. Open a store in the process that uses it, not before a fork.
    """
    if uri.startswith(SQLITE):
        from propensity.store.sqlite import SqliteStore  # noqa: PLC0415 - see the module's docstring

        return SqliteStore(_path(uri)) if timeout is None else SqliteStore(_path(uri), timeout=timeout)
    if uri.startswith(MONGO):
        from propensity.store.mongo import MongoStore  # noqa: PLC0415

        return MongoStore(uri) if timeout is None else MongoStore(uri, timeout=timeout)
    raise SettingsError(
        f"PROPENSITY_STORE_URI starts with {_scheme(uri)!r}, which is no store. "
        "Set it to sqlite:///path/to/file or mongodb://host/database, or unset it for the default."
    )


def _path(uri: str) -> str:
    path = uri.removeprefix(SQLITE)
    if not path or path.startswith(":"):
        raise SettingsError(
            f"PROPENSITY_STORE_URI is {uri!r}, which names no file. "
            "Set it to sqlite:///path/to/file, with four slashes where the path is absolute."
        )
    return path


def _scheme(uri: str) -> str:
    """Only the scheme is ever shown: what follows may hold a password."""
    return uri.partition("://")[0] if "://" in uri else ""
