"""The registry over HTTP, as on a cluster: a server checks what a local database takes as it is."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from propensity.bundle import MODEL
from propensity.registry import CHALLENGER, PRODUCTION, Registry
from tests.floor.test_registry import recorded

START_SECONDS = 90


def until_healthy(url: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    pytest.fail(f"mlflow server is not healthy after {START_SECONDS} s")


@pytest.fixture
def server(empty_registry: Path, tmp_path: Path) -> Iterator[str]:
    """An MLflow server that keeps artefacts itself, on a free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = tmp_path / "server.db"
    database.write_bytes(empty_registry.read_bytes())
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{database}"]
    command += ["--artifacts-destination", str(tmp_path / "artifacts")]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = (tmp_path / "server.log").open("wb")
    with log, subprocess.Popen(command, env=os.environ | quiet, stdout=log, stderr=log) as running:
        try:
            until_healthy(f"http://127.0.0.1:{port}", running)
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


def test_a_server_takes_a_training_and_gives_it_back(server: str, tmp_path: Path) -> None:
    registry = Registry(server, artifacts=tmp_path / "not used")
    version = recorded(registry, tmp_path, mark=b"\x00\xff model")
    registry.set_alias(PRODUCTION, version.number)
    assert registry.at(CHALLENGER) == version
    assert registry.champion() == version
    assert registry.bundle(version).files[MODEL] == b"\x00\xff model"
    assert not (tmp_path / "not used").exists()
