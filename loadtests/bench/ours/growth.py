"""What a day more costs: a log without its last fortieth part into the store, and then the same log with it.

    python -m loadtests.bench.ours.growth LOG ascending|hashed CUTOFF

Prints one line of JSON. A fortieth part of the bench's log is a day. The simulator counts its ids up, which suits a tree
by id; shops send hashes, so the same log is also measured with each id hashed.
"""

import hashlib
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from jobs.ingest.ingestion import ingest
from propensity.events.formats import FORMATS
from propensity.store import Store, open_store

DAYS = 40


def main(log: Path, *, ids: str, cutoff: int) -> None:
    """Measure both ingests in processor time: the second is too short for a clock on a busy machine."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        whole, grown = Path(folder) / "whole.csv", Path(folder) / "log.csv"
        if ids == "hashed":
            hash_ids(log, whole)
        else:
            shutil.copy(log, whole)
        shutil.copy(whole, grown)
        with grown.open("rb+") as file:
            file.seek(grown.stat().st_size * (DAYS - 1) // DAYS)
            file.readline()
            file.truncate()
        with open_store(f"sqlite:///{folder}/store.db") as store:
            rows, history = _taken_in(store, grown, cutoff=cutoff)
            whole.replace(grown)
            all_rows, day = _taken_in(store, grown, cutoff=cutoff)
    found = {
        "ids": ids,
        "history_rows": rows,
        "history_cpu": history,
        "day_rows": all_rows - rows,
        "day_cpu": day,
    }
    sys.stdout.write(json.dumps(found) + "\n")


def hash_ids(log: Path, hashed: Path) -> None:
    """Copy a log, each id replaced by 32 hexadecimal digits that say nothing of its order."""
    with log.open() as source, hashed.open("w") as copy:
        copy.write(next(source))
        for line in source:
            event_id, rest = line.split(",", 1)
            copy.write(f"{hashlib.blake2b(event_id.encode(), digest_size=16).hexdigest()},{rest}")


def _taken_in(store: Store, log: Path, *, cutoff: int) -> tuple[int, float]:
    started = time.process_time()
    summary = ingest(
        [str(log)], log_format=FORMATS["propensity"], store=store, now=cutoff, max_refused_share=0.05
    )
    return summary.rows, time.process_time() - started


if __name__ == "__main__":
    main(Path(sys.argv[1]), ids=sys.argv[2], cutoff=int(sys.argv[3]))
