"""Makes what all peers need: one forest in each of its forms, requests, and a store with the users behind them.

The forest is fitted on feature rows of a simulated shop, so that its trees are as deep as those of a real one. The
shop's last day is the day of the run: the service reads the 30 days before now.

    python -m loadtests.bench.ours.material FOLDER --trees 300 --depth 12 --until 2026-01-31T00:00
"""

import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline

from jobs.ingest.ingestion import ingest
from loadtests.bench.peers import KEY, KEYS
from propensity.bundle import SCHEMA, Bundle, Estimate, ModelDocument, Period, Recorded
from propensity.events.event import DAY
from propensity.events.formats import FORMATS
from propensity.features.definition import FEATURES, HORIZON, NAMES, VERSION
from propensity.features.offline import feature_rows
from propensity.model import Model
from propensity.simulate import Scenario, simulate
from propensity.store import Champion, Store, open_store
from training.export import to_onnx
from training.rows import Rows

DAYS = 45
CUTOFFS = 6
"""Days whose rows the forest is fitted on."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--trees", default=300)
@click.option("--depth", default=12)
@click.option("--users", default=2_000)
@click.option("--seed", default=7)
@click.option("--until", type=click.DateTime(["%Y-%m-%dT%H:%M"]), required=True, help="End of the log, UTC.")
@click.option("--mlflow", "with_mlflow", is_flag=True, help="Also a model as `mlflow models serve` wants it.")
def main(
    *, folder: Path, trees: int, depth: int, users: int, seed: int, until: datetime, with_mlflow: bool
) -> None:
    """Make the bench's material in FOLDER."""
    folder.mkdir(parents=True, exist_ok=True)
    end = until.replace(tzinfo=UTC)
    with open_store(f"sqlite:///{folder / 'home' / 'store.db'}") as store:
        _fill(store, folder, users=users, seed=seed, end=end)
        last = round(end.timestamp()) * 1_000_000
        rows = _labelled(store, [last - day * DAY for day in range(1, CUTOFFS + 1)])
        forest = RandomForestClassifier(
            n_estimators=trees, max_depth=depth, min_samples_leaf=5, random_state=seed, n_jobs=-1
        ).fit(rows.features, rows.labels)
        forest.n_jobs = 1
        bundle = _bundle(forest, rows, at=last)
        store.bundles.put(bundle.digest, bundle.files)
        store.set_champion(Champion(version="1", digest=bundle.digest, verdict="promoted", promoted_at=last))
        _write_key(folder)
        _write_requests(folder, _median_user(store, last), rows.features[0])
    bundle.save(folder / "bundle")
    (folder / "forest.onnx").write_bytes(bundle.onnx)
    (folder / "names.json").write_text(json.dumps(NAMES))
    skops.io.dump(forest, folder / "forest.skops")
    if with_mlflow:
        _write_mlflow(forest, folder / "mlflow-model")


def _fill(store: Store, folder: Path, *, users: int, seed: int, end: datetime) -> None:
    log = folder / "shop.parquet"
    simulate(Scenario(users=users, days=DAYS, seed=seed, start=end - timedelta(days=DAYS))).write(log)
    now = round(end.timestamp()) * 1_000_000
    ingest([str(log)], log_format=FORMATS["propensity"], store=store, now=now, max_refused_share=0.0)


def _labelled(store: Store, cutoffs: list[int]) -> Rows:
    return Rows(pl.concat(feature_rows(store, cutoffs, lag=0, with_labels=True)))


def _bundle(forest: Any, rows: Rows, *, at: int) -> Bundle:
    some = rows.features[:31]
    everyone = Estimate(0.5, 0.0, 1.0)
    period = Period(
        first_cutoff=0,
        last_cutoff=at,
        cutoffs=CUTOFFS,
        rows=len(rows),
        users=rows.users,
        positives=rows.positives,
    )
    document = ModelDocument(
        schema=SCHEMA,
        estimator="random_forest",
        parameters={"n_estimators": forest.n_estimators, "max_depth": forest.max_depth},
        calibration="none",
        feature_version=VERSION,
        features=list(NAMES),
        threshold=float(np.median(forest.predict_proba(rows.features[:1_000])[:, 1])),
        recall_target=1.0,
        expected_recall=0.99,
        contact_share=everyone,
        metrics={},
        baselines={},
        operating_curve=[],
        periods={"fit": period},
        lag=0,
        burn_in=HORIZON,
        warnings=[],
        trained_at=at,
        git_commit="",
        data_digest="",
        events=0,
    )
    recorded = Recorded(inputs=some.tolist(), probabilities=forest.predict_proba(some)[:, 1].tolist())
    bundle = Bundle.make(onnx=to_onnx(make_pipeline(forest)), document=document, recorded=recorded)
    Model(bundle).verify()
    return bundle


def _median_user(store: Store, end: int) -> str:
    """Return the user with the median number of events in the last 30 days: what a lookup costs hangs on it."""
    counts = pl.concat(
        pl.DataFrame({"user": [event.user_id for event in chunk]})
        for chunk in store.events.scan(since=end - HORIZON, until=end)
    )
    sizes = counts.group_by("user").len().sort("len", "user")
    return str(sizes["user"][sizes.height // 2])


def _write_requests(folder: Path, user_id: str, row: np.ndarray[Any, Any]) -> None:
    values = row.tolist()
    given = {
        feature.name: int(value) if feature.integer else round(value, 4)
        for feature, value in zip(FEATURES, values, strict=True)
    }
    shape = [1, len(NAMES)]
    inputs = [{"name": "rows", "shape": shape, "datatype": "FP64", "data": values}]
    requests: dict[str, Any] = {
        "given": {"user_id": user_id, **given},
        "stored": {"user_id": user_id},
        "rows": {"rows": [values]},
        "dataframe": {"dataframe_split": {"columns": NAMES, "data": [values]}},
        "inference": {"inputs": inputs},
    }
    for name, body in requests.items():
        (folder / f"{name}.json").write_text(json.dumps(body))


def _write_key(folder: Path) -> None:
    """Make a key, so that the service checks one with each request, as it does in production."""
    secret = f"ppk_{secrets.token_urlsafe(32)}"
    checksum = hashlib.sha256(secret.encode()).hexdigest()
    record = {"name": "bench", "sha256": checksum, "scopes": ["predict", "events", "read"]}
    (folder / KEY).write_text(secret)
    (folder / KEYS).write_text(json.dumps([record]))


def _write_mlflow(forest: Any, path: Path) -> None:
    import mlflow.sklearn  # noqa: PLC0415 - it takes seconds, and few ask for it

    mlflow.sklearn.save_model(
        forest,
        path,
        serialization_format="skops",
        skops_trusted_types=["sklearn.tree._tree.Tree"],
        pip_requirements=["scikit-learn", "skops"],
    )


if __name__ == "__main__":
    main()
