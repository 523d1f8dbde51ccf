"""Ingest and training within a stated growth of memory, of a log ten times as large as that.

Each size is a process of its own (`hungry.py`), because what a process once had it never seems to have given back. What
grows is counted from where all libraries are loaded: a process with both of them in it begins with some 300 MB more. Ten
times the limit are 4 GB, some 46 million rows, and want 25 GB of disk and, on two cores that nobody else uses, a
quarter of an hour. PROPENSITY_TEST_MEMORY_TIMES=2 looks at less.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPORT = Path(__file__).parents[2] / "build" / "memory.txt"
HUNGRY = Path(__file__).with_name("hungry.py")
LIMIT = 400 * 10**6
TIMES = float(os.environ.get("PROPENSITY_TEST_MEMORY_TIMES", "10"))
"""How many times the limit the longer log is."""
SHORTER = 10
"""How many times as long it is as the other."""
DISK_PER_BYTE = 7
"""The log, its spill, and the store with its write-ahead log and indexes."""
pytestmark = [
    pytest.mark.timeout(4 * 3_600),
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells a process's own peak"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a simulated log to be written again and again; what is made of it is gigabytes."""
    folder = tmp_path_factory.mktemp("memory")
    simulate = ("-m", "propensity", "simulate", str(folder / "small.csv"), "--users", "1000", "--days", "60")
    subprocess.run([sys.executable, *simulate], check=True, capture_output=True)
    yield folder
    for file in folder.iterdir():
        file.unlink()


def run(folder: Path, *, size: float) -> dict[str, float]:
    for left in folder.glob("store.db*"):
        left.unlink()
    done = subprocess.run(
        [sys.executable, str(HUNGRY), str(folder), str(round(size))],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def test_memory_has_a_limit_that_a_log_of_ten_times_its_size_does_not_move(folder: Path) -> None:
    size = TIMES * LIMIT
    free = shutil.disk_usage(folder).free
    assert free > DISK_PER_BYTE * size, (
        f"{free / 1e9:,.0f} GB are free in {folder}: set TMPDIR to a larger disk."
    )
    short, long = run(folder, size=size / SHORTER), run(folder, size=size)
    grown = [found["train_bytes"] - found["base_bytes"] for found in (short, long)]
    said = f"grew by {grown[0] / 1e6:,.0f} MB for {short['log_bytes'] / 1e6:,.0f} MB, {grown[1] / 1e6:,.0f} MB for "
    said += f"{long['log_bytes'] / 1e6:,.0f} MB of log: {short} {long}"
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text(said + "\n")
    assert long["stored"] > 0.95 * SHORTER * short["stored"] > 0
    assert long["log_bytes"] >= size
    assert max(grown) < LIMIT, said
    assert grown[1] < 1.25 * grown[0], said
