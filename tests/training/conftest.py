"""Training sets to test with: one of made-up rows, where the truth is known, and one of the real Taobao log."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from distributed import LocalCluster

from propensity.events import MICROS, Event
from propensity.events.event import DAY, HOUR
from propensity.features.definition import NAMES
from propensity.settings import Settings, read_settings
from propensity.store import Champion, Store, open_store
from training import dataset, model, periods
from training.dataset import TrainingSet
from training.model import Trained
from training.window import Window

START = 1_700_000_000 // 3_600 * HOUR
NOW = 2_000_000_000 * MICROS
TAOBAO_TYPES = {"pv": "view", "cart": "cart", "fav": "favorite", "buy": "purchase"}

MakeRows = Callable[..., pl.DataFrame]
MakeSet = Callable[..., TrainingSet]


def _make_rows(
    cutoffs: list[int], *, users: int = 150, seed: int = 1, base: float = -1.2, signal: float = 1.5
) -> pl.DataFrame:
    """Users with a lasting taste for buying, which `purchase_intent` and `cart_count` show through noise."""
    chance = np.random.default_rng(seed)
    size = users * len(cutoffs)
    taste = np.tile(chance.normal(size=users), len(cutoffs))
    columns = {name: chance.poisson(2.0, size).astype(float) for name in NAMES}
    columns["purchase_intent"] = taste + chance.normal(scale=0.3, size=size)
    columns["cart_count"] = chance.poisson(np.exp(0.5 * taste)).astype(float)
    columns["last_activity_hours"] = chance.integers(0, 3_000, size) / 7 + 1 / 3
    probability = 1 / (1 + np.exp(-(base + signal * taste)))
    return pl.DataFrame(
        {
            "user_id": [f"user{user}" for user in range(users)] * len(cutoffs),
            "cutoff": np.repeat(np.array(cutoffs, dtype=np.int64), users),
            **columns,
            "label": (chance.random(size) < probability).astype(np.int8),
        }
    )


@pytest.fixture(scope="session")
def make_rows() -> MakeRows:
    """`make_rows(cutoffs, users=, seed=, base=, signal=)`: made-up feature rows with labels."""
    return _make_rows


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings that train in seconds."""
    return read_settings(
        home=tmp_path_factory.mktemp("quick"),
        search="quick",
        workers=2,
        bootstrap_rounds=200,
        cutoff_stride_hours=13,
        seed=7,
    )


@pytest.fixture(scope="session")
def make_set(quick: Settings) -> MakeSet:
    """`make_set(days=, users=, …)`: a training set of made-up rows."""

    def make(*, days: int = 30, settings: Settings = quick, **rows: object) -> TrainingSet:
        plan = periods.plan(START, START + days * DAY, settings=settings)
        frame = _make_rows(plan.cutoffs, **rows)  # type: ignore[arg-type]
        window = Window(first=START, last=START + days * DAY, events=1_000)
        return dataset.assemble([frame], plan=plan, window=window, lag=0, settings=settings)

    return make


@pytest.fixture(scope="session")
def trained(make_set: MakeSet, quick: Settings) -> Trained:
    """A model trained on made-up rows."""
    return model.fit(make_set(users=300), quick, now=NOW, git_commit="c0ffee", progress=lambda _: None)


def _taobao_events(path: Path) -> Iterator[Event]:
    frame = pl.read_csv(
        path, has_header=False, new_columns=["user", "item", "category", "type", "time"], infer_schema=False
    ).with_columns(pl.col("time").cast(pl.Int64, strict=False))
    for number, (user, item, category, kind, time) in enumerate(frame.drop_nulls().iter_rows()):
        yield Event(f"row{number}", user, TAOBAO_TYPES[kind], time * MICROS, item, category)


@pytest.fixture(scope="session")
def taobao_store(taobao_log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The real log in SQLite."""
    with open_store(f"sqlite:///{tmp_path_factory.mktemp('taobao') / 'store.db'}") as store:
        store.events.add(_taobao_events(taobao_log))
        yield store


@pytest.fixture(scope="session")
def taobao_settings(quick: Settings) -> Settings:
    """The defaults, with a quick search."""
    return read_settings(home=quick.home, search="quick", workers=2, bootstrap_rounds=300)


@pytest.fixture(scope="session")
def taobao_set(taobao_store: Store, taobao_settings: Settings) -> TrainingSet:
    """The training set of the real log."""
    return dataset.build(taobao_store, taobao_settings, now=NOW)


@pytest.fixture(scope="session")
def dask_store_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address that workers of Dask find in their environment."""
    return f"sqlite:///{tmp_path_factory.mktemp('dask') / 'store.db'}"


@pytest.fixture(scope="session")
def dask_shop(taobao_store: Store, trained: Trained, dask_store_uri: str) -> Iterator[Store]:
    """The real log there, with a champion and a ledger."""
    with open_store(dask_store_uri) as store:
        store.events.add(chain.from_iterable(taobao_store.events.scan(since=0, until=NOW)))
        store.ledger.claim(kind="promotion", state="done", at=NOW, reason="a test")
        store.bundles.put(trained.bundle.digest, trained.bundle.files)
        champion = Champion(version="1", digest=trained.bundle.digest, verdict="promoted", promoted_at=NOW)
        store.set_champion(champion)
        yield store


@pytest.fixture(scope="session")
def dask_cluster(dask_store_uri: str) -> Iterator[LocalCluster]:
    """A scheduler whose workers are processes of their own; whoever uses it says how many by `scale`."""
    with LocalCluster(
        n_workers=0,
        threads_per_worker=1,
        processes=True,
        dashboard_address=":0",
        env={"PROPENSITY_STORE_URI": dask_store_uri},
    ) as cluster:
        yield cluster


@pytest.fixture
def shop_alone(dask_store_uri: str, tmp_path: Path) -> Iterator[Store]:
    """The same store as it is now, for one machine."""
    with (
        closing(sqlite3.connect(dask_store_uri.removeprefix("sqlite:///"))) as source,
        closing(sqlite3.connect(tmp_path / "alone.db")) as target,
    ):
        source.backup(target)
    with open_store(f"sqlite:///{tmp_path / 'alone.db'}") as store:
        yield store
