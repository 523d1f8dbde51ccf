"""Turns what pymongo raises into StoreUnavailable, with what to do about it and without the password of the URI."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bson.errors import BSONError
from pymongo.errors import (
    ConnectionFailure,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
)

from propensity.errors import StoreUnavailable

DUPLICATE_KEY: Final = 11000
_DENIED: Final = (13, 18)
"""Unauthorized, AuthenticationFailed."""


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Raise StoreUnavailable for what MongoDB at `address` (host and port alone) refuses or leaves unanswered."""
    try:
        yield
    except (PyMongoError, BSONError) as error:
        what, advice = _explanation(error)
        raise StoreUnavailable(f"The store (MongoDB at {address}) {what}. {advice}") from error


def address_of(uri: str) -> str:
    """Return the hosts of a URI, the only part of it that may be shown."""
    return uri.partition("://")[2].rpartition("@")[2].partition("/")[0].partition("?")[0]


def _explanation(error: PyMongoError | BSONError) -> tuple[str, str]:
    if isinstance(error, InvalidOperation):
        return "was closed", "Open it again."
    if isinstance(error, OperationFailure) and error.code in _DENIED:
        return (
            "refuses the user or the password",
            "Check both, and authSource, in PROPENSITY_STORE_URI; the user needs the role readWrite.",
        )
    if isinstance(error, ConnectionFailure):
        return (
            "does not answer",
            "Check that it runs and can be reached, and PROPENSITY_STORE_URI, then try again.",
        )
    if isinstance(error, BSONError):
        return (
            f"can't hold or read a document ({type(error).__name__})",
            "It is too large, or holds what MongoDB has no type for; please report this.",
        )
    code = getattr(error, "code", None)
    return f"failed with {type(error).__name__} (code {code})", "Look for the code in the server's log."
