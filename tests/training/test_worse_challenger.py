"""A challenger made worse on purpose goes through a whole training, and the champion stays who it is."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from threadpoolctl import threadpool_limits

from jobs.ingest import ingest
from propensity.events.formats import FORMATS
from propensity.registry import CHALLENGER, PRODUCTION, Registry
from propensity.settings import Settings, read_settings
from propensity.simulate import Scenario, simulate
from propensity.store import Store, open_store
from training import periods
from training.dataset import TrainingSet
from training.rows import Rows
from training.train import Training

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]
SCENARIO = Scenario(users=400, days=24, seed=3)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(
        home=tmp_path, tracking_uri=f"sqlite:///{tmp_path}/mlflow.db", workers=1, search="quick", bootstrap_rounds=100,
        cutoff_stride_hours=13, min_positives=10,
    )  # fmt: skip


@pytest.fixture
def registry(settings: Settings, empty_registry: Path) -> Registry:
    shutil.copy(empty_registry, settings.home / "mlflow.db")
    return Registry(settings.tracking_uri, artifacts=settings.home / "artifacts")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The log of a shop."""
    log = settings.home / "shop.parquet"
    simulate(SCENARIO).write(log)
    with open_store(settings.store_uri.get_secret_value()) as opened:
        ingest(
            [str(log)], log_format=FORMATS["propensity"], store=opened, now=SCENARIO.end_time, max_refused_share=0
        )  # fmt: skip
        yield opened


def blind(rows: Rows) -> Rows:
    """The same rows, with buyers drawn by lot."""
    labels = np.random.default_rng(1).permutation(rows.frame["label"].to_numpy())
    return Rows(rows.frame.with_columns(pl.Series("label", labels, dtype=rows.frame["label"].dtype)))


class Blind(Training):
    """The real training, which learns from lots; the days that it is judged on are as they were."""

    def _training_set(self) -> TrainingSet:
        real = super()._training_set()
        learnt = {name: blind(part) for name, part in real.rows.items() if name != periods.TEST}
        return replace(real, rows=real.rows | learnt)


def test_a_challenger_made_worse_is_refused_and_the_champion_stays(
    settings: Settings, store: Store, registry: Registry
) -> None:
    def train(kind: type[Training]) -> str:
        training = kind(
            settings, store=store, registry=registry, clock=lambda: SCENARIO.end_time, git_commit="abc", say=lambda _: None
        )  # fmt: skip
        with threadpool_limits(
            limits=1
        ):  # threads that spin for one another stand still where processors are shared
            return training.run("a test").verdict.word

    train(Training)
    before = store.champion()
    assert before is not None
    assert train(Blind) == "refused"
    assert store.champion() == before
    aliases = {alias: registry.at(alias) for alias in (PRODUCTION, CHALLENGER)}
    assert {alias: found and found.number for alias, found in aliases.items()} == {
        PRODUCTION: "1",
        CHALLENGER: "2",
    }
    assert registry.version("2").verdict == "refused"
    second, first = store.ledger.latest(9, "training")
    assert (first.state, second.state) == ("done", "done")
    assert second.evidence["verdict"] == "refused"
    assert isinstance(second.evidence["watermark"], int)
    assert [entry.subject for entry in store.ledger.latest(9, "promotion")] == ["1"]
