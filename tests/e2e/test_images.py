"""The images as they run in pods: what is in them and what is not, and one that needs nothing else."""

import base64
import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.cluster import until
from tests.e2e.release import READY_SECONDS, ROOT, Release
from tests.e2e.standin import run, stand_in

LOOK = """
import json, os, pathlib, shutil, sys
from importlib.util import find_spec
site = next(path for path in sys.path if path.endswith("site-packages"))
print(json.dumps({
    "installed": [name for name in ("mlflow", "pandas", "polars", "sklearn", "streamlit", "locust", "pip", "uv", "pytest") if find_spec(name)],
    "rooms": [name for name in ("propensity", "bentos", "training", "jobs", "dashboard", "loadtests") if find_spec(name)],
    "tools": [name for name in ("gcc", "cc", "make", "pip", "pip3", "uv", "git") if shutil.which(name)],
    "uid": os.getuid(),
    "writable": [folder for folder in ("/app", "/usr/local", "/etc", site) if os.access(folder, os.W_OK)],
    "not compiled": [str(path) for path in pathlib.Path(site).rglob("*.py")
                     if not list((path.parent / "__pycache__").glob(path.stem + ".cpython-*.pyc"))][:3],
}))
"""
INSIDE: dict[str, tuple[set[str], set[str]]] = {
    "scorer": (set(), {"propensity", "bentos"}),
    "training": ({"mlflow", "pandas", "polars", "sklearn"}, {"propensity", "training", "jobs"}),
    "dashboard": ({"mlflow", "pandas", "sklearn", "streamlit"}, {"propensity", "dashboard"}),
    "mlflow": ({"mlflow", "pandas", "sklearn"}, set()),
    "loadtests": ({"locust", "pytest"}, {"loadtests"}),
}
"""Libraries and rooms of each image; locust brings pytest itself."""
BUNDLE = """
import base64, json
from propensity.settings import read_settings
from propensity.store import open_store
store = open_store(read_settings().store_uri.get_secret_value())
champion = store.champion()
files = store.bundles.get(champion.digest) | {"version": champion.version.encode()}
print(json.dumps({name: base64.b64encode(content).decode() for name, content in files.items()}))
"""
ALONE = (
    "scorer.model.source=image",
    "scorer.autoscaling.minReplicas=1",
    "training.enabled=false",
    "mlflow.internal=false",
    "mongodb.internal=false",
    "score.schedule=",
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


def model_image(release: Release, folder: Path) -> str:
    """Build and load an image with the model in production inside; return its tag."""
    pod = release.ready("scorer")[0]
    told = json.loads(release.cluster.kubectl("exec", pod, "--", "python", "-c", BUNDLE))
    for name, content in told.items():
        (folder / name).write_bytes(base64.b64decode(content))
    command = ["make", "model-image", "load-model-image", f"MODEL={folder}", f"TAG={release.tag}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return f"{release.tag}-with-model"


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
