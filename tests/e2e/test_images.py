"""The images as they run in pods: what is in them and what is not, and one that needs nothing else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.cluster import until
from tests.e2e.release import READY_SECONDS, ROOT, Release
from tests.e2e.standin import run, stand_in

LOOK = """
import functools, json, os, pathlib, shutil, sys
from importlib.util import find_spec
from sysconfig import get_path
site = next(path for path in sys.path if path.endswith("site-packages"))
library = pathlib.Path(get_path("stdlib"))
apart = {"site-packages", "dist-packages", "test", "__pycache__"}
code = [path for folder in (site, "/app/project", "/app/loadtests") for path in pathlib.Path(folder).rglob("*.py")]
@functools.cache
def compiled(folder):
    return {path.name.split(".cpython-")[0] for path in (folder / "__pycache__").glob("*.pyc")}
code += [path for path in library.rglob("*.py") if not apart & set(path.relative_to(library).parts)]
print(json.dumps({
    "installed": [name for name in ("mlflow", "pandas", "polars", "sklearn", "streamlit", "locust", "s3fs", "gcsfs", "adlfs", "pip", "uv", "pytest") if find_spec(name)],
    "rooms": [name for name in ("propensity", "bentos", "training", "jobs", "dashboard", "loadtests") if find_spec(name)],
    "tools": [name for name in ("gcc", "cc", "make", "pip", "pip3", "uv", "git") if shutil.which(name)],
    "uid": os.getuid(),
    "writable": [folder for folder in ("/app", "/usr/local", "/etc", site) if os.access(folder, os.W_OK)],
    "looked in": sorted({"/".join(path.parts[1:3]) for path in code}),
    "not compiled": [str(path) for path in code if path.stem not in compiled(path.parent)][:3],
}))
"""
INSIDE: dict[str, tuple[set[str], set[str]]] = {
    "scorer": (set(), {"propensity", "bentos"}),
    "training": (
        {"mlflow", "pandas", "polars", "sklearn", "s3fs", "gcsfs", "adlfs"},
        {"propensity", "training", "jobs"},
    ),
    "dashboard": ({"mlflow", "pandas", "sklearn", "streamlit"}, {"propensity", "dashboard"}),
    "mlflow": ({"mlflow", "pandas", "sklearn"}, set()),
    "loadtests": ({"locust", "pytest"}, {"loadtests"}),
}
"""Libraries and rooms of each image; locust brings pytest itself."""
PACKAGE = """
tag=$(propensity package)
make model-image load-model-image MODEL=$(COLUMNS=999 bentoml get "$tag" --output path)/src/bentos/scorer/packaged TAG={tag}
"""
"""As in docs/images.md."""
ALONE = (
    "scorer.model.source=image",
    "scorer.autoscaling.minReplicas=1",
    "training.enabled=false",
    "mlflow.internal=false",
    "mongodb.internal=false",
    "score.schedule=",
    "ingest.schedule=",
)


@pytest.mark.parametrize("image", INSIDE)
def test_an_image_holds_what_its_room_needs_and_no_tool_to_make_more(release: Release, image: str) -> None:
    libraries, rooms = INSIDE[image]
    phase, said = stand_in(release, "images", LOOK, image=image)
    assert phase == "Succeeded", said
    found = json.loads(said)
    assert (set(found["installed"]), set(found["rooms"])) == (libraries, rooms)
    assert found["uid"] == 10001
    assert (found["tools"], found["writable"], found["not compiled"]) == ([], [], [])
    own = {"mlflow": set(), "loadtests": {"app/loadtests"}}.get(image, {"app/project"})
    assert len(found["looked in"]) == 2 + len(own)  # our own code, the packages and the standard library
    assert {"app/.venv"} | own < set(found["looked in"])


@contextmanager
def forwarded(release: Release, service: str) -> Iterator[str]:
    """A Service's first port on loopback, as docs/operations.md opens MLflow's; gives its address."""
    namespace = f"--namespace={release.cluster.namespace}"
    command = ["kubectl", namespace, "port-forward", f"service/{service}", ":5000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            said = process.stdout.readline()  # Forwarding from 127.0.0.1:40001 -> 5000
            yield f"http://{said.split()[2]}"
        finally:
            process.terminate()


def model_image(release: Release, folder: Path) -> str:
    """Package the model in production, build and load an image of it; return its tag."""
    with forwarded(release, f"{release.full}-mlflow") as mlflow:
        told = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "MLFLOW_TRACKING_URI": mlflow,
            "PROPENSITY_HOME": str(folder),
            "BENTOML_HOME": str(folder / "bentoml"),
        }
        command = ["bash", "-euc", PACKAGE.format(tag=release.tag)]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | told, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    return f"{release.tag}-with-model"


def test_the_docs_package_a_model_by_the_same_commands() -> None:
    documented = (ROOT / "docs" / "images.md").read_text()
    first, second = PACKAGE.strip().splitlines()
    assert first in documented
    assert second.replace(" load-model-image", "").replace("{tag}", "dev") in documented


def test_an_image_with_a_model_inside_answers_with_nothing_else(release: Release, tmp_path: Path) -> None:
    tag = model_image(release, tmp_path)
    alone = Release(
        cluster=release.cluster, url=release.url, tag=release.tag, name="alone", full="alone-propensity"
    )
    host = f"ingress.host=alone.{release.host}"
    try:
        alone.install(f"scorer.image.tag={tag}", *ALONE, host)
        alone.until_ready(count=1, seconds=READY_SECONDS)
        assert {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in alone.all_pods()} == {
            "scorer"
        }
        until(lambda: "Succeeded" in alone.cluster.helm("test", alone.name), seconds=60, what="helm test")
    finally:
        alone.cluster.run("helm", "uninstall", alone.name, "--wait", check=False)
        names = (f"{alone.full}-{name}" for name in ("api-key", "api-keys"))
        alone.cluster.kubectl("delete", "secret", "--ignore-not-found", *names)


def test_the_load_tests_run_as_a_pod_that_the_walls_let_in(release: Release, key: str) -> None:
    phase, said = run(
        release,
        "loadtests",
        labels={"role": "load-test"},  # networkPolicy.clients of values.yaml
        args=["--host", f"http://{release.full}-scorer", "--users=2", "--spawn-rate=2", "--run-time=10s"],
        env=[{"name": "PROPENSITY_API_KEY", "value": key}],
    )
    assert phase == "Succeeded", said
