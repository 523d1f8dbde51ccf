"""`make e2e` is green only where its tests ran: what they lack is a failure there, and a skip elsewhere."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chart.rendering import kit_environment

ROOT = Path(__file__).parents[2]
LACKING = {
    "helm": ("tests/chart/test_chart_walls.py", (), "There is no helm on the PATH"),
    "an API server": ("tests/chart/test_chart_admission.py", ("helm", "kubectl"), "No Kubernetes answers."),
    "kubectl": ("tests/e2e/test_install.py", ("helm",), "There is no kubectl on the PATH."),
}
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(helms: dict[str, str], tmp_path: Path) -> Run:
    """Run a file's tests on a machine that has these programs, no kit and no cluster."""

    def function(path: str, *there: str, **asked: str) -> subprocess.CompletedProcess[str]:
        for name in there:
            elsewhere = shutil.which(name, path=kit_environment().get("PATH"))
            (tmp_path / name).symlink_to(helms[max(helms)] if name == "helm" else elsewhere or "/none")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PROPENSITY_")}
        bare = {"PATH": str(tmp_path), "CLUSTER_KIT": str(tmp_path), "KUBECONFIG": str(tmp_path / "none")}
        command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", path]
        return subprocess.run(
            command, cwd=ROOT, env=kept | bare | asked, capture_output=True, text=True, check=False
        )

    return function


@pytest.mark.parametrize(("path", "there", "sentence"), LACKING.values(), ids=LACKING)
def test_what_is_lacking_fails_where_a_cluster_was_asked_for(
    run: Run, path: str, there: tuple[str, ...], sentence: str
) -> None:
    done = run(path, *there, PROPENSITY_E2E="1")
    assert done.returncode == 1, done.stdout
    assert sentence in done.stdout
    assert "PROPENSITY_E2E is set, so that nothing may be skipped." in done.stdout


def test_what_is_lacking_is_a_skip_where_nobody_asked(run: Run) -> None:
    assert run("tests/chart/test_chart_walls.py").returncode == 0
