"""All peers measured, round after round, so that what the machine does meanwhile hits them alike.

Server and client have a core each; a machine with one core gives them the same.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from loadtests.bench import h2load
from loadtests.bench.h2load import Reading
from loadtests.bench.peers import KEY, ROOT, Peer
from loadtests.bench.server import free_port, running

CONNECTIONS: Final = (1, 16, 64)


@dataclass(frozen=True, kw_only=True)
class Result:
    """One peer in one round."""

    peer: str
    start_seconds: float
    memory_mb: float
    """After the load."""
    readings: dict[int, Reading]
    """By number of connections."""
    cpu_micros: dict[int, float]
    """Processor time of the server for one request: what it takes whatever else the machine does."""


def run(
    peers: Sequence[Peer], *, rounds: int, seconds: float, material: Path, say: Callable[[str], None]
) -> Iterator[Result]:
    """Yield each peer's result in each round."""
    for number in range(rounds):
        for peer in peers:
            result = measure(peer, seconds=seconds, material=material)
            speeds = " / ".join(f"{one.requests_per_second:,.0f}" for one in result.readings.values())
            say(f"round {number + 1} of {rounds}: {peer.name}: {speeds} requests/s")
            yield result


def measure(
    peer: Peer, *, seconds: float, material: Path, connections: Sequence[int] = CONNECTIONS
) -> Result:
    """Start a peer and measure it."""
    port, body, key = free_port(), material / f"{peer.body}.json", (material / KEY).read_text()
    server_core, client_core = _pins()
    log = material / "logs" / f"{peer.name.replace(' ', '-')}.log"
    log.parent.mkdir(exist_ok=True)
    with running(
        [*server_core, *peer.command(port=port, material=material)],
        port=port,
        path=peer.path,
        body=body,
        environment=_environment(material) | peer.settings(port=port, material=material),
        cwd=ROOT,
        log=log,
        key=key,
    ) as server:
        url = f"http://127.0.0.1:{port}{peer.path}"
        readings, cpu_micros = {}, {}
        for count in connections:
            before = server.cpu_seconds()
            reading = h2load.measure(
                url, body=body, connections=count, seconds=seconds, before=client_core, key=key
            )
            readings[count] = reading
            cpu_micros[count] = _per_request(server.cpu_seconds() - before, reading, seconds=seconds)
        return Result(
            peer=peer.name,
            start_seconds=server.start_seconds,
            memory_mb=server.memory_mb(),
            readings=readings,
            cpu_micros=cpu_micros,
        )


def _per_request(cpu_seconds: float, reading: Reading, *, seconds: float) -> float:
    """Return microseconds for a request, of which those of the warm-up took their part of the time but are not counted."""
    if not reading.requests:
        return float("nan")
    return cpu_seconds * 1e6 * seconds / (seconds + h2load.WARM_UP_SECONDS) / reading.requests


def _pins() -> tuple[list[str], list[str]]:
    """Return what pins a server to the first core and the client to the last."""
    if shutil.which("taskset") is None:
        return [], []
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[0])], ["taskset", "-c", str(cores[-1])]


def _environment(material: Path) -> dict[str, str]:
    """Return what every peer gets: nothing of this machine's settings, telemetry off."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "HOME": str(material.absolute()),
        "BENCH_MATERIAL": str(material.absolute()),
        "BENTOML_HOME": str(material.absolute() / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",
    }
