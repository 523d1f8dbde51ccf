"""Load on an installed release: the load tests as a process of their own, from before something happens until after it."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster import until
from tests.e2e.release import ROOT, Release

LOCUST = ROOT / ".venv-loadtests" / "bin" / "locust"


class Load:
    """A run of the load tests; its numbers are there once it has ended."""

    def __init__(self, folder: Path) -> None:
        self._outcome = folder / "outcome.json"
        self.log = folder / "locust.log"
        self.requests = 0
        self.failures = 0
        self.errors: dict[str, int] = {}

    def read(self) -> None:
        """Take the numbers that locust wrote at its end."""
        told = json.loads(self._outcome.read_text())
        self.requests, self.failures, self.errors = told["requests"], told["failures"], told["errors"]

    def command(self, release: Release, *, users: int, behaviours: tuple[str, ...]) -> list[str]:
        """The command line of the run."""
        return [
            *(str(LOCUST), "--locustfile", "loadtests/locustfile.py", "--headless", "--only-summary"),
            *("--host", release.url, "--host-header", release.host, "--outcome-file", str(self._outcome)),
            *("--users", str(users), "--spawn-rate", str(users), *behaviours),
        ]


@contextmanager
def load_on(
    release: Release, key: str, folder: Path, *, users: int = 8, behaviours: tuple[str, ...] = ()
) -> Iterator[Load]:
    """Keep asking while the block runs; failures and totals can be read after it."""
    load = Load(folder)
    environment = {**os.environ, "PROPENSITY_API_KEY": key}
    command = load.command(release, users=users, behaviours=behaviours)
    with (
        load.log.open("wb") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) as process,
    ):
        try:
            until(lambda: b"All users spawned" in load.log.read_bytes(), seconds=60, what="the load")
            yield load
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    load.read()
