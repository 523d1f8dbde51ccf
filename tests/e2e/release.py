"""An installed release: its names, its pods, and its service as a client sees it."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.cluster import Cluster, until

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "propensity"
VALUES = Path(__file__).with_name("values.yaml")
BRIEF = {"user_id": "12345", "last_activity_hours": 2.5, "cart_count": 3, "session_duration": 15.2}
TRAINING_SECONDS = 420
"""For the whole way of a first model on two busy cores: database, MLflow, log, search, promotion."""
READY_SECONDS = 120
ROLLOUT_SECONDS = 240
LEAVING_SECONDS = 30
"""What a pod may take to leave, its preStop sleep included."""
KEY_SECONDS = 150
"""The kubelet brings a changed Secret into running pods within about a minute."""


@dataclass(frozen=True)
class Release:
    """A release named `shop`; its host name is its namespace's, so that several can share an ingress."""

    cluster: Cluster
    url: str
    tag: str
    name: str = "shop"
    full: str = "shop-propensity"

    @property
    def host(self) -> str:
        """The name it is asked for by."""
        return f"{self.cluster.namespace}.test"

    def options(self, *assignments: str) -> list[str]:
        """What helm is told on every install and upgrade."""
        told = [f"image.tag={self.tag}", f"ingress.host={self.host}", *assignments]
        return [
            self.name,
            str(CHART),
            "--values",
            str(VALUES),
            *(part for one in told for part in ("--set", one)),
        ]

    def install(self, *assignments: str) -> None:
        """Install the chart."""
        self.cluster.helm("install", *self.options(*assignments))

    def upgrade(self, *assignments: str) -> None:
        """Upgrade to the same chart with other values."""
        self.cluster.helm("upgrade", *self.options(*assignments))

    def secret(self, name: str, key: str) -> str:
        """Read one entry of a Secret."""
        return base64.b64decode(self.cluster.get("secret", name)["data"][key]).decode()

    def first_key(self) -> str:
        """The API key that the chart made."""
        return self.secret(f"{self.full}-api-key", "api-key")

    def ask(self, method: str, path: str, *, key: str | None = None, body: Any = None) -> httpx.Response:
        """Ask through the ingress."""
        headers = {"Host": self.host} | ({"X-API-Key": key} if key else {})
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        return httpx.request(method, self.url + path, headers=headers, content=content, timeout=10)

    def pods(self, component: str) -> list[Any]:
        """The component's pods that are not on their way out."""
        labels = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={component}"
        found = self.cluster.get("pods", "--selector", labels)
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def all_pods(self) -> list[Any]:
        """Every pod of the release."""
        return self.cluster.get("pods", "--selector", f"app.kubernetes.io/instance={self.name}")  # type: ignore[no-any-return]

    def ready(self, component: str) -> list[str]:
        """Names of the component's pods that are ready."""
        return [pod["metadata"]["name"] for pod in self.pods(component) if condition(pod, "Ready")]

    def until_ready(
        self, component: str = "scorer", *, count: int = 2, seconds: float = READY_SECONDS
    ) -> None:
        """Wait for so many ready pods and no other."""
        until(
            lambda: len(self.ready(component)) == len(self.pods(component)) == count,
            seconds=seconds,
            what=f"{count} ready pods of {component}",
        )

    @contextmanager
    def away(self, component: str, *, kind: str = "deployment") -> Iterator[None]:
        """Take a component of one pod away for a while."""
        target = f"{kind}/{self.full}-{component}"
        self.cluster.kubectl("scale", target, "--replicas", "0")
        until(lambda: not self.pods(component), seconds=60, what=f"the end of {component}")
        try:
            yield
        finally:
            self.cluster.kubectl("scale", target, "--replicas", "1")
            self.until_ready(component, count=1)

    def training_jobs(self) -> list[Any]:
        """All Jobs of the component training."""
        return self.cluster.get("jobs", "--selector", "app.kubernetes.io/component=training") or []

    def pinned_model(self) -> str:
        """The model that the scorer's pods are told to serve; empty where nobody has said."""
        found = self.cluster.get("deployment", f"{self.full}-scorer")
        annotations = found["spec"]["template"]["metadata"]["annotations"]
        return str(annotations.get("propensity.dev/model", ""))

    def until_rolled_out(self, component: str = "scorer") -> None:
        """Wait until all pods of a component are of its newest description."""
        target = f"deployment/{self.full}-{component}"
        self.cluster.kubectl("rollout", "status", target, f"--timeout={ROLLOUT_SECONDS}s")

    def answered_by(self, key: str) -> str:
        """The version that answers."""
        return str(self.ask("POST", "/predict", key=key, body=BRIEF).json()["model_version"])

    def until_answered_by(self, version: str, *, key: str) -> None:
        """Wait until a version answers and no other: pods on their way out answer for some seconds yet."""
        until(
            lambda: {self.answered_by(key) for _ in range(10)} == {version},
            seconds=LEAVING_SECONDS,
            what=f"version {version} alone answering",
        )

    def until_serving(self) -> None:
        """Wait until the operator has brought the champion to the pods."""
        until(self.pinned_model, seconds=READY_SECONDS, what="the operator's annotation")
        self.until_rolled_out()
        self.until_ready()

    def until_answering(self) -> float:
        """Wait for the first prediction; return the seconds since helm made its first Secret, before the pods."""
        key = self.first_key()

        def answers() -> bool:
            self._expect_no_failed_training()
            try:
                return self.ask("POST", "/predict", key=key, body=BRIEF).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        until(answers, seconds=TRAINING_SECONDS, what="the first prediction")
        made = self.cluster.get("secret", f"{self.full}-api-key")["metadata"]["creationTimestamp"]
        return (datetime.now(UTC) - datetime.fromisoformat(made)).total_seconds()

    def until_trained(self) -> None:
        """Wait for the first training's end."""

        def ended() -> bool:
            self._expect_no_failed_training()
            return any(condition(job, "Complete") for job in self.training_jobs())

        until(ended, seconds=TRAINING_SECONDS, what="the first training")

    def seconds_to_ready(self) -> list[float]:
        """How long each of the scorer's pods took from its start to being ready, to the second."""
        found = []
        for pod in self.pods("scorer"):
            (ready,) = (one for one in pod["status"]["conditions"] if one["type"] == "Ready")
            moments = (ready["lastTransitionTime"], pod["status"]["startTime"])
            end, start = (datetime.fromisoformat(one) for one in moments)
            found.append((end - start).total_seconds())
        return found

    def _expect_no_failed_training(self) -> None:
        assert not any(condition(job, "Failed") for job in self.training_jobs()), self.logs("training")

    def logs(self, component: str) -> str:
        """The last lines of a component's pods."""
        labels = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={component}"
        return self.cluster.kubectl("logs", "--selector", labels, "--tail", "30", "--all-containers")


def condition(found: Any, kind: str) -> bool:
    """Whether a condition of an object is true."""
    conditions = found.get("status", {}).get("conditions", [])
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)
