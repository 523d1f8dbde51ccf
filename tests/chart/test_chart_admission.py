"""What a real API server says to those who may make Jobs and patch the Deployment: only what the chart describes."""

from collections.abc import Callable

import pytest

from tests.chart.live import Release
from tests.chart.rendering import Manifest

DIGEST = "sha256:" + "0" * 64
Change = Callable[[Manifest], object]
"""Something done to a Job, or to the pod of one."""


@pytest.mark.parametrize("maker", ["monitor", "operator"])
def test_the_described_job_may_be_made(release: Release, maker: str) -> None:
    assert "created (server dry run)" in release.says(release.job(), as_=maker)


def test_a_job_may_carry_annotations_of_its_own(release: Release) -> None:
    job = release.job()
    job["spec"]["template"]["metadata"]["annotations"]["propensity.dev/training"] = "7"
    assert "created (server dry run)" in release.says(job)


def test_the_policy_is_for_our_components_alone(release: Release) -> None:
    job = release.job()
    job["spec"]["template"]["spec"]["containers"][0]["image"] = "busybox"
    assert "created (server dry run)" in release.says(job, as_="")


def main(pod: Manifest) -> Manifest:
    container: Manifest = pod["containers"][0]
    return container


def volume(**source: object) -> Change:
    return lambda pod: pod["volumes"].append({"name": "more", **source})


def environment(**source: object) -> Change:
    return lambda pod: main(pod)["env"].append({"name": "MORE", **source})


OTHER_PODS: dict[str, Change] = {
    "another image": lambda pod: main(pod).update(image="evil:1"),
    "another image before": lambda pod: pod["initContainers"][0].update(image="evil:1"),
    "another command": lambda pod: main(pod).update(command=["sh"]),
    "arguments": lambda pod: main(pod).update(args=["--help"]),
    "another identity": lambda pod: pod.update(serviceAccountName="shop-propensity-operator"),
    "a token": lambda pod: pod.update(automountServiceAccountToken=True),
    "a secret as a volume": volume(secret={"secretName": "shop-propensity-api-key"}),
    "another claim": volume(persistentVolumeClaim={"claimName": "data"}),
    "the node's files": volume(hostPath={"path": "/"}),
    "a secret in the environment": environment(valueFrom={"secretKeyRef": {"name": "a", "key": "b"}}),
    "another environment": environment(value="more"),
    "a secret as the environment": lambda pod: main(pod)["envFrom"].append({"secretRef": {"name": "a"}}),
    "a writable root": lambda pod: main(pod)["securityContext"].update(readOnlyRootFilesystem=False),
    "a capability": lambda pod: main(pod)["securityContext"]["capabilities"].update(add=["NET_BIND_SERVICE"]),
    "root": lambda pod: pod["securityContext"].update(runAsUser=0),
    "the node's network": lambda pod: pod.update(hostNetwork=True),
    "a node of its choice": lambda pod: pod.update(nodeName="node1"),
    "a second container": lambda pod: pod["containers"].append({**main(pod), "name": "more"}),
}


@pytest.mark.parametrize("change", OTHER_PODS.values(), ids=OTHER_PODS)
def test_a_job_with_another_pod_is_refused(release: Release, change: Change) -> None:
    job = release.job()
    change(job["spec"]["template"]["spec"])
    assert "denied request" in release.says(job)


OTHER_JOBS: dict[str, Change] = {
    "many pods": lambda job: job["spec"].update(parallelism=3),
    "no end": lambda job: job["spec"].pop("activeDeadlineSeconds"),
    "more tries": lambda job: job["spec"].update(backoffLimit=50),
    "a Service's labels": lambda job: job["spec"]["template"]["metadata"]["labels"].update(
        {"app.kubernetes.io/component": "scorer"}
    ),
    "more labels": lambda job: job["spec"]["template"]["metadata"]["labels"].update({"more": "labels"}),
}


@pytest.mark.parametrize("change", OTHER_JOBS.values(), ids=OTHER_JOBS)
def test_a_job_that_runs_otherwise_is_refused(release: Release, change: Change) -> None:
    job = release.job()
    change(job)
    assert "denied request" in release.says(job)


def annotated(**annotations: str | None) -> Manifest:
    names = {name.replace("__", "/").replace("_", "."): value for name, value in annotations.items()}
    return {"spec": {"template": {"metadata": {"annotations": names}}}}


def test_the_operator_may_name_the_model(release: Release) -> None:
    assert "patched" in release.patched(annotated(propensity_dev__model=f"3@{DIGEST}"))


OTHER_PATCHES: dict[str, Manifest] = {
    "an image": {"spec": {"template": {"spec": {"containers": [{"name": "scorer", "image": "evil:1"}]}}}},
    "a volume": {"spec": {"template": {"spec": {"volumes": [{"name": "more", "emptyDir": {}}]}}}},
    "an identity": {"spec": {"template": {"spec": {"serviceAccountName": "shop-propensity-operator"}}}},
    "replicas": {"spec": {"replicas": 9}},
    "a pause": {"spec": {"paused": True}},
    "a strategy": {"spec": {"strategy": {"rollingUpdate": {"maxUnavailable": 1}}}},
    "a label": {"metadata": {"labels": {"more": "labels"}}},
    "an annotation of the Deployment": {"metadata": {"annotations": {"more": "words"}}},
    "another annotation of the pods": annotated(more="words"),
    "an annotation less": annotated(**{"propensity_dev__settings-checksum": None}),
    "a model without a digest": annotated(propensity_dev__model="latest"),
}


@pytest.mark.parametrize("patch", OTHER_PATCHES.values(), ids=OTHER_PATCHES)
def test_the_operator_may_change_nothing_else(release: Release, patch: Manifest) -> None:
    assert "denied request" in release.patched(patch)
