"""What Dask does to us: workers that are killed lose nothing, and what can't work ends with a sentence."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import LocalCluster, Security

from jobs.score import score
from propensity.engine import feature_rows_of
from propensity.engine.machine import Work
from propensity.engine.portion import cut
from propensity.engine.scheduler import DaskEngine
from propensity.errors import EngineUnavailable, SettingsError
from propensity.events.event import DAY
from propensity.model import Model
from propensity.settings import Settings, read_settings
from propensity.store import Store, open_store
from training import search
from training.dataset import TrainingSet
from training.model import Trained

pytestmark = pytest.mark.journey

LIMIT = 120
"""Longest that anything here may take to come, on a busy machine."""
OTHER_RELEASE = """
import distributed.versions as versions
ours = versions.version
versions.version = lambda package: "2020.1.0" if package == "distributed" else ours(package)
from distributed.cli.dask_scheduler import main

main()
"""


@pytest.fixture
def engine(dask_cluster: LocalCluster, dask_shop: Store) -> Iterator[DaskEngine]:
    """A connection to two workers that find the shop; one that a test killed is back first: joblib uses none of one."""
    dask_shop.ping()
    dask_cluster.scale(2)
    dask_cluster.wait_for_workers(2, timeout=LIMIT)
    connected = DaskEngine(dask_cluster.scheduler_address)
    yield connected
    connected.close()


@pytest.fixture
def small() -> Iterator[LocalCluster]:
    """A scheduler with a worker that is a thread of this process."""
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        yield cluster


class Deadly:
    """An engine that loses a worker after the first part, and when a search is under way."""

    is_here = False

    def __init__(self, engine: DaskEngine, cluster: LocalCluster) -> None:
        self._engine = engine
        self._cluster = cluster
        self.killed: set[int] = set()

    def over_users(self, work: Work[Any], store: Store, *, events_at_once: int) -> Iterator[Any]:
        for part in self._engine.over_users(work, store, events_at_once=events_at_once):
            if not self.killed:
                self._kill()
            yield part

    @contextmanager
    def searching(self, shared: Sequence[Any], *, workers: int) -> Iterator[int]:
        killer = threading.Thread(target=self._kill)
        with self._engine.searching(shared, workers=workers) as n_jobs:
            killer.start()
            yield n_jobs
        killer.join(LIMIT)

    def _kill(self) -> None:
        """Wait until a worker is at work, and kill it."""
        for _ in range(LIMIT * 100):
            busy = [worker for worker in list(self._cluster.scheduler.workers.values()) if worker.processing]
            if busy:
                self.killed.add(busy[0].pid)
                os.kill(busy[0].pid, signal.SIGKILL)
                return
            threading.Event().wait(0.01)

    def left(self) -> set[int]:
        """The processes that are there now."""
        return {worker.pid for worker in self._cluster.scheduler.workers.values()}


def test_a_worker_killed_while_it_scores_loses_nothing(
    engine: DaskEngine, dask_cluster: LocalCluster, dask_shop: Store, shop_alone: Store, trained: Trained
) -> None:
    last = dask_shop.events.summary().last_time or 0
    at = last - 2 * DAY
    scored = partial(score, model=Model(trained.bundle), model_version="1", cutoff=at, lag=0)
    deadly = Deadly(engine, dask_cluster)
    summary = scored(dask_shop, engine=deadly)
    assert deadly.killed
    assert not deadly.killed & deadly.left()
    expected = scored(shop_alone)
    assert (summary.users, summary.positives) == (expected.users, expected.positives)
    assert dask_shop.scores.top(at, 10_000) == shop_alone.scores.top(at, 10_000)


def test_a_worker_killed_while_it_searches_loses_nothing(
    engine: DaskEngine,
    dask_cluster: LocalCluster,
    make_set: Callable[..., TrainingSet],
    quick: Settings,
    trained: Trained,
) -> None:
    deadly = Deadly(engine, dask_cluster)
    found = search.find(make_set(users=300).fit, quick, engine=deadly)
    assert deadly.killed
    precision = found.table["average_precision"].tolist()
    assert precision == pytest.approx(trained.grid_table["average_precision"].tolist(), rel=0, abs=1e-9)


def rows_of(engine: DaskEngine, store: Store) -> Iterator[Any]:
    last = store.events.summary().last_time or 0
    work = partial(feature_rows_of, cutoffs=[last - DAY], lag=0, with_labels=False)
    return engine.over_users(work, store, events_at_once=1_000)


def test_workers_that_read_another_store_are_found_out(engine: DaskEngine, tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path / 'other.db'}") as other:
        other.ledger.claim(kind="training", state="claimed", at=1, reason="a test")
        with pytest.raises(EngineUnavailable, match="another store than this command"):
            list(rows_of(engine, other))


def test_what_travels_tells_neither_the_stores_address_nor_in_logs_a_user(
    dask_shop: Store, dask_store_uri: str
) -> None:
    work = partial(feature_rows_of, cutoffs=[1], lag=0, with_labels=False)
    portions = cut(work, dask_shop, threads=2, events_at_once=10_000)
    assert len(portions) == 9
    assert [repr(one) for one in portions[:2]] == ["Portion(number=1, of=9)", "Portion(number=2, of=9)"]
    address = dask_store_uri.removeprefix("sqlite:///").encode()
    assert not any(address in pickle.dumps(one) for one in portions)


def test_a_scheduler_that_goes_away_in_the_middle_ends_with_a_sentence(
    small: LocalCluster, dask_shop: Store, dask_store_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_STORE_URI", dask_store_uri)
    engine = DaskEngine(small.scheduler_address)
    rows = rows_of(engine, dask_shop)
    assert next(rows).height
    small.close()
    with pytest.raises(EngineUnavailable, match="gave up"):
        list(rows)
    engine.close()


def test_a_scheduler_without_workers_ends_with_a_sentence(small: LocalCluster) -> None:
    small.scale(0)
    with pytest.raises(EngineUnavailable, match=r"has had no worker for 1 s\. Start workers"):
        DaskEngine(small.scheduler_address, worker_seconds=1)


def test_a_scheduler_of_another_release_ends_with_a_sentence(tmp_path: Path) -> None:
    told = tmp_path / "scheduler.json"
    command = [sys.executable, "-c", OTHER_RELEASE, "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with subprocess.Popen([*command, "--scheduler-file", str(told)], stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(LIMIT * 20):
                if told.exists() and told.read_text().endswith("}"):
                    break
                threading.Event().wait(0.05)
            address = json.loads(told.read_text())["address"]
            with pytest.raises(
                EngineUnavailable, match=r"scheduler .* has distributed 2020.1.0, this command"
            ):
                DaskEngine(address)
        finally:
            process.kill()


def test_without_a_scheduler_a_training_ends_before_anything_is_written(settings: Settings) -> None:
    given = {name: value for name, value in os.environ.items() if not name.startswith("PROPENSITY_")}
    done = subprocess.run(
        [sys.executable, "-m", "propensity", "train", "--simulate"],
        env={**given, "PROPENSITY_HOME": str(settings.home), "PROPENSITY_DASK_ADDRESS": "tcp://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert done.returncode == 23, done.stderr
    assert "No Dask scheduler answers at tcp://127.0.0.1:1. Check PROPENSITY_DASK_ADDRESS" in done.stderr
    assert "Traceback" not in done.stderr
    with open_store(settings.store_uri.get_secret_value()) as store:
        assert (store.events.summary().events, store.ledger.latest(1)) == (0, [])


def test_certificates_are_those_that_dasks_own_settings_name(tmp_path: Path) -> None:
    secured = Security.temporary()
    contents = {
        "ca-file": secured.tls_ca_file,
        "client.key": secured.tls_client_key,
        "client.cert": secured.tls_client_cert,
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    ours = {f"distributed.comm.tls.{name}": str(tmp_path / name) for name in contents}
    with LocalCluster(
        n_workers=1, processes=False, dashboard_address=":0", security=secured, protocol="tls://"
    ) as cluster:
        with pytest.raises(EngineUnavailable, match=r"no certificates for tls:.* \(none is named\)"):
            DaskEngine(cluster.scheduler_address)
        with dask.config.set(ours):
            engine = DaskEngine(cluster.scheduler_address)
            assert engine.threads
            engine.close()


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="PROPENSITY_DASK_ADDRESS can't be used"):
        read_settings(dask_address="dask-scheduler:8786")


def test_without_an_address_dask_is_not_even_imported() -> None:
    code = "import sys, jobs.score, training.train; sys.exit('distributed' in sys.modules or 'dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
