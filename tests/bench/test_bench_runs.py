"""Every peer and every engine for a moment, so that the benchmark can't rot; `make bench-test` runs it."""

from pathlib import Path

import pytest

from loadtests.bench import heavy_path
from loadtests.bench.peers import QUICK, SLOW, Peer
from loadtests.bench.rounds import measure


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("peer", [*QUICK, *SLOW], ids=lambda peer: peer.name)
def test_a_peer_answers_all_it_is_asked(peer: Peer, material: Path) -> None:
    if not peer.python.exists():
        pytest.skip(f"{peer.python} is not there: `make bench PEERS=all` makes it")
    result = measure(peer, seconds=1, material=material, connections=(4,))
    reading = result.readings[4]
    assert reading.requests > 0
    assert reading.errors == 0
    assert result.memory_mb > 5
    assert result.cpu_micros[4] > 5


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_engine_computes_the_same_features_from_a_dirty_log(dirty_log: Path) -> None:
    runs = list(heavy_path.run(dirty_log, rounds=1, say=lambda _: None))
    assert len(runs) == len(heavy_path.ENGINES)
    assert len({run.checksum for run in runs}) == 1
    assert runs[0].users > 100


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_batch_scoring_and_a_training_run_on_the_material(material: Path) -> None:
    found = heavy_path.score(material)
    assert found.users_per_second > 0
    assert found.with_records_per_second > 0
    assert found.training_rows > 1_000
