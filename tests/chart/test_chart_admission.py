"""What a real API server says to those who may make Jobs and patch the Deployment: only what the chart describes."""

from collections.abc import Callable

import pytest

from tests.chart.live import Release, installed
from tests.chart.rendering import Manifest

DIGEST = "sha256:" + "0" * 64
Change = Callable[[Manifest], object]
"""Something done to a Job, or to the pod of one."""


@pytest.mark.parametrize("maker", ["monitor", "operator"])
def test_the_described_job_may_be_made(release: Release, maker: str) -> None:
    assert "created (server dry run)" in release.says(release.job(), as_=maker)


PLACED = {
    "image.pullSecrets": '["mirror"]',
    "training.data": '{"kind": "pvc", "claim": "logs", "path": "clicks", "format": "rees46"}',
    "training.priorityClassName": '"low"',
    "training.nodeSelector": '{"kubernetes.io/arch": "amd64"}',
    "training.tolerations": '[{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}, {"operator": "Exists"}]',
    "training.affinity": '{"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": '
    '{"nodeSelectorTerms": [{"matchExpressions": [{"key": "tier", "operator": "In", "values": ["batch"]}]}]}, '
    '"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 10, "preference": '
    '{"matchExpressions": [{"key": "disk", "operator": "Exists"}]}}]}, "podAntiAffinity": '
    '{"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone", "labelSelector": '
    '{"matchLabels": {"app": "train"}}}]}}',
    "training.podLabels": '{"azure.workload.identity/use": "true"}',
    "training.extraEnv": '[{"name": "EMPTY", "value": ""}, {"name": "KEY", "valueFrom": '
    '{"secretKeyRef": {"name": "store", "key": "key"}}}]',
}
"""Each value that says more of the training's pod."""


def elsewhere(pod: Manifest) -> None:
    """The same affinity for other nodes."""
    wanted = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    wanted["nodeSelectorTerms"][0]["matchExpressions"][0]["values"] = ["system"]


def beside_others(pod: Manifest) -> None:
    """An affinity that nothing describes."""
    pod["affinity"]["podAffinity"] = pod["affinity"]["podAntiAffinity"]


def test_a_job_described_in_every_way_there_is_may_be_made(helms: dict[str, str]) -> None:
    options = [word for name, text in PLACED.items() for word in ("--set-json", f"{name}={text}")]
    with installed(helms[max(helms)], *options) as placed:
        job = placed.job()
        assert "created (server dry run)" in placed.says(job)
        for change in (elsewhere, beside_others):
            other = placed.job()
            change(other["spec"]["template"]["spec"])
            assert "another priority or place" in placed.says(other)
        (claim,) = [
            mount
            for mount in main(job["spec"]["template"]["spec"])["volumeMounts"]
            if mount["name"] == "data"
        ]
        claim["readOnly"] = False
        assert "denied request" in placed.says(job)


def test_a_job_may_carry_the_number_of_its_training(release: Release) -> None:
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
    "a volume over the code": lambda pod: main(pod)["volumeMounts"].append(
        {"name": "tmp", "mountPath": "/app/project"}
    ),
    "a part of a volume": lambda pod: main(pod)["volumeMounts"][0].update(subPath="x"),
    "more memory": lambda pod: pod["volumes"].append(
        {"name": "more", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}
    ),
    "a disk without end": lambda pod: pod["volumes"][0]["emptyDir"].pop("sizeLimit"),
    "a token of another kind": volume(projected={"sources": [{"serviceAccountToken": {"path": "token"}}]}),
    "root's group": lambda pod: pod["securityContext"].update(runAsGroup=0),
    "root's group on volumes": lambda pod: pod["securityContext"].update(fsGroup=0),
    "a priority": lambda pod: pod.update(priorityClassName="system-node-critical"),
    "any node": lambda pod: pod.update(tolerations=[{"operator": "Exists"}]),
    "certain nodes": lambda pod: pod.update(nodeSelector={"node-role.kubernetes.io/control-plane": ""}),
    "certain neighbours": lambda pod: pod.update(affinity={"nodeAffinity": {}}),
    "a file over the code": lambda pod: main(pod).update(
        terminationMessagePath="/app/project/propensity/errors.py"
    ),
    "settings under other names": lambda pod: main(pod)["envFrom"][0].update(prefix="LD_"),
    "a hook": lambda pod: main(pod).update(lifecycle={"postStart": {"exec": {"command": ["sh"]}}}),
    "another DNS": lambda pod: pod.update(dnsConfig={"nameservers": ["192.0.2.1"]}),
    "the node's DNS": lambda pod: pod.update(dnsPolicy="Default"),
    "another scheduler": lambda pod: pod.update(schedulerName="mine"),
}


