"""`propensity dashboard` on a laptop, where nobody is asked who they are: for this machine's own names alone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.dashboard.served import free_port, wait_for

pytestmark = pytest.mark.journey
UPGRADE = {
    "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip
ELSEWHERE = "192.0.2.7"
"""An address of documentation (RFC 5737): no loopback."""


@contextmanager
def opened(home: Path) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The pages as the command opens them, with its operator beside them; their address and the command's process."""
    port = free_port()
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PROPENSITY_")}
    command = [sys.executable, "-m", "propensity", "dashboard", "--port", str(port)]
    with subprocess.Popen(
        command, env=environment | {"PROPENSITY_HOME": str(home)}, cwd=home, stdout=sys.stderr, start_new_session=True
    ) as process:  # fmt: skip
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health", process)
            yield f"http://127.0.0.1:{port}", process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with opened(tmp_path_factory.mktemp("laptop")) as (url, _):
        yield url


def test_who_ends_the_command_ends_pages_and_operator_too(tmp_path: Path) -> None:
    with opened(tmp_path) as (_, process):
        process.terminate()
        assert process.wait(timeout=60) == 128 + signal.SIGTERM
        with pytest.raises(ProcessLookupError):  # nobody is left of its group
            os.killpg(process.pid, 0)


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 101), ("localhost", 101), ("rebound.test", 403), ("10.0.0.7", 403)]
)
def test_a_name_that_was_made_to_lead_here_opens_no_page(address: str, host: str, status: int) -> None:
    name = f"{host}:{urlsplit(address).port}"
    headers = UPGRADE | {"Host": name, "Origin": f"http://{name}"}
    with httpx.stream("GET", f"{address}/_stcore/stream", headers=headers) as answer:
        assert answer.status_code == status


def test_it_is_not_opened_to_the_network_without_a_password(tmp_path: Path) -> None:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PROPENSITY_")}
    done = subprocess.run(
        [sys.executable, "-m", "propensity", "dashboard", "--host", ELSEWHERE, "--port", str(free_port())],
        env=environment | {"PROPENSITY_HOME": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "anybody could open the dashboard" in done.stderr
