"""A release's policies, roles and accounts on a real API server, and what it answers to those who ask.

Everything but these is a dry run. The cluster is KUBECONFIG's, or the kit's where that is up.
"""

import copy
import json
import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.chart.rendering import Manifest, Rendered, kit_environment, template

PATIENCE_SECONDS = 30
NEEDED = {
    "ServiceAccount", "Role", "RoleBinding", "Deployment", "CronJob",
    "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding",
}  # fmt: skip
"""What the tests ask about; the rest of a release stays away."""

NEVER_RUN = "0 0 1 1 *"
EVERYBODY = (
    f"score.schedule={NEVER_RUN}", f"ingest.schedule={NEVER_RUN}", f"monitor.schedule={NEVER_RUN}",
    "ingest.data.kind=url", "ingest.data.url=https://logs.example.com/new.csv", "loadtests.enabled=true",
    "networkPolicy.enabled=false",
)  # fmt: skip
"""Every component there is, and none that starts by itself."""


@dataclass(frozen=True)
class Release:
    """What the admission policies need of a release, on a real API server."""

    namespace: str
    rendered: Rendered
    environment: dict[str, str]

    def kubectl(self, *words: str, given: object = None, as_: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl in the release's namespace, as a component's ServiceAccount where one is named."""
        who = [f"--as=system:serviceaccount:{self.namespace}:shop-propensity-{as_}"] if as_ else []
        return subprocess.run(
            ["kubectl", "--namespace", self.namespace, *who, *words],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
        )

    def says(self, job: Manifest, *, as_: str = "monitor") -> str:
        """What the API server answers to a new Job."""
        done = self.kubectl("create", "--dry-run=server", "--filename=-", given=job, as_=as_)
        return done.stdout + done.stderr

    def takes(self, pod: Manifest) -> str:
        """What it answers to a pod, in a namespace where Pod Security enforces `restricted` and no pod fits."""
        metadata = {"generateName": "try-", "namespace": self.namespace, "labels": pod["metadata"]["labels"]}
        volumes = pod["spec"].get("volumes", [])
        mounted = {
            mount["name"] for one in pod["spec"]["containers"] for mount in one.get("volumeMounts", [])
        }
        claimed = mounted - {volume["name"] for volume in volumes}  # a StatefulSet's own, which it adds
        spec = {**pod["spec"], "volumes": [*volumes, *({"name": name, "emptyDir": {}} for name in claimed)]}
        given = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        return self.kubectl("create", "--dry-run=server", "--filename=-", given=given).stderr

    def patched(self, patch: Manifest) -> str:
        """What it answers to the operator's patch of the scorer's Deployment."""
        done = self.kubectl(
            "patch", "deployment", "shop-propensity-scorer", "--dry-run=server", f"--patch={json.dumps(patch)}",
            as_="operator",
        )  # fmt: skip
        return done.stdout + done.stderr

    def allowed(self, questions: set[str], *, as_: str) -> set[str]:
        """Which of `verb group/resource/name` a component may do: `kubectl auth can-i`, many at once."""
        asked = sorted(questions)
        items = [review(question, namespace=self.namespace) for question in asked]
        shown = "--output=jsonpath={.status.allowed}{'\\n'}"
        done = self.kubectl("create", "--filename=-", shown, given=listed(items), as_=as_)
        answers = done.stdout.split()
        return {question for question, one in zip(asked, answers, strict=True) if one == "true"}

    def job(self) -> Manifest:
        """The Job that the training CronJob describes."""
        described = self.rendered.one("CronJob", "training")["spec"]["jobTemplate"]
        metadata = {"name": "shop-propensity-training-7", "namespace": self.namespace}
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": metadata,
            "spec": copy.deepcopy(described["spec"]),
        }


def listed(items: list[Manifest]) -> Manifest:
    """Many objects as one."""
    return {"apiVersion": "v1", "kind": "List", "items": items}


def review(question: str, *, namespace: str) -> Manifest:
    """The question `verb group/resource[.subresource][/name]` as the API server is asked it."""
    verb, what = question.split(" ")
    group, kind, *name = what.split("/")
    resource, _, subresource = kind.partition(".")
    attributes = {"verb": verb, "group": group, "resource": resource, "subresource": subresource}
    attributes |= {"namespace": namespace, "name": "".join(name)}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }


@contextmanager
def owned_namespace(namespace: str, rendered: Rendered = Rendered(())) -> Iterator[Release]:  # noqa: B008 - frozen
    """Give an empty namespace; skip where no Kubernetes answers."""
    made = Release(namespace, rendered, {**os.environ, **kit_environment()})
    if made.kubectl("create", "namespace", namespace).returncode:
        pytest.skip("No Kubernetes answers. Set KUBECONFIG, or bring the kit's cluster up.")
    try:
        yield made
    finally:
        made.kubectl("delete", "namespace", namespace, "--wait=false")


@contextmanager
def installed(helm: str, *options: str) -> Iterator[Release]:
    """Give a release in a namespace of its own; skip where no Kubernetes answers."""
    namespace = f"admission-{uuid.uuid4().hex[:8]}"
    values = ["--namespace", namespace, *(word for one in EVERYBODY for word in ("--set", one)), *options]
    rendered = template(helm, *values)
    names = [one["metadata"]["name"] for one in rendered.of("ValidatingAdmissionPolicy")]
    with owned_namespace(namespace, rendered) as made:
        try:
            made.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
            # Without this no pod of the Deployment is ever made.
            made.kubectl("create", "quota", "nothing", "--hard=pods=0")
            items = [one for one in rendered if one["kind"] in NEEDED]
            done = made.kubectl("apply", "--server-side", "--filename=-", given=listed(items))
            assert done.returncode == 0, done.stderr
            wait_until_enforced(made)
            yield made
        finally:
            kinds = "validatingadmissionpolicy,validatingadmissionpolicybinding"
            made.kubectl("delete", kinds, *names, "--ignore-not-found")


def wait_until_enforced(release: Release) -> None:
    """Policies are read by the API server a moment after they are made."""
    wrong = release.job()
    wrong["spec"]["parallelism"] = 2
    until = time.monotonic() + PATIENCE_SECONDS
    scale = {"spec": {"replicas": 9}}
    while "denied request" not in release.says(wrong) or "denied request" not in release.patched(scale):
        assert time.monotonic() < until, release.says(wrong)
        time.sleep(0.5)
