"""The monitor while the API server, MLflow or MongoDB is away: an exit code and a sentence, nothing half done, and the next run catches up."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sklearn.dummy import DummyClassifier

from propensity.errors import StoreUnavailable
from propensity.events.event import DAY, HOUR
from propensity.registry import Registry, TrainingRecord
from propensity.settings import read_settings
from propensity.store import Store, open_store
from tests.floor.api_server import BATCH, ApiServer, serving
from tests.floor.test_registry_server import until_healthy
from tests.jobs.monitored_shop import MONDAY, MonitoredShop
from tests.lifecycle.conftest import bundle
from tests.store.conftest import MONGO, fresh_database

pytestmark = pytest.mark.journey

NOW = MONDAY + 3 * DAY + HOUR
AT = "2026-03-05T01:00"
"""The same, as a person types it."""


def grown(store: Store, home: Path, *, with_reference: bool = True) -> MonitoredShop:
    """A shop whose events have grown, with scores whose outcomes are known; none in its last days."""
    shop = MonitoredShop(store, read_settings(home=home, workers=1))
    shop.make_champion(events=1_000, with_reference=with_reference)
    shop.events(MONDAY - 8 * DAY, MONDAY + 3 * DAY)
    shop.score(MONDAY + 6 * HOUR)
    return shop


def monitor(home: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `propensity monitor` as its CronJob does."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PROPENSITY_", "MLFLOW_"))
    }
    return subprocess.run(
        [sys.executable, "-m", "propensity", "monitor", "--at", AT],
        env={**kept, "PROPENSITY_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def told(store: Store) -> list[tuple[str, str]]:
    return [(entry.kind, entry.state) for entry in store.ledger.latest(9)][::-1]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        yield opened


def kubeconfig(folder: Path, url: str) -> str:
    named = {"name": "here"}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{**named, "cluster": {"server": url}}],
        "users": [{**named, "user": {"token": "t"}}],
        "contexts": [{**named, "context": {"cluster": "here", "user": "here"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content))
    return str(path)


def test_with_the_api_server_away_the_training_is_claimed_and_made_by_the_next_run(
    store: Store, tmp_path: Path
) -> None:
    grown(store, tmp_path)
    cluster = {
        "PROPENSITY_PLATFORM": "kubernetes",
        "PROPENSITY_RELEASE": "shop",
        "PROPENSITY_NAMESPACE": "market",
    }
    with serving(ApiServer()) as gone:
        pass
    away = monitor(tmp_path, **cluster, PROPENSITY_KUBECONFIG=kubeconfig(tmp_path, gone.url))
    assert (away.returncode, away.stdout) == (22, "")
    assert "propensity: The Kubernetes API did not answer" in away.stderr
    assert "Traceback" not in away.stderr
    assert told(store) == [("training", "intended")]
    assert store.windows.get("1", MONDAY + 3 * DAY) is None

    with serving(ApiServer()) as back:
        for _ in range(2):
            done = monitor(tmp_path, **cluster, PROPENSITY_KUBECONFIG=kubeconfig(tmp_path, back.url))
            assert done.returncode == 0, done.stderr
        assert [path for path in back.objects if path.startswith(f"{BATCH}/jobs")] == [
            f"{BATCH}/jobs/shop-training-1"
        ]
    assert told(store) == [("training", "started"), ("decision", "retrain")]
    window = store.windows.get("1", MONDAY + 3 * DAY)
    assert window is not None
    assert window.decision == "retrain"


@pytest.fixture
def registry_file(empty_registry: Path, tmp_path: Path, store: Store) -> Path:
    """A registry's database with the champion, whose training kept its reference rows."""
    path = tmp_path / "mlflow-server.db"
    shutil.copy(empty_registry, path)
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "reference.parquet").write_bytes(grown(store, tmp_path, with_reference=False)._reference())
    pipeline = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    Registry(f"sqlite:///{path}", artifacts=tmp_path / "artifacts").record(
        TrainingRecord({}, {}, {"verdict": "promoted"}, bundle(0.1), pipeline, kept)
    )
    return path


