"""What a day more costs: a log without its last fortieth part into the store, and then the same log with it.

    python -m loadtests.bench.ours.growth LOG CUTOFF

Prints one line of JSON. A fortieth part of the bench's log is a day.
"""

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


def main(log: Path, *, cutoff: int) -> None:
    """Measure both ingests in processor time: the second is too short for a clock on a busy machine."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        grown = Path(folder) / "log.csv"
        shutil.copy(log, grown)
        with grown.open("rb+") as file:
            file.seek(grown.stat().st_size * (DAYS - 1) // DAYS)
            file.readline()
            file.truncate()
        with open_store(f"sqlite:///{folder}/store.db") as store:
            rows, history = _taken_in(store, grown, cutoff=cutoff)
            shutil.copy(log, grown)
            all_rows, day = _taken_in(store, grown, cutoff=cutoff)
    found = {"history_rows": rows, "history_cpu": history, "day_rows": all_rows - rows, "day_cpu": day}
    sys.stdout.write(json.dumps(found) + "\n")


def _taken_in(store: Store, log: Path, *, cutoff: int) -> tuple[int, float]:
    started = time.process_time()
    summary = ingest(
        [str(log)], log_format=FORMATS["propensity"], store=store, now=cutoff, max_refused_share=0.05
    )
    return summary.rows, time.process_time() - started


if __name__ == "__main__":
    main(Path(sys.argv[1]), cutoff=int(sys.argv[2]))
