"""Load on the served process for a long time, in twelve slices: two to warm up, ten that count, one of them without the store.

The warm-up holds an outage too: what piles up while a store fails to answer is memory that the process keeps, once. That
is shown as a figure of its own; what must not be is that it grows with time, or with each outage.
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
SLICES = 10
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
    rehearsal: Slice
    """The outage of the warm-up."""
    rehearsal_mb: float
    """What the outage of the warm-up left behind in memory."""
    slices: Sequence[Slice]

    @property
    def outages(self) -> list[tuple[float, float]]:
        """From when to when the store was away."""
        return [(one.began, one.ended) for one in (self.rehearsal, self.slices[AWAY])]

    @property
    def errors(self) -> int:
        """Answers that were no 2xx, and requests that got none."""
        return sum(one.reading.errors for one in (self.rehearsal, *self.slices))

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
        lines.append(f"the outage of the warm-up left {self.rehearsal_mb:+.1f} MB")
        lines.append(f"memory {self.memory_growth:+.2%}, p99 times {self.p99_growth:.2f}")
        return "\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Soak:
    """A service, what it is asked, and what takes its store away."""

    server: Server
    body: Path
    outage: Outage
    key: str
    client: Sequence[str]
    """What pins h2load."""

    def run(self, *, minutes: float) -> Soaked:
        """Find the ceiling, then ask half as much for `minutes`, and before that for as long as the warm-up takes."""
        seconds = max(1, round(minutes * 60 / SLICES))
        ceiling = self._ask(CEILING_SECONDS).requests_per_second
        self._ask(seconds, rate=ceiling / 2)
        before = self.server.resident_mb()
        rehearsal = self._slice(max(1, seconds // 2), rate=ceiling / 2, is_away=True)
        self._ask(max(1, seconds // 2), rate=ceiling / 2)
        rehearsal_mb = self.server.resident_mb() - before
        slices = [self._slice(seconds, rate=ceiling / 2, is_away=number == AWAY) for number in range(SLICES)]
        return Soaked(
            ceiling=ceiling, rate=ceiling / 2, rehearsal=rehearsal, rehearsal_mb=rehearsal_mb, slices=slices
        )

    def _slice(self, seconds: int, *, rate: float, is_away: bool) -> Slice:
        began = time.monotonic()
        with sampled(self.server) as samples:
            if is_away:
                self.outage.begin()
            try:
                reading = self._ask(seconds, rate=rate)
            finally:
                self.outage.end()
        ended = time.monotonic()
        return Slice(reading=reading, resident_mb=statistics.median(samples), began=began, ended=ended)

    def _ask(self, seconds: int, *, rate: float | None = None) -> Reading:
        url = f"http://127.0.0.1:{self.server.port}/predict"
        return h2load.measure(
            url,
            body=self.body,
            connections=CONNECTIONS,
            seconds=seconds,
            before=self.client,
            rate=rate,
            key=self.key,
        )


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
