"""An upgrade under load fails no request and keeps the model; an uninstall keeps the data, and nothing else."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any

from tests.e2e.cluster import NotThere, until
from tests.e2e.load import Load
from tests.e2e.release import BRIEF, Release, condition

Start = Callable[..., AbstractContextManager[Load]]
NOT_OURS = {"events", "events.events.k8s.io", "pods.metrics.k8s.io", "configmaps", "serviceaccounts"}
"""Kinds of which a namespace has some by itself; of the last two only those it has are counted below."""


def deployment(release: Release) -> Any:
    return release.cluster.get("deployment", f"{release.full}-scorer")


def test_an_upgrade_under_load_fails_no_request_and_keeps_the_model(
    release: Release, key: str, load: Start
) -> None:
    reference = release.pinned_model()
    assert reference
    images = {container_image(deployment(release))}
    with load(users=4) as run:
        release.upgrade(f"scorer.image.tag={release.tag}-next")
        release.until_rolled_out()
        images.add(container_image(deployment(release)))
    assert run.failures == 0, run.errors
    assert run.requests > 200
    assert len(images) == 2
    assert release.pinned_model() == reference
    assert release.ask("GET", "/model", key=key).json()["version"] == reference.partition("@")[0]


def container_image(found: Any) -> str:
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def test_an_upgrade_of_the_training_trains_nothing_where_a_model_is_in_production(release: Release) -> None:
    before = {job["metadata"]["name"] for job in release.training_jobs()}
    release.upgrade("training.resources.requests.cpu=110m")

    def new_job() -> Any:
        jobs = [job for job in release.training_jobs() if job["metadata"]["name"] not in before]
        return jobs[0] if jobs and condition(jobs[0], "Complete") else None

    job = until(new_job, seconds=120, what="the new Job's end")
    said = release.cluster.kubectl("logs", f"job/{job['metadata']['name']}")
    assert "is in production; nothing to do" in said
    assert "registered" not in said.lower()


def left(release: Release) -> set[str]:
    """Everything in the namespace but what every namespace has."""
    kinds = release.cluster.kubectl("api-resources", "--namespaced", "--verbs=list", "--output=name").split()
    asked = ",".join(kind for kind in kinds if kind not in NOT_OURS - {"configmaps", "serviceaccounts"})
    found = release.cluster.kubectl("get", asked, "--output=name", "--ignore-not-found").split()
    return set(found) - {"configmap/kube-root-ca.crt", "serviceaccount/default"}


def test_an_uninstall_leaves_volumes_and_secrets_alone_and_another_install_finds_them(
    release: Release, key: str
) -> None:
    version = release.ask("GET", "/model", key=key).json()["version"]
    release.cluster.helm("uninstall", release.name, "--wait")
    release.cluster.kubectl("delete", "jobs", "--all")  # those that tests made by hand
    kept = {
        f"persistentvolumeclaim/data-{release.full}-mongodb-0",
        f"persistentvolumeclaim/{release.full}-mlflow",
        *(f"secret/{release.full}-{name}" for name in ("mongodb", "api-key", "api-keys", "dashboard")),
    }
    with suppress(NotThere):  # then the comparison says what is left
        until(lambda: left(release) == kept, seconds=120, what="the end of all else")
    assert left(release) == kept
    policies = release.cluster.kubectl("get", "validatingadmissionpolicies", "--output=name").split()
    assert not [name for name in policies if release.cluster.namespace in name]
    release.install()
    release.until_trained()
    release.until_serving()
    assert release.first_key() == key
    answer = release.ask("POST", "/predict", key=key, body=BRIEF)
    assert (answer.status_code, answer.json()["model_version"]) == (200, version)
