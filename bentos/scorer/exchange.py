"""Reading a request and sending an answer over ASGI, with bounds on size and time.

A body is bounded while it is read, whatever its Content-Length says, and whoever sends one slowly is given up on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator, MutableMapping
from typing import Any, Final

import msgspec

from bentos.scorer.problems import ErrorAnswer, Problem, too_large

ASGIScope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
ASGIApp = Callable[[ASGIScope, Receive, Send], Awaitable[None]]

BODY_SECONDS: Final = 10.0
"""How long a body may take to arrive."""
JSON: Final = b"application/json"

_encode: Final = msgspec.json.Encoder().encode


class Disconnected(Exception):
    """The client went away before its request was complete; there is nobody to answer."""


async def read_body(receive: Receive, headers: Headers, *, limit: int) -> bytes:
    """Return the whole body; a Problem where it is larger than the limit or too slow."""
    for name, value in headers:
        if name == b"content-length" and (len(value) > 18 or not value.isdigit() or int(value) > limit):
            raise too_large(limit)
    reading = _read_all(receive, limit=limit)
    try:
        # Most bodies came with their headers and are read without waiting: a timer costs more than that.
        waits_for = reading.send(None)
    except StopIteration as done:
        return bytes(done.value)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _Begun(reading, waits_for=waits_for)
    except TimeoutError as error:
        raise Problem(
            "The body took too long to arrive. Send it at once.", status=408, code="too_slow"
        ) from error


class _Begun:
    """The rest of a coroutine that was run until it waited for something."""

    def __init__(self, coroutine: Coroutine[Any, Any, bytes], *, waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, bytes]:
        try:
            yield self._waits_for
        except BaseException:
            self._coroutine.close()
            raise
        return (yield from self._coroutine.__await__())


async def _read_all(receive: Receive, *, limit: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def check_content_type(headers: Headers) -> None:
    """Raise a Problem for a body that says it is neither JSON nor unnamed: a form, a picture."""
    for name, value in headers:
        if name == b"content-type":
            kind = value.split(b";")[0].strip().lower()
            is_json = kind == JSON or kind.endswith(b"+json") or kind in {b"", b"text/plain", b"text/json"}
            if not is_json and kind not in {
                b"application/octet-stream",
                b"application/x-www-form-urlencoded",
            }:
                raise Problem("The body is not JSON. Send application/json.", status=415, code="not_json")
            return


def expect_json(headers: Headers) -> None:
    """Raise a Problem unless a body says that it is JSON: what a page of another site sends without asking can't."""
    kinds = [value.split(b";")[0].strip().lower() for name, value in headers if name == b"content-type"]
    if kinds != [JSON]:
        raise Problem("The body is not JSON. Send application/json.", status=415, code="not_json")


async def send_answer(
    send: Send,
    body: bytes,
    *,
    status: int = 200,
    kind: bytes = JSON,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> None:
    """Send a whole answer."""
    length = str(len(body)).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", kind), (b"content-length", length), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def send_problem(send: Send, problem: Problem) -> None:
    """Send an error in its one shape."""
    await send_answer(
        send, _encode(ErrorAnswer(problem.detail)), status=problem.status, headers=problem.headers
    )


def unsupported(method: str, *, allowed: str) -> Problem:
    """Return the answer to a method that a route does not have."""
    return Problem(
        f"This route does not answer {method[:16]}. Use {allowed}.",
        status=405,
        code="method_not_allowed",
        headers=((b"allow", allowed.encode()),),
    )


def no_route() -> Problem:
    """Return the answer to a path that is none of ours."""
    return Problem(
        "There is nothing at this path. See /docs for what there is.", status=404, code="not_found"
    )


def broken() -> Problem:
    """Return the answer to a request that met a fault of ours."""
    return Problem("The service failed to answer. See its log.", status=500, code="internal")
