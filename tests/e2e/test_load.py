"""Under load pods come and go, and no request fails."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

from tests.e2e.cluster import until
from tests.e2e.jobs import job_like, said
from tests.e2e.load import Load
from tests.e2e.release import Release

Start = Callable[..., AbstractContextManager[Load]]
SCALE_SECONDS = 180


def test_the_autoscaler_adds_a_pod_under_load_and_takes_it_away_after(release: Release, load: Start) -> None:
    with load(users=10) as run:
        release.until_ready(count=3, seconds=SCALE_SECONDS)
    assert run.failures == 0, run.errors
    assert run.requests > 500
    release.until_ready(count=2, seconds=SCALE_SECONDS)


def gone(release: Release, pod: str) -> None:
    """Wait until a pod is no more, and the service is at its full number again."""
    until(lambda: pod not in names(release), seconds=SCALE_SECONDS, what=f"the end of {pod}")
    until(lambda: len(release.ready("scorer")) >= 2, seconds=SCALE_SECONDS, what="two ready pods")


def names(release: Release) -> set[str]:
    """Every pod of the scorer, those on their way out included."""
    found = release.cluster.get("pods", "--selector", "app.kubernetes.io/component=scorer")
    return {pod["metadata"]["name"] for pod in found}


def test_no_request_fails_while_a_pod_is_deleted_and_another_evicted(release: Release, load: Start) -> None:
    release.until_ready(count=2, seconds=SCALE_SECONDS)
    with load(users=4) as run:
        deleted = release.ready("scorer")[0]
        release.cluster.kubectl("delete", "pod", deleted, "--wait=false")
        gone(release, deleted)
        evicted = release.ready("scorer")[0]
        evict(release, evicted)
        gone(release, evicted)
    assert run.failures == 0, run.errors
    assert run.requests > 500


def evict(release: Release, pod: str) -> None:
    """Ask for an eviction as a drain does, again while the disruption budget says no."""
    namespace = release.cluster.namespace
    asked = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    command = ("kubectl", "create", "--raw", path, "--filename", "-")
    until(
        lambda: release.cluster.run(*command, given=json.dumps(asked), check=False).returncode == 0,
        seconds=SCALE_SECONDS,
        what=f"the eviction of {pod}",
    )


def test_a_load_test_of_the_chart_asks_from_inside_and_keeps_its_limits(release: Release) -> None:
    release.until_ready(count=2, seconds=SCALE_SECONDS)
    name = "load-from-inside"
    release.cluster.apply(job_like(release, "loadtests", name=name))
    (log,) = said(release, [name])
    assert "stage steady begins" in log
    # The rarer behaviours come with a larger crowd than two cores have room for.
    for behaviour in ("single", "batch"):
        assert f"POST     {behaviour} " in log, log
