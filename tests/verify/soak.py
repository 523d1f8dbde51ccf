"""Load on the served process for a long time, in twelve slices: two to warm up, ten that count, one of them without the store.

Pinned as `make bench` pins it: the service has a core, everybody else the other one.
"""

import os
import re
import statistics
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtests.bench import h2load
from loadtests.bench.h2load import Reading
from loadtests.bench.server import Server
from tests.verify.outage import Outage

CONNECTIONS: Final = 16
WARM_UP, SLICES = 2, 10
AWAY: Final = 4
"""The slice without the store; in the next one the log catches up. The four before are held against the last four."""
CEILING_SECONDS: Final = 5


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A tenth of the time."""

    reading: Reading
    resident_mb: float
    """In the middle of the samples, one a second."""
    began: float
    ended: float


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """What came of it."""

    ceiling: float
    """Requests a second that the service answers when it is asked as quickly as it answers."""
    rate: float
    """What it was asked."""
    slices: Sequence[Slice]

    @property
    def away(self) -> Slice:
        """The slice without the store."""
        return self.slices[AWAY]

    @property
    def errors(self) -> int:
        """Answers that were no 2xx, and requests that got none."""
        return sum(one.reading.errors for one in self.slices)

    @property
    def kept_up(self) -> float:
        """Return what share of the requests were sent and answered in time."""
        return statistics.mean(one.reading.requests_per_second for one in self.slices) / self.rate

    @property
    def memory_growth(self) -> float:
        """Return by what share the last slice holds more memory than the first."""
        return self.slices[-1].resident_mb / self.slices[0].resident_mb - 1

    @property
    def p99_growth(self) -> float:
        """Return the p99 of the last four slices over that of the first four, each the middle of the four."""
        first, last = self.slices[:AWAY], self.slices[-AWAY:]
        before, after = (statistics.median(one.reading.p99_ms for one in part) for part in (first, last))
        return after / before

    def table(self) -> str:
        """Return the slices as lines of text."""
        lines = [
            f"ceiling {self.ceiling:,.0f} requests/s, asked {self.rate:,.0f}; load {os.getloadavg()[0]:.1f}"
        ]
        for number, one in enumerate(self.slices):
            reading, note = one.reading, "  without the store" * (number == AWAY)
            lines.append(
                f"{number}: {reading.requests_per_second:,.0f} requests/s, p50 {reading.p50_ms:.1f} ms, "
                f"p99 {reading.p99_ms:.1f} ms, {reading.errors} errors, {one.resident_mb:.1f} MB{note}"
            )
        lines.append(f"memory {self.memory_growth:+.2%}, p99 times {self.p99_growth:.2f}")
        return "\n".join(lines)


def soak(server: Server, *, body: Path, minutes: float, outage: Outage, client: Sequence[str]) -> Soaked:
    """Find the ceiling, then ask half as much for `minutes` and what the warm-up takes; `client` pins h2load."""
    url = f"http://127.0.0.1:{server.port}/predict"
    seconds = max(1, round(minutes * 60 / SLICES))

    def ask(lasting: float, rate: float | None) -> Reading:
        return h2load.measure(
            url, body=body, connections=CONNECTIONS, seconds=lasting, before=client, rate=rate
        )

    ceiling = ask(CEILING_SECONDS, None).requests_per_second
    ask(WARM_UP * seconds, ceiling / 2)
    slices = []
    for number in range(SLICES):
        began = time.monotonic()
        with sampled(server) as samples:
            if number == AWAY:
                outage.begin()
            try:
                reading = ask(seconds, ceiling / 2)
            finally:
                outage.end()
        slices.append(
            Slice(
                reading=reading,
                resident_mb=statistics.median(samples),
                began=began,
                ended=time.monotonic(),
            )
        )
    return Soaked(ceiling=ceiling, rate=ceiling / 2, slices=slices)


@contextmanager
def sampled(server: Server) -> Iterator[list[float]]:
    """Weigh the service once a second while the block runs."""
    samples, over = [server.resident_mb()], threading.Event()

    def weigh() -> None:
        while not over.wait(1.0):
            samples.append(server.resident_mb())

    thread = threading.Thread(target=weigh)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


def metric(server: Server, name: str, *, label: str = "") -> float:
    """Return the sum of a metric over its labels, or of those series that have one."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    series = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, flags=re.MULTILINE)
    assert series, f"There is no {name} in:\n{text}"
    return sum(float(value) for labels, value in series if label in labels)
