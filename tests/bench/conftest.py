"""The environments of the peers, where they are made, and material with a forest of few trees."""

import os
from pathlib import Path

import pytest

from loadtests.bench import h2load, heavy_path
from loadtests.bench.__main__ import make_material
from loadtests.bench.peers import BENCH_PYTHON, SLOW


@pytest.fixture(scope="session")
def peers_environment() -> Path:
    """The peers' Python; without it there is nothing to compare with."""
    if not os.environ.get("PROPENSITY_TEST_BENCH"):
        pytest.skip("PROPENSITY_TEST_BENCH is not set: `make bench-test` sets it and takes some minutes")
    if not BENCH_PYTHON.exists() or not h2load.is_there():
        pytest.skip("the peers' environment or h2load is not there: `make bench` makes both")
    return BENCH_PYTHON


@pytest.fixture(scope="session")
def material(peers_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """A small shop with a small forest."""
    folder = tmp_path_factory.mktemp("material")
    make_material(folder, trees=5, depth=4, with_mlflow=any(peer.python.exists() for peer in SLOW), users=300)
    return folder


@pytest.fixture(scope="session")
def dirty_log(peers_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: ARG001
    """A log with one row in a hundred dirty."""
    log = tmp_path_factory.mktemp("log") / "log.csv"
    heavy_path.make_log(log, events=20_000)
    return log
