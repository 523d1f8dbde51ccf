"""Ingest and training within a stated growth of memory, whatever the length of the log.

Each size is a process of its own (`hungry.py`), because what a process once had it never seems to have given back. What
grows is counted from where all libraries are loaded. PROPENSITY_TEST_MEMORY_ROWS makes the log longer: 46000000 rows are
4 GB, ten times the limit, and want 25 GB of disk and, on two cores that nobody else uses, some quarter of an hour.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HUNGRY = Path(__file__).with_name("hungry.py")
LIMIT = 400 * 10**6
ROWS = int(os.environ.get("PROPENSITY_TEST_MEMORY_ROWS", "5000000"))
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


def run(folder: Path, *, rows: int) -> dict[str, float]:
    for left in folder.glob("store.db*"):
        left.unlink()
    done = subprocess.run(
        [sys.executable, str(HUNGRY), str(folder), str(rows)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def test_memory_has_a_limit_that_the_length_of_the_log_does_not_move(folder: Path) -> None:
    short, long = run(folder, rows=ROWS // 5), run(folder, rows=ROWS)
    grown = [found["train_bytes"] - found["base_bytes"] for found in (short, long)]
    said = f"grew by {grown[0] / 1e6:,.0f} MB for {short['log_bytes'] / 1e6:,.0f} MB, {grown[1] / 1e6:,.0f} MB for "
    said += f"{long['log_bytes'] / 1e6:,.0f} MB of log: {short} {long}"
    assert long["stored"] >= ROWS
    assert long["log_bytes"] > 4.9 * short["log_bytes"]
    assert max(grown) < LIMIT, said
    assert grown[1] < 1.25 * grown[0], said
