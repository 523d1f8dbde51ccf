"""What SQLite takes for the bench's rows by itself: ready tuples, in the order that suits it, durable under their ids.

The least that any way through the store can take, whoever reads and cleans: its own tables, transactions and syncs, and
nothing of ours but the ids claimed and the rows inserted.

    python -m loadtests.bench.ours.floor LOG CUTOFF

Prints one line of JSON.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import polars as pl

from loadtests.bench.ours.features import cleaned_events
from propensity.events.formats import FIELDS
from propensity.store.sqlite.adding import CLAIM, INSERT
from propensity.store.sqlite.database import Database
from propensity.store.sqlite.events import BATCH


def main(log: str, *, cutoff: int) -> None:
    """Measure the inserts alone."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        events = cleaned_events(log, Path(folder), cutoff=cutoff, columns=FIELDS)
        events = events.sort("user_id", "event_time", "event_id").select(*FIELDS, pl.lit(None))
        database = Database(Path(folder) / "store.db", timeout=5)
        seconds = cpu = 0.0
        for rows in events.iter_slices(BATCH):
            ready, ids = rows.rows(), msgspec.json.encode(rows["event_id"].sort().to_list()).decode()
            started, busy = time.perf_counter(), time.process_time()
            with database.writing(bulk=True) as connection:
                connection.execute(CLAIM, (ids,))
                connection.executemany(INSERT, ready)
            seconds, cpu = seconds + time.perf_counter() - started, cpu + time.process_time() - busy
        database.close()
    found = {"rows": events.height, "seconds": seconds, "cpu_seconds": cpu}
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], cutoff=int(sys.argv[2]))
