"""Waits until the service answers, so that a load test in a cluster does not count how long its pod took to get through.

    python -m loadtests.waiting http://shop-propensity-scorer

Policies and endpoints reach a new pod's node a little after the pod. Exit code 1 where nothing answers in time.
"""

import http.client
import sys
import time
import urllib.request
from typing import Final

PATIENCE_SECONDS: Final = 120.0
PAUSE_SECONDS: Final = 1.0


def wait(url: str, *, seconds: float = PATIENCE_SECONDS) -> str:
    """Return nothing once the service is ready, or what it last said when the time is over."""
    until = time.monotonic() + seconds
    while said := _said(f"{url}/readyz"):
        if time.monotonic() >= until:
            return said
        time.sleep(PAUSE_SECONDS)
    return ""


def _said(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - the address is the caller's own
            return ""
    except (OSError, http.client.HTTPException) as error:
        return str(error)


if __name__ == "__main__":
    if said := wait(sys.argv[1]):
        sys.exit(f"Nothing is ready at {sys.argv[1]}: {said}. See whether the scorer's pods are.")