@contextmanager
def mlflow_server(database: Path, port: int) -> Iterator[str]:
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{database}"]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    log = database.with_suffix(".log").open("wb")
    with log, subprocess.Popen(command, env=os.environ | quiet, stdout=log, stderr=log) as running:
        try:
            until_healthy(f"http://127.0.0.1:{port}", running)
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()


def test_with_mlflow_away_nothing_is_decided_and_the_next_run_decides(
    store: Store, tmp_path: Path, registry_file: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}", "PROPENSITY_VOLUME_GROWTH": "9"}
    away = monitor(tmp_path, **settings)
    assert (away.returncode, away.stdout) == (21, "")
    assert f"propensity: MLflow at http://127.0.0.1:{port} does not answer" in away.stderr
    assert "Traceback" not in away.stderr
    assert told(store) == []
    assert store.windows.latest(9) == []

    with mlflow_server(registry_file, port):
        done = monitor(tmp_path, **settings)
    assert done.returncode == 0, done.stderr
    assert told(store) == [("decision", "not needed")]
    found = store.windows.get("1", MONDAY + DAY)
    assert found is not None
    assert found.drift.judged, "the reference came from the server"
    again = monitor(tmp_path, **settings)  # away again: the store has a copy now
    assert (again.returncode, again.stdout) == (0, done.stdout)


class Wire:
    """Stands between a client and a server, and cuts every line after so many of the client's messages, or falls silent."""

    def __init__(self, host: str, port: int, *, hangs: bool = False) -> None:
        self._to = (host, port)
        self._hangs = hangs
        self.left = 1 << 30
        self.seen = 0
        self._lines: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                if self.left <= 0 and not self._hangs:
                    client.close()
                    continue
                server = socket.create_connection(self._to)
                self._lines += [client, server]
                for one, other, counts in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass_on, args=(one, other, counts), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while part := one.recv(1 << 20):
                if counts:
                    self.seen += 1
                    self.left -= 1
                    if self.left <= 0 and not self._hangs:
                        self._cut()
                        return
                if self.left > 0:
                    other.sendall(part)
        for line in (one, other):
            line.close()

    def _cut(self) -> None:
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


