"""Every route of the service, answered before BentoML's own app and its middlewares see the request.

`bentoml serve` stays the entry and keeps the life cycle; but an empty request through its app costs half a millisecond,
most of it tracing, logging and metrics by raw path. Only `/schema.json`, which `bentoml.SyncHTTPClient` reads, and the
lifespan go on to it.
"""

import asyncio
import logging
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import msgspec

from bentos.scorer import keys, pages
from bentos.scorer.answers import StatusAnswer
from bentos.scorer.assembly import Assembly
from bentos.scorer.exchange import (
    ASGIApp,
    Disconnected,
    Headers,
    Receive,
    Scope,
    Send,
    broken,
    check_content_type,
    no_route,
    read_body,
    send_answer,
    send_problem,
    unsupported,
)
from bentos.scorer.measures import CONTENT_TYPE, exposition
from bentos.scorer.problems import Problem, not_ready, too_busy
from bentos.scorer.requests import MAX_BODY, MAX_LONG_BODY

logger = logging.getLogger(__name__)

MAX_IN_FLIGHT: Final = 512
"""Requests worked on at once; the next one is told to come again."""
MAX_LONG: Final = 4
"""Batches, and as many requests with events, worked on at once: each may hold a thread for seconds."""
PASSED_ON: Final = "/schema.json"

_encode: Final = msgspec.json.Encoder().encode
_starting: Final = "The service is starting. Ask again in a moment."

Answer = tuple[bytes, int, bytes]
"""Body, status, content type."""
Handler = Callable[[Assembly, Headers, Receive], Awaitable[Answer]]
_JSON: Final = b"application/json"


async def _predict(assembly: Assembly, headers: Headers, receive: Receive) -> Answer:
    body = await read_body(receive, headers, limit=MAX_BODY)
    return await assembly.scoring.predict(body), 200, _JSON


class _Threaded:
    """Work for a thread of its own, a few at once."""

    def __init__(self, work: Callable[[Assembly, bytes], bytes], *, status: int) -> None:
        self._work = work
        self._status = status
        self._running = 0
        self._threads = ThreadPoolExecutor(MAX_LONG, thread_name_prefix="long-request")

    async def __call__(self, assembly: Assembly, headers: Headers, receive: Receive) -> Answer:
        if self._running >= MAX_LONG:
            raise too_busy()
        self._running += 1
        try:
            body = await read_body(receive, headers, limit=MAX_LONG_BODY)
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, self._work, assembly, body)
        finally:
            self._running -= 1
        return answer, self._status, _JSON


def _batch(assembly: Assembly, body: bytes) -> bytes:
    return _encode(assembly.scoring.predict_batch(body))


def _events(assembly: Assembly, body: bytes) -> bytes:
    return _encode(assembly.intake.add(body))


async def _model(assembly: Assembly, _headers: Headers, _receive: Receive) -> Answer:
    return _encode(assembly.keeper.ready().answer), 200, _JSON


async def _livez(_assembly: Assembly, _headers: Headers, _receive: Receive) -> Answer:
    return _encode(StatusAnswer("alive")), 200, _JSON


async def _readyz(assembly: Assembly, _headers: Headers, _receive: Receive) -> Answer:
    return _encode(StatusAnswer("ready", assembly.keeper.ready().version)), 200, _JSON


async def _metrics(assembly: Assembly, _headers: Headers, _receive: Receive) -> Answer:
    return exposition(assembly.measures), 200, CONTENT_TYPE


def _page(page: pages.Page) -> Handler:
    async def handler(_assembly: Assembly, _headers: Headers, _receive: Receive) -> Answer:
        return page.body, 200, page.kind

    return handler


@dataclass(frozen=True, kw_only=True)
class Route:
    """One path: who may use it, how, and what answers."""

    method: str
    handler: Handler
    scope: keys.Scope | None = None
    label: str = ""
    """What metrics call it; empty for what is not worth counting."""
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def allowed(self) -> str:
        """The Allow header's value."""
        return "GET, HEAD" if self.method == "GET" else self.method


def routes() -> dict[str, Route]:
    """Return every route by its path."""
    found = {
        "/predict": Route(method="POST", handler=_predict, scope="predict", label="/predict"),
        "/predict/batch": Route(
            method="POST", handler=_Threaded(_batch, status=200), scope="predict", label="/predict/batch"
        ),
        "/events": Route(
            method="POST", handler=_Threaded(_events, status=202), scope="events", label="/events"
        ),
        "/model": Route(method="GET", handler=_model, scope="read", label="/model"),
        "/livez": Route(method="GET", handler=_livez),
        "/readyz": Route(method="GET", handler=_readyz),
        "/metrics": Route(method="GET", handler=_metrics),
    }
    for path, page in pages.all_pages().items():
        found[path] = Route(method="GET", handler=_page(page), headers=pages.HEADERS)
    return found


class Front:
    """The ASGI app that uvicorn calls."""

    def __init__(self, behind: ASGIApp, *, assembly: Callable[[], Assembly | None]) -> None:
        """Stand before BentoML's app; `assembly` returns the parts once they are made."""
        self._behind = behind
        self._assembly = assembly
        self._routes = routes()
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass on what is not ours."""
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        route = self._routes.get(scope["path"])
        if route is None and scope["path"] == PASSED_ON:
            await self._behind(scope, receive, send)
            return
        started = time.perf_counter()
        self._in_flight += 1
        try:
            status = await self._answer(route, scope, receive, send)
        finally:
            self._in_flight -= 1
        assembly = self._assembly()
        if assembly is not None and (route is None or route.label):
            label = route.label if route else "other"
            assembly.measures.request(label, status=status, seconds=time.perf_counter() - started)

    async def _answer(self, route: Route | None, scope: Scope, receive: Receive, send: Send) -> int:
        """Send the answer and return its status; this is the door where every exception ends."""
        try:
            body, status, kind = await self._handle(route, scope, receive)
        except Problem as problem:
            await send_problem(send, problem)
            return problem.status
        except Disconnected:
            return 499
        except Exception:  # noqa: BLE001 - the door
            _log_fault()
            fault = broken()
            await send_problem(send, fault)
            return fault.status
        await send_answer(send, body, status=status, kind=kind, headers=route.headers if route else ())
        return status

    async def _handle(self, route: Route | None, scope: Scope, receive: Receive) -> Answer:
        if route is None:
            raise no_route()
        method = scope["method"]
        if method != route.method and not (method == "HEAD" and route.method == "GET"):
            raise unsupported(method, allowed=route.allowed)
        assembly = self._assembly()
        if assembly is None:
            raise not_ready(_starting)
        headers: Headers = scope["headers"]
        if route.scope is not None:
            assembly.guard.check(headers, scope=route.scope)
            if self._in_flight > MAX_IN_FLIGHT:
                raise too_busy()
        if route.method == "POST":
            check_content_type(headers)
        return await route.handler(assembly, headers, receive)


def _log_fault() -> None:
    """Log where it broke, and no text of the exception: that may quote what a client sent."""
    kind, _, trace = sys.exc_info()
    last = traceback.extract_tb(trace)[-1]
    logger.error(
        "request failed",
        extra={"error": kind.__name__ if kind else "", "file": last.filename, "line": last.lineno},
    )
