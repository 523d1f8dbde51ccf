"""A store with 10 M events and 1 M predictions, made by the commands that people use, and one run of the monitor over it.

`python -m tests.verify.size` makes it, measures, and writes the figures into docs/monitoring.md: a quarter of an hour,
most of which is the making. Each command is a process of its own.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from propensity.store import Prediction, open_store
from propensity.store.findings import MonitorWindow
from tests.verify import page

USERS, TRAINED_DAYS, DAYS = 57_000, 60, 62
START = datetime(2026, 1, 1, tzinfo=UTC)
PREDICTIONS = 1_000_000
SCORED_DAYS = 7
"""Of four cutoffs each: another million rows that the monitor reads features, scores and outcomes from."""


class Run(NamedTuple):
    """What a process took."""

    seconds: float
    peak_kib: int


class Measured(NamedTuple):
    """One run of the monitor, over how much, and what it found."""

    run: Run
    events: int
    predictions: int
    scores: int
    window: MonitorWindow


class Shop:
    """A folder with an embedded store and registry."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._environment = {
            **os.environ,
            "PROPENSITY_HOME": str(home),
            "PROPENSITY_SEARCH": "quick",
            "PROPENSITY_MAX_CUTOFFS": "20",
        }

    def run(self, *arguments: str) -> Run:
        """Run `propensity`, and return its time and peak memory."""
        started = time.monotonic()
        with (self.home / "said.txt").open("ab") as said:
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name("propensity")), *arguments],
                env=self._environment,
                stdout=said,
                stderr=said,
            )
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, (self.home / "said.txt").read_text()[-2_000:]
        return Run(time.monotonic() - started, usage.ru_maxrss)

    def take_in(self, *, days: int) -> None:
        """Take in the shop's first days."""
        log = str(self.home / "shop.parquet")
        size = ("--users", str(USERS), "--days", str(DAYS), "--first-days", str(days))
        self.run("simulate", log, *size, "--start", f"{START:%Y-%m-%d}")
        self.run("ingest", log, "--format", "propensity")


def predictions(store_uri: str) -> None:
    """Write a million answers of the service, as a pod does."""
    at = round((START + timedelta(days=DAYS - 7)).timestamp()) * 1_000_000
    step = 7 * 86_400_000_000 // PREDICTIONS
    with open_store(store_uri) as store:
        for first in range(0, PREDICTIONS, 10_000):
            store.predictions.add(
                [_prediction(number, at=at + number * step) for number in range(first, first + 10_000)]
            )


def _prediction(number: int, *, at: int) -> Prediction:
    return Prediction(
        prediction_id=f"p-{number:07d}", user_id=f"u{number % USERS:07d}", predicted_at=at, probability=0.2, prediction=1,
        threshold=0.1, model_version="1", features_from="store", feature_version=1, features=bytes(152), latency_us=900,
        pod="scorer-0", sequence=number, boot="b", route="predict",
    )  # fmt: skip


def shop_in(home: Path) -> Shop:
    """Make a shop with a champion, a week of scores and a million answers."""
    made = Shop(home)
    made.take_in(days=TRAINED_DAYS)
    made.run("train")
    made.take_in(days=DAYS)
    for number in range(4 * SCORED_DAYS):
        cutoff = START + timedelta(days=DAYS, hours=-6 * number)
        made.run("score", "--at", f"{cutoff:%Y-%m-%dT%H:%M}")
    predictions(f"sqlite:///{made.home}/store.db")
    return made


def measure(shop: Shop) -> Measured:
    """Run the monitor once."""
    run = shop.run("monitor", "--at", f"{START + timedelta(days=DAYS, hours=1):%Y-%m-%dT%H:%M}")
    with open_store(f"sqlite:///{shop.home}/store.db") as store:
        (window,) = store.windows.latest(1)
        scores = sum(store.scores.count(cutoff) for cutoff in store.scores.finished(100))
        return Measured(run, store.events.summary().events, store.predictions.count(), scores, window)


def sentence(found: Measured) -> str:
    """Say it as it stands in the page."""
    return (
        f"One run over {found.events / 1e6:.1f} million events, {found.predictions / 1e6:.1f} million predictions and "
        f"{found.scores / 1e6:.1f} million scores in SQLite took {found.run.seconds:.0f} s and {found.run.peak_kib / 1e6:.2f} GB "
        f"on {len(os.sched_getaffinity(0))} cores ({datetime.now(UTC):%-d %B %Y})."
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        page.write("monitoring.md", sentence(measure(shop_in(Path(folder)))))
