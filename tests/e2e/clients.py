"""Some clients that ask a release at a steady pace, and what they saw: who answered, how fast, and what failed."""

import http.client
import json
import threading
import time
from math import ceil
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.e2e.release import BRIEF, Release

CLIENTS = 3
PAUSE_SECONDS = 0.02
RUN_SECONDS = 15.0


class Run(NamedTuple):
    """What clients saw in one run."""

    p99_ms: float
    """Of requests that the champion answered."""
    answers: dict[tuple[str, str], int]
    """By arm and version."""
    failures: list[str]


class Clients:
    """Some clients that keep their connections and ask at a pace that leaves room."""

    def __init__(self, release: Release, key: str) -> None:
        self._release, self._key = release, key

    def run(self, *, seconds: float = RUN_SECONDS, champion: str, **values: float) -> Run:
        """Ask for a while, with some values of the features changed."""
        seen: list[tuple[float, str, str]] = []
        failures: list[str] = []
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._ask, args=(number, end, values, seen, failures))
            for number in range(CLIENTS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        times = sorted(took for took, _, version in seen if version == champion)
        answers: dict[tuple[str, str], int] = {}
        for _, arm, version in seen:
            answers[arm, version] = answers.get((arm, version), 0) + 1
        return Run(times[ceil(0.99 * len(times)) - 1] * 1_000, answers, failures)

    def _ask(
        self,
        first: int,
        end: float,
        values: dict[str, float],
        seen: list[tuple[float, str, str]],
        failures: list[str],
    ) -> None:
        where = urlsplit(self._release.url)
        line = http.client.HTTPConnection(str(where.hostname), where.port, timeout=10)
        headers = {"Host": self._release.host, "X-API-Key": self._key, "Content-Type": "application/json"}
        number = first
        while time.monotonic() < end:
            number += CLIENTS
            body = json.dumps({**BRIEF, **values, "user_id": f"user-{number % 500}"})
            started = time.perf_counter()
            try:
                line.request("POST", "/predict", body, headers)
                answer = line.getresponse()
                said = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:
                failures.append(repr(error))
                line.close()
                continue
            if answer.status == 200:
                took = time.perf_counter() - started
                seen.append((took, said.get("arm", ""), said["model_version"]))
            else:
                failures.append(f"{answer.status} {said}")
            threading.Event().wait(PAUSE_SECONDS)
        line.close()
