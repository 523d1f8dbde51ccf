"""Small real bundles, a real store, and three ways to ask: the core's parts, the ASGI app, a served process."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestClassifier

from bentos.scorer.assembly import Assembly
from bentos.scorer.front import Front
from propensity.bundle import SCHEMA, Bundle, Estimate, ModelDocument, Period, Recorded
from propensity.events import Event
from propensity.events.event import HOUR
from propensity.features.definition import FEATURES, NAMES, VERSION
from propensity.settings import Settings
from propensity.store import Champion, Prediction, Store, open_store

with warnings.catch_warnings():
    # bentoml 1.4 calls pathspec and pydantic by names that they are giving up: theirs to mend.
    warnings.simplefilter("ignore", DeprecationWarning)
    import bentos.scorer.service  # noqa: F401

ROOT = Path(__file__).parents[2]
NOW = 1_763_800_000_000_000
"""The moment the tests live in: 22 November 2025, 08:26 UTC."""


def make_bundle(
    *, seed: int = 0, threshold: float = 0.4, share: tuple[float, float] = (0.4, 0.6), **changed: Any
) -> Bundle:
    """Fit a forest in which the cart speaks for a purchase, and pack it as training would."""
    draw = np.random.default_rng(seed)
    rows = draw.gamma(1.0, 3.0, (1_500, len(NAMES))).astype(np.float32)
    cart = rows[:, NAMES.index("cart_count")]
    bought = (cart + draw.normal(0, 0.5, len(cart)) > 1.5).astype(int)
    forest = RandomForestClassifier(
        n_estimators=10, max_features=None, min_samples_leaf=100, random_state=seed
    ).fit(rows, bought)
    onnx = to_onnx(
        forest,
        initial_types=[("features", FloatTensorType([None, len(NAMES)]))],
        options={id(forest): {"zipmap": False}},
    ).SerializeToString()
    period = Period(first_cutoff=0, last_cutoff=1, cutoffs=1, rows=1_500, users=1_500, positives=500)
    document = {
        "schema": SCHEMA,
        "estimator": "random_forest",
        "parameters": {"n_estimators": 10},
        "calibration": "none",
        "feature_version": VERSION,
        "features": list(NAMES),
        "threshold": threshold,
        "recall_target": 1.0,
        "expected_recall": 0.99,
        "contact_share": Estimate(sum(share) / 2, *share),
        "metrics": {"roc_auc": Estimate(0.7, 0.6, 0.8)},
        "baselines": {},
        "operating_curve": [],
        "periods": {"fit": period},
        "lag": 0,
        "burn_in": 0,
        "warnings": [],
        "trained_at": NOW,
        "git_commit": "",
        "data_digest": "",
        "events": 1,
    }
    recorded = Recorded(
        inputs=rows[:20].tolist(), probabilities=forest.predict_proba(rows[:20])[:, 1].tolist()
    )
    return Bundle.make(onnx=onnx, document=ModelDocument(**(document | changed)), recorded=recorded)


@pytest.fixture(scope="session")
def new_bundle() -> Callable[..., Bundle]:
    return make_bundle


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return make_bundle()


@pytest.fixture(scope="session")
def other_bundle() -> Bundle:
    return make_bundle(seed=1)


@pytest.fixture(scope="session")
def now() -> int:
    return NOW


@pytest.fixture(scope="session")
def every_feature() -> dict[str, float]:
    """A value for each feature that describes the user."""
    return {feature.name: 1 if feature.integer else 1.5 for feature in FEATURES if feature.window != "cutoff"}


def put_in_production(store: Store, bundle: Bundle, *, version: str) -> None:
    store.bundles.put(bundle.digest, bundle.files)
    store.set_champion(Champion(version=version, digest=bundle.digest, verdict="promoted", promoted_at=NOW))


@pytest.fixture
def promote() -> Callable[..., None]:
    return put_in_production


def cart_event(user_id: str, *, number: int = 0, at: int = NOW - HOUR) -> Event:
    return Event(f"e-{user_id}-{number}", user_id, "cart", at, f"p-{number}", "c-1", 1_000)


def make_prediction(number: int) -> Prediction:
    return Prediction(
        prediction_id=f"p-{number:06d}",
        user_id="u",
        predicted_at=number,
        probability=0.5,
        prediction=1,
        threshold=0.4,
        model_version="7",
        features_from="request",
        feature_version=1,
        features=b"\0" * 164,
        latency_us=100,
        pod="pod",
        sequence=number,
        boot="b",
        route="predict",
    )


@pytest.fixture(scope="session")
def prediction() -> Callable[[int], Prediction]:
    """Make a record by its number."""
    return make_prediction


@pytest.fixture
def store(settings: Settings, bundle: Bundle) -> Iterator[Store]:
    """The embedded store with a champion and one known user, `known`, who has two products in the cart."""
    with open_store(settings.store_uri.get_secret_value()) as opened:
        put_in_production(opened, bundle, version="7")
        opened.events.add([cart_event("known", number=number) for number in range(2)])
        yield opened


@contextmanager
def run_parts(settings: Settings) -> Iterator[Assembly]:
    """Run the parts as the service does."""
    assembly = Assembly(settings, now=lambda: NOW)
    assembly.start()
    try:
        yield assembly
    finally:
        assembly.stop()


@pytest.fixture
def running() -> Callable[[Settings], AbstractContextManager[Assembly]]:
    return run_parts


@pytest.fixture
def assembly(settings: Settings, store: Store) -> Iterator[Assembly]:  # noqa: ARG001 - it makes the champion
    with run_parts(settings) as started:
        started.keeper.ready(wait_seconds=10)
        yield started


async def _nothing_behind(*_: Any) -> None:
    raise AssertionError


class Caller:
    """Asks the ASGI app."""

    def __init__(self, assembly: Assembly | None) -> None:
        self._app = Front(_nothing_behind, assembly=lambda: assembly)

    def __call__(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)  # type: ignore[arg-type]
            async with httpx.AsyncClient(transport=transport, base_url="http://scorer") as client:
                return await client.request(method, path, **given)

        return asyncio.run(ask())


@pytest.fixture
def ask(assembly: Assembly) -> Caller:
    return Caller(assembly)


@pytest.fixture
def caller() -> type[Caller]:
    return Caller


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    return wait_for


def wait_for(condition: Callable[[], Any], *, seconds: float = 10.0) -> Any:
    """Return the condition's first true value; fail when the time is over."""
    tick = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if found := condition():
            return found
        tick.wait(0.02)
    pytest.fail(f"did not happen within {seconds} s")


def is_running(process: int) -> bool:
    """Whether there is such a process, and not only its remains."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


class Served:
    """A `bentoml serve` process and a client to it."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=10)
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def answers(self, path: str, *, status: int = 200) -> bool:
        assert self.process.poll() is None, self.log
        try:
            return self.client.get(path).status_code == status
        except httpx.TransportError:
            return False

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def serve() -> Callable[..., AbstractContextManager[Served]]:
    return served


@contextmanager
def served(
    folder: Path, *, target: str = "bentos.scorer.service:Scorer", cwd: Path = ROOT, **environment: str
) -> Iterator[Served]:
    """Serve in a process of its own, with nothing of this one's settings."""
    port = free_port()
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PROPENSITY_", "MLFLOW_"))
    }
    quiet = {"BENTOML_DO_NOT_TRACK": "True", "BENTOML_HOME": str(folder / "bentoml")}
    log = folder / f"served-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bentoml", "serve", target, "--host", "127.0.0.1", "--port", str(port)],
            cwd=cwd,
            env=kept | quiet | environment,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    running_service = Served(process, f"http://127.0.0.1:{port}", log)
    try:
        yield running_service
    finally:
        running_service.client.close()
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=20)
