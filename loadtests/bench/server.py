"""One peer as a process of its own: pinned, waited for, weighed, and gone again with all its children."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from loadtests.bench.h2load import Unmeasured

START_SECONDS: Final = 180.0
"""Longest start waited for: MLflow's imports take a minute on a busy machine."""
STOP_SECONDS: Final = 15.0
_TAIL: Final = 600


class Server:
    """A peer that answers."""

    def __init__(self, process: subprocess.Popen[bytes], *, port: int, start_seconds: float) -> None:
        self.port = port
        self.start_seconds = start_seconds
        """From the start of the process to its first right answer."""
        self._process = process

    def memory_mb(self) -> float:
        """Return what the process and its children take, pages they share counted once (Linux only)."""
        return sum(map(_pss, _family(self._process.pid))) / 1024

    def resident_mb(self) -> float:
        """Return what the process and its children hold in memory, whoever else shares it (Linux only)."""
        return sum(map(_rss, _family(self._process.pid))) / 1024

    def cpu_seconds(self) -> float:
        """Return the processor time that the process and its children have taken so far (Linux only)."""
        return sum(map(_ticks, _family(self._process.pid))) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str],
    *,
    port: int,
    path: str,
    body: Path,
    environment: Mapping[str, str],
    cwd: Path,
    log: Path,
    key: str = "",
) -> Iterator[Server]:
    """Start a peer and yield it once it answers `body` with 200; end it and its children on the way out."""
    started = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603 - our own words
            command,
            cwd=cwd,
            env=dict(environment),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}{path}", body=body.read_bytes(), log=log, key=key)
        yield Server(process, port=port, start_seconds=time.monotonic() - started)
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], url: str, *, body: bytes, log: Path, key: str) -> None:
    said = "nothing"
    headers = {"content-type": "application/json", "x-api-key": key}
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            request = urllib.request.Request(url, body, headers)  # noqa: S310 - http
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - http, from above
                return
        except urllib.error.HTTPError as error:
            said = f"{error.code} {error.read(200).decode(errors='replace')}"
        except OSError as error:
            said = str(error)
        time.sleep(0.02)
    tail = log.read_text(errors="replace")[-_TAIL:]
    raise Unmeasured(f"It did not start: it last said {said}. The end of {log}:\n{tail}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process kindly, and by force what is left of it and its children."""
    family = _family(process.pid)
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def _family(leader: int) -> list[int]:
    """Return a process and all that descend from it (Linux; elsewhere the process alone)."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(entry.parent.name)] = int(entry.read_text().rpartition(")")[2].split()[1])
    family = [leader]
    for member in family:
        family += [pid for pid, parent in parents.items() if parent == member]
    return family


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def _pss(pid: int) -> int:
    return _kib(Path(f"/proc/{pid}/smaps_rollup"), name="Pss:")


def _rss(pid: int) -> int:
    return _kib(Path(f"/proc/{pid}/status"), name="VmRSS:")


def _kib(path: Path, *, name: str) -> int:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
