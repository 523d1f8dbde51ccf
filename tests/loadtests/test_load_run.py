"""Locust as it is started, on a service with keys: what is right passes, what is not ends the run with its exit code."""

import json
import os
import socket
import socketserver
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from bentos.scorer.keys import new_key
from propensity.store import Store, open_store
from tests.scorer.conftest import ROOT, Served, make_bundle, put_in_production, served, wait_for

LOCUST = ROOT / ".venv-loadtests" / "bin" / "locust"
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not LOCUST.exists():
        pytest.skip("locust's environment is not there: `make load` makes it")
    return tmp_path_factory.mktemp("load")


@pytest.fixture(scope="module")
def store(folder: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{folder / 'store.db'}") as opened:
        put_in_production(opened, make_bundle(), version="7")
        yield opened


@pytest.fixture(scope="module")
def keys(folder: Path) -> dict[str, str]:
    """A key for each scope, and the file with the records of both."""
    made = {scope: new_key(scope, [scope]) for scope in ("predict", "events")}
    (folder / "keys.json").write_text(json.dumps([record for _, record in made.values()]))
    return {scope: secret for scope, (secret, _) in made.items()}


@pytest.fixture(scope="module")
def service(folder: Path, store: Store, keys: dict[str, str]) -> Iterator[Served]:  # noqa: ARG001 - both have to be there
    address = f"sqlite:///{folder / 'store.db'}"
    file = str(folder / "keys.json")
    with served(
        folder, PROPENSITY_HOME=str(folder), PROPENSITY_STORE_URI=address, PROPENSITY_API_KEYS_FILE=file
    ) as running:
        wait_for(lambda: running.answers("/readyz"), seconds=20)
        yield running


@pytest.fixture
def run(service: Served, keys: dict[str, str], tmp_path: Path) -> Run:
    """Run locust for a moment; the outcome is in `outcome.json`."""

    def function(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        known = {"PROPENSITY_API_KEY": keys["predict"], "PROPENSITY_EVENTS_KEY": keys["events"]}
        command = [
            *(str(LOCUST), "--locustfile", "loadtests/locustfile.py", "--headless", "--only-summary"),
            *("--host", service.url, "--outcome-file", str(tmp_path / "outcome.json"), "--stop-timeout", "5"),
            *("--max-p99-ms", "10000", "--min-requests", "10", *arguments),
        ]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LOADTEST_")}
        return subprocess.run(
            command, cwd=ROOT, env=kept | known | environment, capture_output=True, text=True, timeout=60, check=False
        )  # fmt: skip

    return function


def outcome(folder: Path) -> Any:
    return json.loads((folder / "outcome.json").read_text())


def test_every_behaviour_finds_its_answers_right_through_the_stages_of_a_shape(
    run: Run, tmp_path: Path, store: Store
) -> None:
    report = tmp_path / "report.html"
    done = run(
        *("--shape", "spike", "--stretch", "0.03", "--crowd", "0.2", "--html", str(report)),
        *("Single", "Batch", "UnknownUser", "BadInput", "Events"),
    )
    assert done.returncode == 0, done.stderr
    assert [line.split("stage ")[1].split(":")[0] for line in done.stderr.splitlines() if "stage " in line] == [
        "calm before begins", "spike begins", "calm after begins",
    ]  # fmt: skip
    for name in ("single", "batch", "unknown user", "bad input", "event", "event again", "user of an event"):
        assert f"POST     {name} " in done.stderr, done.stderr
    assert outcome(tmp_path)["failures"] == 0
    assert "user of an event" in report.read_text()
    assert store.events.summary().events > 0


def test_nothing_is_written_into_the_store_unless_that_was_asked_for(
    run: Run, tmp_path: Path, store: Store
) -> None:
    before = store.events.summary().events
    done = run("--users", "6", "--spawn-rate", "20", "--run-time", "2s")
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path)["requests"] > 10
    assert store.events.summary().events == before


def test_a_key_of_the_wrong_scope_fails_the_run(run: Run, tmp_path: Path, keys: dict[str, str]) -> None:
    arguments = ("--users", "2", "--spawn-rate", "20", "--run-time", "2s", "Events")
    done = run(*arguments, PROPENSITY_EVENTS_KEY=keys["predict"])
    assert done.returncode == 3, done.stderr
    assert outcome(tmp_path)["errors"]["event: status 403 instead of 202"] > 0


def test_without_a_key_nothing_is_asked(run: Run) -> None:
    done = run("--users", "1", "--run-time", "5s", "Single", PROPENSITY_API_KEY="")
    assert done.returncode == 2
    assert "Set PROPENSITY_API_KEY" in done.stderr


@contextmanager
def resetting() -> Iterator[tuple[str, list[bytes]]]:
    """A server that takes each request and resets the connection instead of answering; what it took is listed."""
    taken: list[bytes] = []

    class Reset(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            taken.append(self.request.recv(65536))
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Reset) as server:
        server.shutdown_request = server.close_request  # type: ignore[method-assign] # else it says goodbye first
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", taken
        server.shutdown()


def test_a_reset_is_a_failure_and_is_not_tried_again(run: Run, tmp_path: Path) -> None:
    with resetting() as (url, taken):
        done = run("--host", url, "--users", "2", "--spawn-rate", "20", "--run-time", "2s", "Single")
    assert done.returncode == 3, done.stderr
    told = outcome(tmp_path)
    assert told["failures"] == told["requests"] == len(taken) > 0
    (error,) = told["errors"]
    assert "connection closed" in error
