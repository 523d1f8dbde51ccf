"""One measurement by h2load: requests a second, and times from its log of single requests.

Its own summary names no percentiles, so each request is logged to a file and counted here.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

WARM_UP_SECONDS: Final = 1
MISSING: Final = "There is no h2load here. Install it (Debian: apt-get install nghttp2-client; macOS: brew install nghttp2)."


class Unmeasured(Exception):
    """A measurement that could not be made; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one run of h2load saw."""

    requests_per_second: float
    """Of answers in the 2xx only."""
    p50_ms: float
    """NaN where nothing was answered within the time: the slowest peers need longer runs."""
    p99_ms: float
    requests: int
    errors: int
    """Answers that are no 2xx, and requests that got none."""


def is_there() -> bool:
    """Whether the machine has h2load."""
    return shutil.which("h2load") is not None


def measure(
    url: str,
    *,
    body: Path,
    connections: int,
    seconds: float,
    before: Sequence[str] = (),
    rate: float | None = None,
    key: str = "",
) -> Reading:
    """Post `body` to `url` over some connections for a while; `before` is what the command begins with (taskset).

    `key` goes with each request. As quickly as it is answered, after a warm-up; or `rate` times a second from the first moment on.
    """
    pace = [f"--warm-up-time={WARM_UP_SECONDS}"] if rate is None else [f"--rps={rate / connections}"]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        log = Path(folder) / "requests.tsv"
        duration = f"{max(1, round(seconds))}"
        command = [
            *before,
            *("h2load", "--h1", "-t", "1", "-c", str(connections), "-D", duration),
            *(*pace, f"--log-file={log}", "-d", str(body)),
            *("-H", "content-type: application/json", "-H", f"x-api-key: {key}", url),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
        if done.returncode:
            raise Unmeasured(f"h2load failed: {(done.stderr or done.stdout).strip()[-200:]}")
        return read(log.read_text(), summary=done.stdout, seconds=float(duration))


def read(log: str, *, summary: str, seconds: float) -> Reading:
    """Return what the log of requests and the summary say.

    The log has a line per request: start in microseconds, status, duration in microseconds. What was in flight when
    the warm-up ended has status 0 there, however it was answered, and is left out; what was in flight when the time was
    over is in neither. So errors are taken from the summary: other answers than 2xx, and `errored` and `timeout`.
    """
    table = np.array([line.split("\t")[:3] for line in log.splitlines() if line], dtype=np.int64).reshape(
        -1, 3
    )
    table = table[table[:, 1] != 0]
    is_good = (table[:, 1] >= 200) & (table[:, 1] < 300)
    if len(table) and not is_good.any():
        raise Unmeasured(f"No request was answered with a 2xx: {_line(summary, 'status codes:')}.")
    times = table[is_good, 2] / 1000
    p50, p99 = np.percentile(times, [50, 99]) if len(times) else (np.nan, np.nan)
    return Reading(
        requests_per_second=float(is_good.sum()) / seconds,
        p50_ms=float(p50),
        p99_ms=float(p99),
        requests=len(table),
        errors=_counted(summary, "status codes:", ("3xx", "4xx", "5xx"))
        + _counted(summary, "requests:", ("errored", "timeout")),
    )


def _line(summary: str, start: str) -> str:
    return next((line for line in summary.splitlines() if line.startswith(start)), "nothing was said")


def _counted(summary: str, start: str, names: Sequence[str]) -> int:
    """Return the sum of some numbers of a line like `requests: 9 total, …, 0 errored, 0 timeout`."""
    parts = [part.split() for part in _line(summary, start).removeprefix(start).split(",")]
    counts = {part[1]: int(part[0]) for part in parts if len(part) == 2 and part[0].isdigit()}
    return sum(counts.get(name, 0) for name in names)
