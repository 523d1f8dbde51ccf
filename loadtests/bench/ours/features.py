"""Our own way from a log to feature rows: as the jobs go it, through the durable store, and without it.

    python -m loadtests.bench.ours.features store LOG CUTOFF

Prints the same line of JSON as `loadtests.bench.heavy.engine`.
"""

import io
import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from jobs.ingest.blocks import Block, blocks_of
from jobs.ingest.cleaning import clean
from jobs.ingest.files import find_files
from jobs.ingest.ingestion import ingest
from jobs.ingest.parallel import in_order
from loadtests.bench.heavy.windows import checksum
from propensity.events.formats import FORMATS
from propensity.features.definition import FEATURES, HORIZON
from propensity.features.offline import feature_rows, snapshots
from propensity.store import open_store

FORMAT = FORMATS["propensity"]
COUNTED = ("event_id", "user_id", "event_type", "event_time", "product_id", "category_id", "price")
Table = tuple[list[str], dict[str, Any]]


def through_store(log: str, folder: Path, *, cutoff: int) -> pl.DataFrame:
    """Ingest into SQLite, synced, and build the rows from there: what the CronJobs do."""
    with open_store(f"sqlite:///{folder / 'store.db'}") as store:
        ingest([log], log_format=FORMAT, store=store, now=cutoff, max_refused_share=0.05)
        return pl.concat(feature_rows(store, [cutoff], lag=0, with_labels=False))


def in_memory(log: str, folder: Path, *, cutoff: int) -> pl.DataFrame:
    """Read and clean with the ingest's own code and build the rows at once, in memory, as the others do."""
    in_window = pl.col("event_time").is_between(cutoff - HORIZON, cutoff, closed="left")
    events = cleaned_events(log, folder, cutoff=cutoff, columns=COUNTED, wanted=in_window)
    return snapshots(events.with_columns(ingested_at=pl.lit(None, pl.Int64)), [cutoff], lag=0)


def cleaned_events(
    log: str, folder: Path, *, cutoff: int, columns: Sequence[str], wanted: pl.Expr | None = None
) -> pl.DataFrame:
    """Return the log's events, each id once; of those that are not `wanted` nothing is kept."""
    kept = pl.col("reason").is_null() if wanted is None else pl.col("reason").is_null() & wanted

    def cleaned(block: Block) -> pl.DataFrame:
        rows, has_spaces, has_controls = block()
        found = clean(rows, log_format=FORMAT, now=cutoff, has_spaces=has_spaces, has_controls=has_controls)
        return found.filter(kept).select(*columns)

    (file,) = find_files([log])
    with file.open() as stream:
        blocks = blocks_of(
            io.BufferedReader(stream), kind="text", folder=folder, log_format=FORMAT, name=log, offset=0
        )
        parts = list(in_order(cleaned, blocks, threads=pl.thread_pool_size()))
    return pl.concat(parts).filter(pl.col("event_id").is_first_distinct())


def main(way: str, log: str, cutoff: int) -> None:
    """Run one way and say what it cost."""
    build = {"store": through_store, "memory": in_memory}[way]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        started, busy = time.perf_counter(), time.process_time()
        rows = build(log, Path(folder), cutoff=cutoff)
        seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    users, columns = integers(rows)
    found = {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "peak_mb": peak,
        "users": len(users),
        "checksum": checksum(users, columns),
    }
    sys.stdout.write(json.dumps(found) + "\n")


def integers(rows: pl.DataFrame) -> Table:
    """Return the users and the integers behind their features, without those of the cutoff itself."""
    columns = {
        feature.name: np.rint(rows[feature.name].to_numpy() * feature.divisor)
        for feature in FEATURES
        if feature.window != "cutoff"
    }
    return rows["user_id"].to_list(), columns


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
