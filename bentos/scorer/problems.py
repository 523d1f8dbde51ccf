"""What the service answers instead of a prediction: one shape for every error, whatever found it.

A Problem carries no value that a client sent, so that it may be logged as it is.
"""

from typing import Final

import msgspec

from propensity.errors import PropensityError


class ErrorDetail(msgspec.Struct, frozen=True):
    """What is wrong, for a program (`code`), a person (`message`) and a form (`field`)."""

    code: str
    message: str
    field: str | None = None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer that is no 2xx."""

    error: ErrorDetail


class Problem(PropensityError):
    """A request that can't be answered as asked."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        field: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        """Say what is wrong and what to do in `message`; `headers` go out with the answer."""
        super().__init__(message)
        self.status = status
        self.detail = ErrorDetail(code=code, message=message, field=field)
        self.headers = headers


_RETRY_SOON: Final = ((b"retry-after", b"1"),)
_RETRY_LATER: Final = ((b"retry-after", b"5"),)


def invalid(message: str, *, field: str | None = None) -> Problem:
    """Return the answer to a body that breaks the schema."""
    return Problem(message, status=422, code="invalid", field=field)


def too_large(limit: int) -> Problem:
    """Return the answer to a body of more than `limit` bytes."""
    return Problem(
        f"The body is larger than {limit} bytes. Send less at a time.", status=413, code="too_large"
    )


def unknown_user() -> Problem:
    """Return the answer where nothing at all is known to predict from."""
    return Problem(
        "Nothing is known of this user and no feature is given. Send the user's events first, or give features.",
        status=404,
        code="unknown_user",
        field="user_id",
    )


def store_away() -> Problem:
    """Return the answer where only the store could help."""
    return Problem(
        "The event store does not answer. Try again, or give features to be answered without it.",
        status=503,
        code="store_away",
        headers=_RETRY_LATER,
    )


def no_store() -> Problem:
    """Return the answer of a packaged model without a store to a request without features."""
    return Problem(
        "This service has no event store, so it knows no users. Give features with the request.",
        status=503,
        code="no_store",
    )


def not_ready(reason: str) -> Problem:
    """Return the answer while no verified model is there."""
    return Problem(reason, status=503, code="not_ready", headers=_RETRY_LATER)


def unsound_model() -> Problem:
    """Return the answer where the model's own was no probability; nothing of it is logged or acted upon."""
    return Problem(
        "The model's answer for these features is no probability. Roll back to the version before it.",
        status=503,
        code="model_unsound",
    )


def too_busy() -> Problem:
    """Return the answer beyond the bounds on what is worked on at once."""
    return Problem(
        "Too many requests are being answered. Wait the time that Retry-After says and send it again.",
        status=429,
        code="too_busy",
        headers=_RETRY_SOON,
    )
