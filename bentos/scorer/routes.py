"""What each path does, for whom, and within which bounds."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from bentos.scorer import explaining, keys, pages
from bentos.scorer.answers import StatusAnswer
from bentos.scorer.assembly import Assembly
from bentos.scorer.exchange import JSON, Headers, Receive, expect_json, read_body
from bentos.scorer.measures import CONTENT_TYPE, exposition
from bentos.scorer.problems import too_busy
from bentos.scorer.requests import MAX_BODY, MAX_LONG_BODY

MAX_LONG: Final = 4
"""Batches, and as many requests with events, worked on at once: each may hold a thread for seconds."""

_encode: Final = msgspec.json.Encoder().encode

Answer = tuple[bytes, int, bytes]
"""Body, status, content type."""
Handler = Callable[[Assembly, Headers, Receive], Awaitable[Answer]]


async def _predict(assembly: Assembly, headers: Headers, receive: Receive) -> Answer:
    body = await read_body(receive, headers, limit=MAX_BODY)
    return await assembly.scoring.predict(body), 200, JSON


class _Threaded:
    """Work for a thread of its own, a few at once."""

    def __init__(
        self,
        work: Callable[[Assembly, bytes], bytes],
        *,
        status: int = 200,
        threads: int = MAX_LONG,
        at_once: int = MAX_LONG,
        limit: int = MAX_LONG_BODY,
    ) -> None:
        self._work = work
        self._status = status
        self._at_once = at_once
        self._limit = limit
        self._running = 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="long-request")

    async def __call__(self, assembly: Assembly, headers: Headers, receive: Receive) -> Answer:
        if self._running >= self._at_once:
            raise too_busy()
        self._running += 1
        try:
            body = await read_body(receive, headers, limit=self._limit)
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, self._work, assembly, body)
        finally:
            self._running -= 1
        return answer, self._status, JSON


def _batch(assembly: Assembly, body: bytes) -> bytes:
    return _encode(assembly.scoring.predict_batch(body))


class _Forget:
    """Erasing users: one at a time, in a thread of its own, signed with the key's name."""

    def __init__(self) -> None:
        self._running = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="forget-request")

    async def __call__(self, assembly: Assembly, headers: Headers, receive: Receive) -> Answer:
        actor = assembly.guard.check(headers, scope="forget")
        expect_json(headers)
        if self._running >= MAX_LONG:
            raise too_busy()
        self._running += 1
        try:
            body = await read_body(receive, headers, limit=MAX_BODY)
            loop = asyncio.get_running_loop()
            work = partial(assembly.forgetting.forget, body, actor=actor)
            answer = await loop.run_in_executor(self._thread, work)
        finally:
            self._running -= 1
        return _encode(answer), 200, JSON


def _explain(assembly: Assembly, body: bytes) -> bytes:
    return _encode(assembly.explaining.explain(body))


def _events(assembly: Assembly, body: bytes) -> bytes:
    return _encode(assembly.intake.add(body))


async def _model(assembly: Assembly, _headers: Headers, _receive: Receive) -> Answer:
    return _encode(assembly.keeper.ready().answer), 200, JSON


async def _livez(_assembly: Assembly, _headers: Headers, _receive: Receive) -> Answer:
    return _encode(StatusAnswer("alive")), 200, JSON


async def _readyz(assembly: Assembly, _headers: Headers, _receive: Receive) -> Answer:
    return _encode(StatusAnswer("ready", assembly.keeper.ready().version)), 200, JSON


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
            method="POST", handler=_Threaded(_batch), scope="predict", label="/predict/batch"
        ),
        "/explain": Route(
            method="POST",
            handler=_Threaded(
                _explain, threads=explaining.THREADS, at_once=explaining.WAITING, limit=MAX_BODY
            ),
            scope="explain",
            label="/explain",
        ),
        "/events": Route(
            method="POST", handler=_Threaded(_events, status=202), scope="events", label="/events"
        ),
        "/forget": Route(method="POST", handler=_Forget(), scope="forget", label="/forget"),
        "/model": Route(method="GET", handler=_model, scope="read", label="/model"),
        "/livez": Route(method="GET", handler=_livez),
        "/readyz": Route(method="GET", handler=_readyz),
        "/metrics": Route(method="GET", handler=_metrics),
    }
    for path, page in pages.all_pages().items():
        found[path] = Route(method="GET", handler=_page(page), headers=pages.HEADERS)
    return found