class Hanging(ApiServer):
    """An API server that hangs while it is asked to make a Job, before it is made or after."""

    def __init__(self, *, made: bool) -> None:
        super().__init__()
        self._made = made

    def answer(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        if method != "POST" or self.silent.is_set():
            return super().answer(method, path, body)
        if self._made:
            super().answer(method, path, body)
        self.silent.wait(120)
        return 500, {"message": "too late"}


@pytest.mark.parametrize("made", [False, True])
def test_with_the_api_server_hanging_on_the_way_the_next_run_has_one_job(
    store: Store, tmp_path: Path, *, made: bool
) -> None:
    grown(store, tmp_path)
    cluster = {
        "PROPENSITY_PLATFORM": "kubernetes",
        "PROPENSITY_RELEASE": "shop",
        "PROPENSITY_NAMESPACE": "market",
    }
    server = Hanging(made=made)
    with serving(server):
        cluster["PROPENSITY_KUBECONFIG"] = kubeconfig(tmp_path, server.url)
        hung = monitor(tmp_path, **cluster)
        server.silent.set()
        assert (hung.returncode, hung.stdout) == (22, "")
        assert "propensity: The Kubernetes API did not answer" in hung.stderr
        assert "Traceback" not in hung.stderr
        assert told(store) == [("training", "intended")]
        done = monitor(tmp_path, **cluster)
        assert done.returncode == 0, done.stderr
        jobs = [path for path in server.objects if path.startswith(f"{BATCH}/jobs")]
    assert jobs == [f"{BATCH}/jobs/shop-training-1"]
    assert told(store) == [("training", "started"), ("decision", "retrain")]


@pytest.mark.parametrize("messages", [0, 1, 2])
def test_with_mlflow_hanging_on_the_way_nothing_is_decided_and_the_next_run_decides(
    store: Store, tmp_path: Path, registry_file: Path, messages: int
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with mlflow_server(registry_file, port):
        wire = Wire("127.0.0.1", port, hangs=True)
        settings = {
            "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{wire.port}",
            "PROPENSITY_VOLUME_GROWTH": "9",
        }
        wire.left = messages
        hung = monitor(tmp_path, **settings)
        assert (hung.returncode, hung.stdout) == (21, "")
        assert hung.stderr.startswith("propensity: ")
        assert "Traceback" not in hung.stderr
        assert told(store) == []
        assert store.windows.latest(9) == []
        wire.left = 1 << 30
        done = monitor(tmp_path, **settings)
        wire.close()
    assert done.returncode == 0, done.stderr
    assert told(store) == [("decision", "not needed")]


@pytest.fixture
def database() -> Iterator[str]:
    if not os.environ.get(MONGO):
        pytest.skip(f"set {MONGO} to a server's mongodb:// address to take it away from the monitor")
    with fresh_database(os.environ[MONGO]) as uri:
        yield uri


@pytest.fixture
def wire(database: str) -> Iterator[Wire]:
    parts = urlsplit(database)
    made = Wire(parts.hostname or "127.0.0.1", parts.port or 27017)
    yield made
    made.close()


def by_wire(database: str, wire: Wire) -> str:
    parts = urlsplit(database)
    user, at, _ = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}{at}127.0.0.1:{wire.port}").geturl()


def left_behind(store: Store) -> dict[str, Any]:
    return {
        "ledger": told(store),
        "windows": [(one.end, one.decision) for one in store.windows.latest(9)],
        "outcomes": store.outcomes.cutoffs(since=0, until=2**62),
    }


UNDISTURBED = {
    "ledger": [("training", "started"), ("decision", "retrain")],
    "windows": [(MONDAY + 3 * DAY, "retrain"), (MONDAY + DAY, "")],
    "outcomes": {MONDAY + 6 * HOUR: 600},
}


def run_through(uri: str, shop: MonitoredShop) -> None:
    with open_store(uri, timeout=1.0) as own:
        shop.monitor(now=NOW, store=own)


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8, 0.95])
def test_with_mongodb_taken_away_on_the_way_the_next_run_ends_as_if_it_had_not_been(
    database: str, wire: Wire, tmp_path: Path, share: float, messages: Callable[[], int]
) -> None:
    with open_store(database) as store:
        shop = grown(store, tmp_path)
        wire.left = max(2, round(share * messages()))
        with pytest.raises(StoreUnavailable):
            run_through(by_wire(database, wire), shop)
        assert told(store) in (
            [],
            [("training", "intended")],
            [("training", "started")],
            UNDISTURBED["ledger"],
        )
        wire.left = 1 << 30
        run_through(by_wire(database, wire), shop)
        assert left_behind(store) == UNDISTURBED
    assert shop.jobs.made == {1: ["volume"]}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], int]:
    """How many messages a run sends that nobody disturbs."""
    counted: list[int] = []

    def count() -> int:
        if not counted:
            with fresh_database(os.environ[MONGO]) as uri, open_store(uri) as store:
                parts = urlsplit(uri)
                wire = Wire(parts.hostname or "127.0.0.1", parts.port or 27017)
                shop = grown(store, tmp_path_factory.mktemp("counted"))
                run_through(by_wire(uri, wire), shop)
                counted.append(wire.seen)
                assert left_behind(store) == UNDISTURBED
                wire.close()
        return counted[0]

    return count


def test_with_mongodb_away_it_ends_with_its_exit_code_and_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    away = monitor(tmp_path, PROPENSITY_STORE_URI=f"mongodb://127.0.0.1:{port}/shop")
    assert (away.returncode, away.stdout) == (20, "")
    assert away.stderr.startswith("propensity: ")
    assert "Traceback" not in away.stderr
