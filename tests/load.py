"""Clients that keep their connections and ask a service all the time, and what they were told."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Self

from tests.scorer.conftest import Served

CLIENTS = 3
PAUSE_SECONDS = 0.02
"""Between two requests of a client: what is tested shares the processor with it."""


class Load:
    """Clients that keep their connections and ask all the time."""

    def __init__(self, service: Served, bodies: Sequence[str]) -> None:
        self.answered: Counter[str] = Counter()
        """Answers by model version."""
        self.failed: list[str] = []
        self._port = int(service.url.rsplit(":", 1)[1])
        self._bodies = bodies
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)

    def _ask(self, first: int) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        number = first
        while not self._stop.wait(PAUSE_SECONDS):
            number += CLIENTS
            try:
                line.request("POST", "/predict", self._bodies[number % len(self._bodies)])
                answer = line.getresponse()
                said = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                continue
            if answer.status == 200:
                self.answered[said["model_version"]] += 1
            else:
                self.failed.append(f"{answer.status} {said}")
        line.close()
