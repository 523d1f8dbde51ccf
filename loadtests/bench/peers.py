"""The peers: what each is, how it is started, and what it is asked."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
BENCH_PYTHON: Final = ROOT / ".venv-bench" / "bin" / "python"
MLSERVER_PYTHON: Final = ROOT / ".venv-bench-mlserver" / "bin" / "python"
"""MLServer wants an older FastAPI than the others."""
_HERE: Final = "loadtests.bench.servers"
KEY: Final = "key"
"""Name of the file in the material whose text goes with every request; only ours checks it."""
KEYS: Final = "keys.json"
BASELINE: Final = "FastAPI + scikit-learn + pandas"
FLOOR: Final = "uvicorn answering nothing"
GIVEN: Final = "Propensity, features given"
STORED: Final = "Propensity, features from SQLite"


@dataclass(frozen=True, kw_only=True)
class Peer:
    """One row of the table."""

    name: str
    python: Path
    arguments: tuple[str, ...]
    """With {port} and {material} to be filled in."""
    path: str = "/predict"
    body: str = "given"
    """Name of the request in the material."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """On top of the common one; filled in likewise."""

    def command(self, *, port: int, material: Path) -> list[str]:
        """Return how it is started."""
        return [str(self.python), *(part.format(port=port, material=material) for part in self.arguments)]

    def settings(self, *, port: int, material: Path) -> dict[str, str]:
        """Return its part of the environment."""
        return {name: text.format(port=port, material=material) for name, text in self.environment.items()}


def _uvicorn(name: str, module: str) -> Peer:
    arguments = ("-m", "uvicorn", f"{_HERE}.{module}:app", "--port", "{port}", "--no-access-log")
    return Peer(name=name, python=BENCH_PYTHON, arguments=arguments)


def _bento(name: str, target: str) -> Peer:
    arguments = ("-m", "bentoml", "serve", f"{_HERE}.bento_sklearn:{target}", "--port", "{port}")
    return Peer(name=name, python=BENCH_PYTHON, arguments=arguments, body="rows")


def _ours(name: str, body: str) -> Peer:
    arguments = ("-m", "bentoml", "serve", "bentos.scorer.service:Scorer", "--port", "{port}")
    settings = {
        "PROPENSITY_HOME": "{material}/home",
        "PROPENSITY_LOG_FORMAT": "text",
        "PROPENSITY_API_KEYS_FILE": f"{{material}}/{KEYS}",
    }
    return Peer(name=name, python=Path(sys.executable), arguments=arguments, body=body, environment=settings)


QUICK: Final = (
    _uvicorn(BASELINE, "fastapi_sklearn"),
    _bento("BentoML + scikit-learn", "Plain"),
    _bento("BentoML + scikit-learn, batchable", "Batchable"),
    _uvicorn("FastAPI + ONNX", "fastapi_onnx"),
    _ours(GIVEN, "given"),
    _ours(STORED, "stored"),
    _uvicorn(FLOOR, "nothing"),
)
"""What `make bench` compares."""
SLOW: Final = (
    Peer(
        name="mlflow models serve",
        python=BENCH_PYTHON,
        arguments=(
            *("-m", "mlflow", "models", "serve", "--model-uri", "{material}/mlflow-model"),
            *("--env-manager", "local", "--workers", "1", "--host", "127.0.0.1", "--port", "{port}"),
        ),
        path="/invocations",
        body="dataframe",
        environment={"PATH": f"{BENCH_PYTHON.parent}:/usr/bin:/bin"},
    ),
    Peer(
        name="MLServer",
        python=MLSERVER_PYTHON,
        arguments=("-c", "from mlserver.cli import main; main()", "start", "loadtests/bench/servers"),
        path="/v2/models/forest/infer",
        body="inference",
        environment={"MLSERVER_HTTP_PORT": "{port}", "PATH": f"{MLSERVER_PYTHON.parent}:/usr/bin:/bin"},
    ),
)
"""What `make bench PEERS=all` adds."""
