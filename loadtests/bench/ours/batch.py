"""Batch scoring from feature rows on one core, and a training, on the bench's material.

Users a second are users per second of processor time: with one thread that is per core, and other work on the machine
does not count.

    python -m loadtests.bench.ours.batch FOLDER

Prints one line of JSON.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from jobs.score import score
from propensity.bundle import Bundle
from propensity.features.definition import HORIZON
from propensity.features.offline import feature_rows
from propensity.model import Model
from propensity.settings import read_settings
from propensity.store import open_store
from training import dataset
from training.model import fit

ROWS = 50_000
"""As many as the score job hands over at once."""


def main(material: Path) -> None:
    """Measure."""
    model = Model(Bundle.load(material / "bundle"), threads=1)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        path = Path(folder) / "store.db"
        shutil.copy(material / "home" / "store.db", path)
        with open_store(f"sqlite:///{path}") as store:
            last = store.events.summary().last_time or 0
            rows = pl.concat(feature_rows(store, [last], lag=0, with_labels=False))
            table = rows.select(model.document.features).to_numpy().astype(np.float32, order="C")
            many = np.tile(table, (-(-ROWS // len(table)), 1))[:ROWS].copy()
            model.probabilities(many[:100])
            started = time.process_time()
            model.probabilities(many)
            alone = ROWS / (time.process_time() - started)
            started = time.process_time()
            summary = score(store, model, model_version="1", cutoff=last, lag=0)
            written = summary.users / (time.process_time() - started)
            settings = read_settings(
                home=Path(folder), search="quick", burn_in_days=HORIZON // 86_400_000_000
            )
            started = time.perf_counter()
            training_set = dataset.build(store, settings, now=last)
            fit(training_set, settings, now=last, git_commit="", progress=lambda _: None)
            trained = time.perf_counter() - started
    found = {
        "users_per_second": alone,
        "with_records_per_second": written,
        "training_seconds": trained,
        "training_rows": len(training_set.fit),
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
