"""What the server around us is told once it runs: how long it waits for clients, and who writes its log.

BentoML starts uvicorn and leaves these open: an ingress controller would send a request into a connection that closes at
that moment, one client that does not read its answer would keep a pod until it is killed, with the prediction log
unwritten, and each warning would be written in BentoML's form and in ours.
"""

import logging
import signal
from typing import Final

import uvicorn

GRACE_SECONDS: Final = 8
"""How long requests may take to end after SIGTERM; the log is written after it, so a pod needs some seconds more."""
IDLE_SECONDS: Final = 620
"""How long an idle connection is kept: longer than any proxy in front keeps it, so that it is the proxy that closes it.
A POST sent into a connection that the server closes at that moment is not sent again: the client gets a 502. nginx and
AWS wait 60 s, Traefik 90, Google's load balancer 600 and asks for 620; uvicorn closes after 5."""


def bound_waiting() -> None:
    """Let uvicorn give up on what does not end in time, and leave idle connections to the proxy in front."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(server, uvicorn.Server):
        return
    server.config.timeout_keep_alive = max(server.config.timeout_keep_alive, IDLE_SECONDS)
    if server.config.timeout_graceful_shutdown is None:
        server.config.timeout_graceful_shutdown = GRACE_SECONDS


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
