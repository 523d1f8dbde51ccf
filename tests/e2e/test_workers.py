"""A training and a scoring on two workers of a Dask cluster, through the release's walls: the same metrics as without.

It registers versions, which others count, so its name puts it last.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.dask_cluster import ADDRESS, start_dask, stop_dask
from tests.e2e.jobs import job_like, said, start
from tests.e2e.release import Release

VERSIONS = """
import json
from propensity.registry import Registry
from propensity.settings import read_settings

settings = read_settings()
registry = Registry(settings.tracking_uri, artifacts=settings.home)
for version in registry.versions(2):
    document = registry.bundle(version).document
    metrics = {name: [one.value, one.low, one.high] for name, one in document.metrics.items()}
    print("version", json.dumps({"data": document.data_digest, "metrics": metrics}))
"""


@pytest.fixture
def with_dask(release: Release) -> Iterator[Release]:
    """The release with a scheduler's address; without it again afterwards."""
    start_dask(release, workers=2)
    try:
        release.upgrade(f"dask.address={ADDRESS}")
        yield release
    finally:
        stop_dask(release)
        release.upgrade()


def train(release: Release, *, name: str, address: str) -> str:
    """Train in a Job like the chart's, with this scheduler or none; return what it said."""
    job = job_like(release, "training", name=name)
    for container in job["spec"]["template"]["spec"]["containers"]:
        (told,) = [one for one in container["env"] if one["name"] == "PROPENSITY_DASK_ADDRESS"]
        told["value"] = address
    job["spec"]["backoffLimit"] = 0
    release.cluster.apply(job)
    (log,) = said(release, [name])
    return log


def versions(release: Release, *, name: str) -> list[Any]:
    """Data and metrics of the two newest versions, the newest first."""
    (log,) = said(release, [start(release, "score", name=name, command=["python", "-c", VERSIONS])])
    lines = [line for line in log.splitlines() if line.startswith("version ")]
    return [json.loads(line.removeprefix("version ")) for line in lines]


def test_a_training_and_a_scoring_on_a_dask_cluster_give_what_one_pod_gives(with_dask: Release) -> None:
    log = train(with_dask, name="with-dask", address=ADDRESS)
    assert f"Connecting to Dask at {ADDRESS}." in log
    train(with_dask, name="without-dask", address="")
    without, made, *_ = versions(with_dask, name="versions")
    assert made["data"] == without["data"]
    assert made["metrics"].keys() == without["metrics"].keys()
    for name, numbers in made["metrics"].items():
        assert numbers == pytest.approx(without["metrics"][name], rel=0, abs=1e-9), name

    job = job_like(with_dask, "score", name="score-with-dask")
    with_dask.cluster.apply(job)
    (scored,) = said(with_dask, ["score-with-dask"])
    assert f"Connecting to Dask at {ADDRESS}." in scored
    assert " active users scored at " in scored
