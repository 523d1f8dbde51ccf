"""Runs one engine on a log and says how long it took, how much memory, and what came out: one line of JSON.

    python -m loadtests.bench.heavy.engine polars LOG CUTOFF

Imports are not part of the time; the process is the engine's own, so that its peak of memory is, too.
"""

import importlib
import json
import resource
import sys
import time

from loadtests.bench.heavy.windows import checksum


def main(name: str, log: str, cutoff: int) -> None:
    """Run an engine of this folder by its name."""
    build = importlib.import_module(f"loadtests.bench.heavy.{name}_features").build
    started, busy = time.perf_counter(), time.process_time()
    users, columns = build(log, cutoff=cutoff)
    seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mb": peak,
        "users": len(users),
        "checksum": checksum(users, columns),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
