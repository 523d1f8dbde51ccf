"""The heavy path side by side: a log of simulated events to feature rows, then batch scoring and a training.

Every engine is a process of its own on all cores; equal checksums say that they did the same work.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from loadtests.bench.h2load import Unmeasured
from loadtests.bench.peers import BENCH_PYTHON, ROOT

EVENTS_PER_USER: Final = 120
"""Of a simulated user in DAYS, about; the log holds what comes out."""
DAYS: Final = 40
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
CUTOFF: Final = START + timedelta(days=DAYS - 1)
DIRTY_EVERY: Final = 100
PANDAS: Final = "plain pandas"
_OURS: Final = "loadtests.bench.ours.features"
_THEIRS: Final = "loadtests.bench.heavy.engine"
ENGINES: Final[dict[str, tuple[Path, str, str]]] = {
    PANDAS: (BENCH_PYTHON, _THEIRS, "pandas"),
    "Polars by hand": (BENCH_PYTHON, _THEIRS, "polars"),
    "DuckDB by hand": (BENCH_PYTHON, _THEIRS, "duckdb"),
    "Propensity, read and features": (Path(sys.executable), _OURS, "memory"),
    "Propensity, by way of the SQLite store": (Path(sys.executable), _OURS, "store"),
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One engine in one round."""

    name: str
    seconds: float
    cpu_seconds: float
    """Of all cores together: what it takes whatever else the machine does."""
    peak_mb: float
    users: int
    checksum: str


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A log taken into the SQLite store without its last day, and then with it: rows and seconds of processor time."""

    ids: str
    """How the log names its events: one after the other, or by hashes, which come in no order."""
    history_rows: int
    history_cpu: float
    day_rows: int
    day_cpu: float


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What SQLite takes for the rows by itself."""

    rows: int
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Scoring:
    """Feature rows answered on one core, with and without packing them for the store; and a training."""

    users_per_second: float
    with_records_per_second: float
    training_seconds: float
    training_rows: int


def make_log(path: Path, *, events: int) -> int:
    """Simulate a log of about so many events with one row in a hundred dirty; return its rows."""
    clean = path.with_suffix(".clean.csv")
    users = max(100, events // EVENTS_PER_USER)
    program = ("-m", "propensity", "simulate", str(clean), "--users", str(users), "--days", str(DAYS))
    called(Path(sys.executable), *program)
    rows = 0
    with clean.open() as source, path.open("w") as log:
        for line in dirtied(source):
            log.write(line)
            rows += 1
    clean.unlink()
    return rows - 1


def dirtied(lines: Iterator[str]) -> Iterator[str]:
    """Yield the lines, and after every hundredth one that no engine may count."""
    faults = cycle((_without_user, _of_no_type, _of_no_time, _again))
    yield next(lines)
    for number, line in enumerate(lines):
        yield line
        if number % DIRTY_EVERY == DIRTY_EVERY - 1:
            yield next(faults)(line)


def _without_user(line: str) -> str:
    return _changed(line, place=1, to="")


def _of_no_type(line: str) -> str:
    return _changed(line, place=2, to="blink")


def _of_no_time(line: str) -> str:
    return _changed(line, place=3, to="yesterday")


def _again(line: str) -> str:
    return line


def _changed(line: str, *, place: int, to: str) -> str:
    fields = line.split(",")
    fields[0] += "x"  # an id of its own, so that nobody can drop it as a repetition
    fields[place] = to
    return ",".join(fields)


def run(
    log: Path, *, rounds: int, say: Callable[[str], None], names: Sequence[str] = tuple(ENGINES)
) -> Iterator[Run]:
    """Yield each engine's run in each round."""
    for _ in range(rounds):
        for name in names:
            python, module, argument = ENGINES[name]
            cutoff = round(CUTOFF.timestamp()) * 1_000_000
            found = json.loads(called(python, "-m", module, argument, str(log), str(cutoff)))
            say(f"{name}: {found['seconds']:.1f} s, {found['peak_mb']:,.0f} MB")
            yield Run(name=name, **found)


def grow(log: Path) -> Iterator[Growth]:
    """Measure what a day more costs, with ids in order and with hashed ones."""
    for ids in ("ascending", "hashed"):
        yield Growth(**json.loads(_ours("growth", str(log), ids)))


def floor(log: Path) -> Floor:
    """Measure what SQLite takes by itself."""
    return Floor(**json.loads(_ours("floor", str(log))))


def _ours(module: str, *arguments: str) -> str:
    cutoff = round(CUTOFF.timestamp()) * 1_000_000
    return called(Path(sys.executable), "-m", f"loadtests.bench.ours.{module}", *arguments, str(cutoff))


def score(material: Path) -> Scoring:
    """Measure batch scoring and a training on the material."""
    return Scoring(
        **json.loads(called(Path(sys.executable), "-m", "loadtests.bench.ours.batch", str(material)))
    )


def called(python: Path, *arguments: str) -> str:
    """Run one step and return the last line it wrote."""
    done = subprocess.run([str(python), *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise Unmeasured(f"{' '.join(arguments)} failed:\n{done.stderr[-600:]}")
    return next(islice(reversed(done.stdout.splitlines()), 1), "")
