"""An upgrade under load fails no request and keeps the model; a rollback brings no key back; an uninstall keeps the data."""

import json
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from hashlib import sha256
from typing import Any

from tests.e2e.cluster import NotThere, until
from tests.e2e.load import Load
from tests.e2e.release import BRIEF, KEY_SECONDS, Release, condition
from tests.e2e.standin import stand_in

Start = Callable[..., AbstractContextManager[Load]]
NOT_OURS = {"events", "events.events.k8s.io", "pods.metrics.k8s.io", "configmaps", "serviceaccounts"}
"""Kinds of which a namespace has some by itself; of the last two only those it has are counted below."""


VERSIONS = """
import json, urllib.request
url = "http://{full}-mlflow:5000/api/2.0/mlflow/model-versions/search?max_results=1000"
with urllib.request.urlopen(url, timeout=20) as answer:
    print(json.dumps(sorted(one["version"] for one in json.load(answer)["model_versions"])))
"""
ELSEWHERE = tuple(f"{name}.image.repository" for name in ("training", "dashboard", "mlflow", "loadtests"))


def versions(release: Release) -> list[str]:
    """Every version that MLflow knows."""
    phase, said = stand_in(release, "training", VERSIONS.format(full=release.full))
    assert phase == "Succeeded", said
    return json.loads(said)  # type: ignore[no-any-return]


def images(release: Release) -> dict[str, str]:
    """The image of each component that runs all the time."""
    found = release.cluster.get("deployments", "--selector", f"app.kubernetes.io/instance={release.name}")
    return {one["metadata"]["labels"]["app.kubernetes.io/component"]: container_image(one) for one in found}


def container_image(found: Any) -> str:
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def test_an_upgrade_of_every_image_under_load_fails_no_request_keeps_the_model_and_trains_nothing(
    release: Release, key: str, load: Start
) -> None:
    reference, known = release.pinned_model(), versions(release)
    assert reference
    assert known
    old, jobs = images(release), {job["metadata"]["name"] for job in release.training_jobs()}
    # A scorer of another content; of the others the same under their long name, which is another image to Kubernetes.
    others = [f"{value}=docker.io/propensity/{value.split('.')[0]}" for value in ELSEWHERE]
    with load(users=4) as run:
        release.upgrade(f"scorer.image.tag={release.tag}-next", *others)
        for component in old:
            release.until_rolled_out(component)
    assert run.failures == 0, run.errors
    assert run.requests > 200
    assert old.keys() >= {"scorer", "operator", "dashboard", "mlflow"}
    assert not set(old.items()) & set(images(release).items())
    assert release.pinned_model() == reference
    assert release.ask("GET", "/model", key=key).json()["version"] == reference.partition("@")[0]

    def new_jobs() -> list[Any]:
        return [job for job in release.training_jobs() if job["metadata"]["name"] not in jobs]

    until(
        lambda: [job for job in new_jobs() if condition(job, "Complete")],
        seconds=180,
        what="the new Job's end",
    )
    (job,) = new_jobs()
    said = release.cluster.kubectl("logs", f"job/{job['metadata']['name']}")
    assert "is in production; nothing to do" in said
    assert versions(release) == known


def records(release: Release) -> Any:
    """The API keys that the scorer's pods are told."""
    return json.loads(release.secret(f"{release.full}-api-keys", "keys.json"))


def keep_records(release: Release, kept: list[Any]) -> None:
    """Write the list of keys, as an operator does who rotates one."""
    patch = {"stringData": {"keys.json": json.dumps(kept)}}
    release.cluster.kubectl("patch", "secret", f"{release.full}-api-keys", "--patch", json.dumps(patch))


def test_a_rollback_brings_no_rotated_key_back(release: Release) -> None:
    before = records(release)
    keys = {name: f"ppk_{secrets.token_urlsafe(32)}" for name in ("old", "new")}
    made = {
        name: {"name": name, "sha256": sha256(text.encode()).hexdigest(), "scopes": ["predict"]}
        for name, text in keys.items()
    }

    def answers(name: str) -> set[int]:
        return {release.ask("POST", "/predict", key=keys[name], body=BRIEF).status_code for _ in range(8)}

    keep_records(release, [*before, made["old"]])
    release.upgrade("scorer.podAnnotations.note=before")
    revision = json.loads(release.cluster.helm("history", release.name, "--output=json"))[-1]["revision"]
    keep_records(release, [*before, made["new"]])
    release.upgrade("scorer.podAnnotations.note=after")
    release.cluster.helm("rollback", release.name, str(revision))
    assert records(release) == [*before, made["new"]]
    release.until_rolled_out()
    until(lambda: answers("new") == {200}, seconds=KEY_SECONDS, what="the new key in every pod")
    assert answers("old") == {401}
    keep_records(release, before)


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
    kept = {
        f"persistentvolumeclaim/data-{release.full}-mongodb-0",
        f"persistentvolumeclaim/{release.full}-mlflow",
        *(f"secret/{release.full}-{name}" for name in ("mongodb", "api-key", "api-keys", "dashboard")),
    }
    with suppress(NotThere):  # then the comparison says what is left
        until(lambda: left(release) == kept, seconds=120, what="the end of all else")
    assert (
        left(release) == kept
    )  # Jobs that tests made by hand belong to a CronJob, as those of the release do
    kinds = "validatingadmissionpolicies,validatingadmissionpolicybindings"
    policies = release.cluster.kubectl("get", kinds, "--output=name").split()
    assert not [name for name in policies if release.cluster.namespace in name]
    release.install()
    release.until_trained()
    release.until_serving()
    assert release.first_key() == key
    answer = release.ask("POST", "/predict", key=key, body=BRIEF)
    assert (answer.status_code, answer.json()["model_version"]) == (200, version)
