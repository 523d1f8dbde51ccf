"""Ingests a log and trains on it in a process of its own, and says by how much its memory grew: a line of JSON.

    python tests/verify/hungry.py FOLDER BYTES

The log is the clean one in FOLDER, written again and again with other users and ids until it has BYTES bytes. The rows are
made and searched by default settings but for their number, the grid and the resamples, which cost hours and no memory that
would hang on the log.
"""

import json
import os
import sys
import time
from itertools import count, islice
from pathlib import Path

from jobs.ingest import ingest
from propensity.events.formats import FORMATS
from propensity.settings import read_settings
from propensity.store import open_store
from training import dataset
from training.model import fit

KIB = 1024


def peak() -> int:
    """Return the most memory that this process ever had, in bytes; on Linux, whose rusage begins with the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) * KIB


def main(folder: Path, size: int) -> None:
    log = folder / "large.csv"
    # A child: what writing the log takes is no part of what is measured.
    if not (writer := os.fork()):
        multiply(folder / "small.csv", log, size=size)
        os._exit(0)
    if os.waitpid(writer, 0)[1]:
        raise SystemExit("The log was not written.")
    found: dict[str, float] = {"log_bytes": log.stat().st_size, "base_bytes": peak()}
    settings = read_settings(
        home=folder, search="quick", workers=1, max_training_rows=20_000, max_cutoffs=8, bootstrap_rounds=50
    )
    with open_store(f"sqlite:///{folder / 'store.db'}") as store:
        started = time.monotonic()
        summary = ingest(
            [str(log)], log_format=FORMATS["propensity"], store=store, now=2**60, max_refused_share=0.0
        )
        found |= {"stored": summary.inserted, "ingest_seconds": time.monotonic() - started}
        found["ingest_bytes"] = peak()
        last = store.events.summary().last_time or 0
        started = time.monotonic()
        rows_of = dataset.build(store, settings, now=last)
        found |= {"seen": rows_of.window.events, "rows_bytes": peak()}
        fit(rows_of, settings, now=last, git_commit="", progress=lambda _: None)
        found |= {"train_bytes": peak(), "train_seconds": time.monotonic() - started}
    sys.stdout.write(json.dumps(found) + "\n")


def multiply(small: Path, large: Path, *, size: int) -> None:
    """Write a log again and again, as often as gives so many bytes, each time of other users."""
    with small.open() as source:
        header, *lines = islice(source, None)
    with large.open("w") as log:
        log.write(header)
        for copy in count():
            if log.tell() >= size:
                break
            mark = f"{copy:x}-"
            log.writelines(f"{mark}{line.replace(',', f',{mark}', 1)}" for line in lines)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