@pytest.mark.parametrize("change", OTHER_PODS.values(), ids=OTHER_PODS)
def test_a_job_with_another_pod_is_refused(release: Release, change: Change) -> None:
    job = release.job()
    change(job["spec"]["template"]["spec"])
    assert "denied request" in release.says(job)


def test_a_refusal_says_what_is_wrong_and_what_to_do(release: Release) -> None:
    job = release.job()
    job["metadata"]["name"] = "mine"
    main(job["spec"]["template"]["spec"])["image"] = "evil:1"
    said = release.says(job)
    assert (
        "The Job runs another image than the training CronJob describes. Make the Job from the CronJob"
        in said
    )


OTHER_JOBS: dict[str, Change] = {
    "many pods": lambda job: job["spec"].update(parallelism=3),
    "no end": lambda job: job["spec"].pop("activeDeadlineSeconds"),
    "more tries": lambda job: job["spec"].update(backoffLimit=50),
    "a Service's labels": lambda job: job["spec"]["template"]["metadata"]["labels"].update(
        {"app.kubernetes.io/component": "scorer"}
    ),
    "more labels": lambda job: job["spec"]["template"]["metadata"]["labels"].update({"more": "labels"}),
    "an order to a sidecar injector": lambda job: job["spec"]["template"]["metadata"]["annotations"].update(
        {"sidecar.istio.io/inject": "true", "sidecar.istio.io/proxyImage": "evil:1"}
    ),
    "a finalizer": lambda job: job["spec"]["template"]["metadata"].update(finalizers=["example.com/stay"]),
    "pods by number": lambda job: job["spec"].update(completionMode="Indexed"),
    "another controller": lambda job: job["spec"].update(managedBy="example.com/mine"),
    "pods it did not make": lambda job: job["spec"].update(
        manualSelector=True, selector={"matchLabels": job["spec"]["template"]["metadata"]["labels"]}
    ),
    "unusable data tried again": lambda job: job["spec"].pop("podFailurePolicy"),
    "unusable data tried again by rule": lambda job: job["spec"]["podFailurePolicy"]["rules"].pop(),
    "every failure ignored": lambda job: job["spec"]["podFailurePolicy"]["rules"].insert(
        0, {"action": "Ignore", "onExitCodes": {"operator": "NotIn", "values": [0]}}
    ),
    "a log for ever": lambda job: job["spec"].pop("ttlSecondsAfterFinished"),
    "a name of its own": lambda job: job["metadata"].update(name="shop-propensity-training-extra"),
    "another training's number": lambda job: job["spec"]["template"]["metadata"]["annotations"].update(
        {"propensity.dev/training": "6"}
    ),
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
    "a model on two lines": annotated(propensity_dev__model=f"3\n@{DIGEST}"),
    "a finalizer of the pods": {"spec": {"template": {"metadata": {"finalizers": ["example.com/stay"]}}}},
}


@pytest.mark.parametrize("patch", OTHER_PATCHES.values(), ids=OTHER_PATCHES)
def test_the_operator_may_change_nothing_else(release: Release, patch: Manifest) -> None:
    assert "denied request" in release.patched(patch)
