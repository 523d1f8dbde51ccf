"""What the server around us is told once it runs: how long it may take to end.

BentoML starts uvicorn and leaves that open: one client that does not read its answer would keep a pod until it is
killed, with the prediction log unwritten.
"""

import signal
from typing import Final

import uvicorn

GRACE_SECONDS: Final = 8
"""How long requests may take to end after SIGTERM; the log is written after it, so a pod needs some seconds more."""


def bound_shutdown() -> None:
    """Let uvicorn give up on what does not end in time, unless it was told a time of its own."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if isinstance(server, uvicorn.Server) and server.config.timeout_graceful_shutdown is None:
        server.config.timeout_graceful_shutdown = GRACE_SECONDS
