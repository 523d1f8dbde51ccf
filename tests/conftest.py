"""What every room's tests share: settings in a temporary home, and the real event logs where they are to be had."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from propensity.settings import Settings, read_settings

if TYPE_CHECKING:
    from propensity.registry import Registry

ROOT = Path(__file__).parents[1]
LOGS = Path(os.environ.get("PROPENSITY_TEST_DATA", ROOT.parent / "shared" / "data"))
"""Real logs state no terms, so they are never part of the repository: README says where to put them."""

ON_A_CLUSTER = tuple(Path(__file__).with_name(name) for name in ("chart", "e2e", "loadtests"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail what would be skipped where PROPENSITY_E2E asks for a cluster's tests: green then means that they ran."""
    report = yield
    ours = any(folder in item.path.parents for folder in ON_A_CLUSTER)
    if ours and report.skipped and os.environ.get("PROPENSITY_E2E") and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        report.outcome = "failed"
        report.longrepr = f"{reason} PROPENSITY_E2E is set, so that nothing may be skipped."
    return report


def _real_log(name: str) -> Path:
    path = LOGS / name
    if not path.exists():
        pytest.skip(f"{path} is not there; set PROPENSITY_TEST_DATA to the folder that holds {name}")
    return path


@pytest.fixture(scope="session")
def taobao_log() -> Path:
    """The real Taobao sample: 84,476 rows, the last of them cut off."""
    return _real_log("taobao/UserBehavior.csv")


@pytest.fixture(scope="session")
def rees46_log() -> Path:
    """The real REES46 sample: 1,000 rows."""
    return _real_log("rees46/2019-Oct-sample.csv")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Embedded settings whose home is the test's own folder, whatever the machine's environment says."""
    for name in [name for name in os.environ if name.startswith(("PROPENSITY_", "MLFLOW_"))]:
        if not name.startswith("PROPENSITY_TEST_"):
            monkeypatch.delenv(name)
    return read_settings(home=tmp_path / "home", workers=2)


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh MLflow database; making one takes seconds, copying it does not."""
    from propensity.registry import Registry

    path = tmp_path_factory.mktemp("registry") / "mlflow.db"
    Registry(f"sqlite:///{path}", artifacts=path.parent / "artifacts").ping()
    return path


@pytest.fixture
def registry(empty_registry: Path, settings: Settings) -> "Registry":
    """An empty registry of the test's own, where its settings say it is."""
    from propensity.registry import Registry

    settings.home.mkdir(parents=True, exist_ok=True)
    shutil.copy(empty_registry, settings.tracking_uri.removeprefix("sqlite:///"))
    return Registry(settings.tracking_uri, artifacts=settings.home / "artifacts")
