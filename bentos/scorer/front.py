"""Every route of the service, answered before BentoML's own app and its middlewares see the request.

`bentoml serve` stays the entry and keeps the life cycle; but an empty request through its app costs half a millisecond,
most of it tracing, logging and metrics by raw path. Only `/schema.json`, which `bentoml.SyncHTTPClient` reads, and the
lifespan go on to it.
"""

import logging
import sys
import time
import traceback
from collections.abc import Callable
from typing import Final

from bentos.scorer.assembly import Assembly
from bentos.scorer.exchange import (
    ASGIApp,
    ASGIScope,
    Disconnected,
    Headers,
    Receive,
    Send,
    broken,
    check_content_type,
    no_route,
    send_answer,
    send_problem,
    unsupported,
)
from bentos.scorer.problems import Problem, not_ready, too_busy
from bentos.scorer.routes import Answer, Route, routes

logger = logging.getLogger(__name__)

MAX_IN_FLIGHT: Final = 512
"""Requests worked on at once; the next one is told to come again."""
PASSED_ON: Final = "/schema.json"
_STARTING: Final = "The service is starting. Ask again in a moment."


class Front:
    """The ASGI app that uvicorn calls."""

    def __init__(self, behind: ASGIApp, *, assembly: Callable[[], Assembly | None]) -> None:
        """Stand before BentoML's app; `assembly` returns the parts once they are made."""
        self._behind = behind
        self._assembly = assembly
        self._routes = routes()
        self._in_flight = 0

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
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

    async def _answer(self, route: Route | None, scope: ASGIScope, receive: Receive, send: Send) -> int:
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

    async def _handle(self, route: Route | None, scope: ASGIScope, receive: Receive) -> Answer:
        if route is None:
            raise no_route()
        method = scope["method"]
        if method != route.method and not (method == "HEAD" and route.method == "GET"):
            raise unsupported(method, allowed=route.allowed)
        assembly = self._assembly()
        if assembly is None:
            raise not_ready(_STARTING)
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
