"""Files about a training that the registry keeps beside its bundle.

card.md                what a person should read first
grid.csv               every candidate and its score
operating_curve.csv    recall, precision and share contacted by threshold (validation days)
curves.csv             ROC and precision-recall of the test days, beside the best baseline
calibration.csv        what was said and what happened (test days)
importances.csv        average precision lost by shuffling each feature
reference.parquet      feature rows and answers of the validation and test days, users as marks: what drift is measured from
data.json              data window, event and row counts, digest, commit
pictures/*.png
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pandas as pd
import polars as pl

from propensity.features.anonymous import marked
from propensity.features.definition import NAMES
from training import card, pictures
from training.curves import curves
from training.periods import TEST, VALIDATE

if TYPE_CHECKING:
    from training.model import Trained

REFERENCE_PERIODS: Final = (VALIDATE, TEST)


def write(trained: "Trained", folder: Path) -> None:
    """Write all of them into a folder, making it where needed."""
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    (folder / "card.md").write_text(card.write(trained), encoding="utf-8")
    tables = {
        "grid": trained.grid_table,
        "operating_curve": pd.DataFrame(msgspec.to_builtins(trained.document.operating_curve)),
        "curves": curves(trained),
        "calibration": trained.evaluation.calibration,
        "importances": trained.importances,
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.csv", index=False)
    rows = marked(reference(trained), digest=trained.bundle.digest)
    rows.write_parquet(folder / "reference.parquet")
    (folder / "data.json").write_bytes(msgspec.json.format(msgspec.json.encode(_data(trained))))
    for name, content in pictures.draw(trained).items():
        (folder / "pictures" / f"{name}.png").write_bytes(content)


def reference(trained: "Trained") -> pl.DataFrame:
    """Return `user_id, cutoff, period, label, probability, *NAMES` of the validation and test days."""
    parts = [
        trained.training_set.rows[name].frame.with_columns(
            pl.lit(name).alias("period"), pl.Series("probability", trained.probabilities[name])
        )
        for name in REFERENCE_PERIODS
    ]
    return pl.concat(parts).select("user_id", "cutoff", "period", "label", "probability", *NAMES)


def _data(trained: "Trained") -> dict[str, object]:
    window = trained.training_set.window
    return {
        "first_event": window.first,
        "watermark": window.last,
        "events": window.events,
        "lag": trained.document.lag,
        "burn_in": trained.document.burn_in,
        "periods": msgspec.to_builtins(trained.document.periods),
        "data_digest": trained.document.data_digest,
        "bundle_digest": trained.bundle.digest,
        "git_commit": trained.document.git_commit,
    }
