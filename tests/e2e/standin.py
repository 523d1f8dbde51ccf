"""Pods of a test's own, as restricted as the chart's, with the labels of a component or none."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tests.e2e.release import Release

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def stand_in(
    release: Release, component: str, code: str, *, image: str = "scorer", seconds: float = 120
) -> tuple[str, str]:
    """Run Python in a pod with a component's labels; return the phase it ended in and what it printed."""
    labels = {
        "app.kubernetes.io/name": "propensity",
        "app.kubernetes.io/instance": release.name,
        "app.kubernetes.io/component": component,
    }
    return run(release, image, labels=labels, command=["python", "-c", code], seconds=seconds)


def run(
    release: Release, image: str, *, labels: Mapping[str, str], seconds: float = 120, **container: Any
) -> tuple[str, str]:
    """Run one container of our image; return the phase it ended in and what it printed."""
    name = f"stand-in-{os.urandom(4).hex()}"
    described = {"name": "stand-in", "image": f"propensity/{image}:{release.tag}", **container}
    release.cluster.apply(pod(name, labels=labels, containers=[described]))
    try:
        phase = release.cluster.finished(name, seconds=seconds)
        return phase, release.cluster.kubectl("logs", name)
    finally:
        release.cluster.kubectl("delete", "pod", name, "--wait=false")


def pod(name: str, *, labels: Mapping[str, str], containers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A pod that Pod Security lets in at its strictest."""
    common = {
        "imagePullPolicy": "IfNotPresent",
        "securityContext": RESTRICTED,
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "runAsGroup": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{**common, **one} for one in containers],
        },
    }
