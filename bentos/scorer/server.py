"""What the server around us is told once it runs: how long it may take to end, and who writes its log.

BentoML starts uvicorn and leaves both open: one client that does not read its answer would keep a pod until it is
killed, with the prediction log unwritten, and each warning would be written in BentoML's form and in ours.
"""

import logging
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


def hand_over_logging() -> None:
    """Take BentoML's handlers from the loggers whose records reach ours as well."""
    for name in ("bentoml", "circus", "uvicorn", "uvicorn.error"):
        server_logger = logging.getLogger(name)
        server_logger.handlers.clear()
        server_logger.propagate = True
