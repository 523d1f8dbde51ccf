"""The ground of retraining and rollouts: one contract for a laptop, a cluster and memory; and what only a cluster does."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from kubernetes.client import ApiClient, Configuration

from propensity.cluster import ClusterPlatform, is_rolled_out, open_cluster
from propensity.errors import ClusterUnavailable, SettingsError
from propensity.lifecycle.embedded import EmbeddedPlatform
from propensity.lifecycle.platform import Platform, open_platform
from propensity.settings import Settings, read_settings
from tests.floor.api_server import BATCH, CRONJOB, DEPLOYMENT, ApiServer, serving
from tests.lifecycle.ground import MemoryPlatform

REFERENCE = "3@sha256:" + "0" * 64
WAITS_FOR_A_FILE = """
import pathlib, sys, time
folder = pathlib.Path(sys.argv[1])
with (folder / "runs").open("a") as runs:
    runs.write(f"{sys.argv[2]}\\n")
until = time.monotonic() + 60
while not (folder / f"end-{sys.argv[2]}").exists() and time.monotonic() < until:
    time.sleep(0.02)
"""


class Ground(NamedTuple):
    """A platform, and ways to make happen what is not its own doing."""

    platform: Platform
    end_training: Callable[[int], object]
    roll_out: Callable[[], object]


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with serving(ApiServer()) as made:
        yield made


def cluster_on(server: ApiServer) -> ClusterPlatform:
    client = ApiClient(Configuration(host=server.url, retries=0))
    return ClusterPlatform(client, namespace="market", release="shop")


def memory(_: pytest.FixtureRequest) -> Ground:
    platform = MemoryPlatform()
    return Ground(platform, platform.ended.add, lambda: None)


def embedded(request: pytest.FixtureRequest) -> Ground:
    home: Path = request.getfixturevalue("tmp_path")
    command = [sys.executable, "-c", WAITS_FOR_A_FILE, str(home)]
    request.addfinalizer(lambda: [(home / f"end-{number}").touch() for number in (1, 2)])
    platform = EmbeddedPlatform(home, command=command)
    return Ground(platform, lambda number: (home / f"end-{number}").touch(), lambda: None)


def cluster(request: pytest.FixtureRequest) -> Ground:
    server: ApiServer = request.getfixturevalue("server")
    return Ground(
        cluster_on(server), lambda number: server.end(f"shop-training-{number}", "Failed"), server.roll_out
    )


@pytest.fixture(params=[memory, embedded, cluster], ids=lambda kind: kind.__name__)
def ground(request: pytest.FixtureRequest) -> Ground:
    made: Ground = request.param(request)
    return made


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "It did not come true in time."
        time.sleep(0.02)


def test_a_training_is_there_from_its_start_to_its_end(ground: Ground) -> None:
    platform = ground.platform
    assert platform.training_is_gone(1)
    assert "training-1" in platform.start_training(1, [])
    assert not platform.training_is_gone(1)
    ground.end_training(1)
    until(lambda: platform.training_is_gone(1))


def test_a_number_is_started_once_while_it_runs_and_after_it_ended(ground: Ground) -> None:
    names = {ground.platform.start_training(1, []) for _ in range(3)}
    assert not ground.platform.training_is_gone(1)
    ground.end_training(1)
    until(lambda: ground.platform.training_is_gone(1))
    names.add(ground.platform.start_training(1, []))
    assert len(names) == 1
    assert ground.platform.training_is_gone(1)


def test_the_service_is_told_a_reference_and_becomes_ready(ground: Ground) -> None:
    assert ground.platform.annotated() == ""
    for _ in range(2):
        ground.platform.annotate(REFERENCE)
        assert ground.platform.annotated() == REFERENCE
    ground.roll_out()
    assert ground.platform.is_ready()


def test_a_process_is_one_for_each_number_and_says_so_in_its_log(tmp_path: Path) -> None:
    platform = EmbeddedPlatform(tmp_path, command=[sys.executable, "-c", WAITS_FOR_A_FILE, str(tmp_path)])
    log = Path(platform.start_training(7, []))
    platform.start_training(7, [])
    until((tmp_path / "runs").exists)
    (tmp_path / "end-7").touch()
    until(lambda: platform.training_is_gone(7))
    assert (tmp_path / "runs").read_text() == "7\n"
    assert log.read_text().startswith("Training 7 is process ")


def test_a_job_is_the_cronjobs_template_with_its_number(server: ApiServer) -> None:
    assert cluster_on(server).start_training(12, []) == "shop-training-12"
    job = server.objects[f"{BATCH}/jobs/shop-training-12"]
    template = CRONJOB["spec"]["jobTemplate"]
    pod = job["spec"]["template"]
    assert pod["metadata"]["annotations"] == {"checksum": "abc", "propensity.dev/training": "12"}
    assert pod["metadata"]["labels"] == job["metadata"]["labels"] == {"component": "training"}
    assert pod["spec"] == template["spec"]["template"]["spec"]
    assert job["spec"]["backoffLimit"] == 3
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("CronJob", "shop-training", "c-1")
    assert "propensity.dev/training" not in template["spec"]["template"]["metadata"]["annotations"]


def test_pods_of_the_description_before_are_not_ready(server: ApiServer) -> None:
    platform = cluster_on(server)
    server.roll_out()
    platform.annotate(REFERENCE)
    assert not platform.is_ready()
    server.roll_out()
    assert platform.is_ready()
    deployment = server.objects[DEPLOYMENT]
    for name in ("updatedReplicas", "readyReplicas", "availableReplicas"):
        assert not is_rolled_out({**deployment, "status": {**deployment["status"], name: 1}})
    assert not is_rolled_out({**deployment, "status": {**deployment["status"], "replicas": 3}})


ASKED: list[Callable[[ClusterPlatform], object]] = [
    lambda platform: platform.start_training(1, []),
    lambda platform: platform.training_is_gone(1),
    lambda platform: platform.annotated(),
    lambda platform: platform.annotate(REFERENCE),
    lambda platform: platform.is_ready(),
]


@pytest.mark.parametrize("asked", ASKED)
def test_a_refusal_says_what_was_refused_and_why(
    server: ApiServer, asked: Callable[[ClusterPlatform], object]
) -> None:
    server.refuses = 403
    with pytest.raises(ClusterUnavailable, match=r"refused to .*403: no such right"):
        asked(cluster_on(server))


@pytest.mark.parametrize("asked", ASKED)
def test_an_api_server_that_is_away_is_one_sentence(asked: Callable[[ClusterPlatform], object]) -> None:
    with serving(ApiServer()) as gone:
        platform = cluster_on(gone)
    with pytest.raises(ClusterUnavailable, match="did not answer"):
        asked(platform)


def test_a_kubeconfig_that_lies_about_is_not_used(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lying = tmp_path / "config"
    lying.write_text("clusters: []")
    monkeypatch.setenv("KUBECONFIG", str(lying))
    assert isinstance(open_platform(settings), EmbeddedPlatform)
    there = read_settings(platform="kubernetes", release="shop", namespace="market")
    with pytest.raises(ClusterUnavailable, match="no way to the Kubernetes API"):
        open_platform(there)
    with pytest.raises(SettingsError, match="PROPENSITY_RELEASE"):
        open_cluster(read_settings(platform="kubernetes"))
