"""The dashboard as a process, as its command starts it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from propensity.cli.dashboard import dashboard_command

START_SECONDS = 90


@contextmanager
def served(home: Path, *, access: Path, path: str = "/dashboard") -> Iterator[str]:
    """Serve a home behind passwords; the address of the pages."""
    port = free_port()
    told = {"PROPENSITY_HOME": str(home), "PROPENSITY_DASHBOARD_ACCESS": str(access)}
    command = dashboard_command(port=port, host="127.0.0.1", path=path)
    with subprocess.Popen(command, env={**os.environ, **told}, cwd=access, stdout=sys.stderr) as process:
        try:
            url = f"http://127.0.0.1:{port}{path}"
            wait_for(f"{url}/_stcore/health", process)
            yield url
        finally:
            process.terminate()


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until an address answers 200, for as long as the process lives."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(url, timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("The dashboard did not become healthy.")
