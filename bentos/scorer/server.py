"""What the server around us is told once it runs: how long and on how many clients it waits, and who writes its log.

BentoML starts uvicorn and leaves these open: an ingress controller would send a request into a connection that closes at
that moment, one client that does not read its answer would keep a pod until it is killed, with the prediction log
unwritten, idle connections would take every file descriptor, and each warning would be written in BentoML's form and in
ours.
"""

import logging
import resource
import signal
import time
from collections.abc import Collection
from typing import Any, Final

import uvicorn

logger = logging.getLogger(__name__)

GRACE_SECONDS: Final = 8
"""How long requests may take to end after SIGTERM; the log is written after it, so a pod needs some seconds more."""
IDLE_SECONDS: Final = 620
"""How long an idle connection is kept: longer than any proxy in front keeps it, so that it is the proxy that closes it.
A POST sent into a connection that the server closes at that moment is not sent again: the client gets a 502. nginx and
AWS wait 60 s, Traefik 90, Google's load balancer 600 and asks for 620; uvicorn closes after 5."""
MAX_CONNECTIONS: Final = 2_000
"""Beyond it, or half of the file descriptors, the connections that are idle longest are closed. uvicorn's own limit would
answer 503 to everybody instead, those who ask included."""
CHECK_SECONDS: Final = 1


class IdleBound:
    """Closes connections nobody asks over, the longest idle first, where there are too many; for the server's loop."""

    def __init__(self, connections: Collection[Any], *, most: int) -> None:
        """Watch the server's own set of connections, uvicorn's protocols."""
        self._connections = connections
        self._most = most
        self._idle: dict[Any, tuple[Any, float]] = {}
        """By connection its last request, and since when nothing followed."""

    async def check(self) -> None:
        """Note who is idle, and close as many of them as there are too many."""
        if len(self._connections) <= self._most // 2:
            self._idle.clear()
            return
        now = time.monotonic()
        idle = [one for one in self._connections if one.cycle is None or one.cycle.response_complete]
        self._idle = {one: self._noted(one, now) for one in idle}
        over = max(0, len(self._connections) - self._most)
        longest = sorted(idle, key=lambda one: self._idle[one][1])[:over]
        for one in longest:
            one.shutdown()
        if longest:
            logger.warning("idle connections are closed", extra={"count": len(longest)})

    def _noted(self, one: Any, now: float) -> tuple[Any, float]:
        cycle, since = self._idle.get(one, (None, now))
        return (cycle, since) if cycle is one.cycle else (one.cycle, now)


def bound_waiting() -> None:
    """Let uvicorn give up on what does not end in time, and leave idle connections to the proxy in front, up to a number."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(server, uvicorn.Server):
        return
    server.config.timeout_keep_alive = max(server.config.timeout_keep_alive, IDLE_SECONDS)
    if server.config.timeout_graceful_shutdown is None:
        server.config.timeout_graceful_shutdown = GRACE_SECONDS
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = (
        MAX_CONNECTIONS if descriptors == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, descriptors // 2)
    )
    server.config.callback_notify = IdleBound(server.server_state.connections, most=most).check
    server.config.timeout_notify = CHECK_SECONDS


def hand_over_logging() -> None:
    """Take BentoML's handlers from the loggers whose records reach ours as well, and let the access log go nowhere."""
    for name in ("bentoml", "circus", "uvicorn", "uvicorn.error"):
        server_logger = logging.getLogger(name)
        server_logger.handlers.clear()
        server_logger.propagate = True
    access_logger = logging.getLogger("uvicorn.access")
    access_logger.handlers.clear()
    # Else uvicorn makes the line's parts for every request before it finds that nobody wants them.
    access_logger.propagate = False
