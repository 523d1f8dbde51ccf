"""`propensity ingest` as a process: killed half-way, or on a temporary disk without room."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from propensity.events import Event, Refusal
from propensity.store import Store, open_store

pytestmark = pytest.mark.journey

ROWS = 120_000
"""Several of the store's portions, so that there is a half-way."""
ROOM = 1_024
"""Blocks of 512 or 1,024 bytes that a file may have, as `ulimit` counts them."""


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "propensity", "ingest", *map(str, arguments)]


def environment(store: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PROPENSITY_")}
    return kept | {"PROPENSITY_STORE_URI": f"sqlite:///{store}"}


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{path}") as store:
        yield store


def state(path: Path) -> tuple[list[Event], set[tuple[str, int, str]], list[tuple[str, int, bool]]]:
    """Return all that an ingest leaves behind, but when it did."""

    def place(refusal: Refusal) -> tuple[str, int, str]:
        return refusal.refusal_id, refusal.line, refusal.reason

    with opened(path) as store:
        events = [event for chunk in store.events.scan(since=0, until=1 << 60) for event in chunk]
        records = [
            (record.ingest_id, record.rows, record.finished_at > 0) for record in store.ingests.latest(9)
        ]
        return events, set(map(place, store.refused.latest(10_000))), records


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with equal rows and refused ones."""
    path = tmp_path_factory.mktemp("logs") / "log.csv"
    kinds = ("view", "view", "cart", "purchase")
    lines = (
        f"u{n % 5_003},{'look' if n % 9_973 == 0 else kinds[n % 4]},{1_600_000_000_000_000 + n % 1_009}"
        for n in range(ROWS)
    )
    path.write_text("user_id,event_type,event_time\n" + "\n".join(lines))
    return path


def test_a_run_that_was_killed_is_mended_by_running_it_again(tmp_path: Path, log: Path) -> None:
    whole, killed = tmp_path / "whole.db", tmp_path / "killed.db"
    subprocess.run(command(log), env=environment(whole), check=True, timeout=120, capture_output=True)
    with subprocess.Popen(command(log), env=environment(killed)) as process, opened(killed) as store:
        limit = time.monotonic() + 60
        while not store.events.summary().events:
            assert process.poll() is None, "the ingest ended by itself"
            assert time.monotonic() < limit, "the ingest stored nothing"
        process.kill()
        process.wait(timeout=60)
        assert 0 < store.events.summary().events < ROWS - 100
        assert not store.ingests.latest(1)
    subprocess.run(command(log), env=environment(killed), check=True, timeout=120, capture_output=True)
    assert state(killed) == state(whole)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_full_temporary_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    draw = random.Random(7)  # noqa: S311
    path = tmp_path / f"log.{kind}"
    users = [f"{draw.getrandbits(96):024x}" for _ in range(80_000)]
    frame = pl.DataFrame({"user_id": users, "event_type": "view", "event_time": "2020-01-01T00:00:00Z"})
    frame.write_parquet(path) if kind == "parquet" else frame.write_csv(path)
    limited = ["sh", "-c", f'ulimit -f {ROOM}; exec "$@"', "sh", *command(path)]
    ended = subprocess.run(
        limited,
        env=environment(tmp_path / "store.db"),
        check=False,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "The temporary folder can't be used (File too large). Free some space or set TMPDIR" in line
    with opened(tmp_path / "store.db") as store:
        assert store.events.summary().events == 0
