"""A release put into a cluster by helm itself, in a namespace where no pod may be: what helm does and what it says."""

import base64
import json
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.chart.live import Release, owned_namespace
from tests.chart.rendering import CHART, Manifest


@dataclass(frozen=True)
class Installed:
    """A release in a namespace where no pod may be, by one helm."""

    helm: str
    place: Release

    def run(self, *words: str) -> str:
        """Run helm; what it says where that goes well."""
        done = subprocess.run(
            [self.helm, *words, "--namespace", self.place.namespace],
            capture_output=True, text=True, check=False, env=self.place.environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def put(self, verb: str, *assignments: str, chart: Path = CHART) -> str:
        """Install or upgrade; nothing is made that is not in the namespace."""
        told = ("admissionPolicies.enabled=false", *assignments)
        return self.run(verb, "shop", str(chart), *(word for one in told for word in ("--set", one)))

    def secrets(self) -> dict[str, dict[str, str]]:
        """Every Secret but helm's own, in clear."""
        found = json.loads(self.place.kubectl("get", "secrets", "--output=json").stdout)["items"]
        return {one["metadata"]["name"]: in_clear(one) for one in found if one["type"] == "Opaque"}

    def patch(self, name: str, entries: dict[str, str]) -> None:
        """Change a Secret as docs/operations.md says."""
        patch = json.dumps({"stringData": entries})
        done = self.place.kubectl("patch", "secret", name, "--patch", patch)
        assert done.returncode == 0, done.stderr

    def store_address(self) -> Manifest:
        """Where the scorer's pods have the store's address from."""
        found = json.loads(
            self.place.kubectl("get", "deployment", "shop-propensity-scorer", "--output=json").stdout
        )
        (container,) = found["spec"]["template"]["spec"]["containers"]
        (told,) = [one for one in container["env"] if one["name"] == "PROPENSITY_STORE_URI"]
        return told  # type: ignore[no-any-return]


def in_clear(secret: Manifest) -> dict[str, str]:
    return {key: base64.b64decode(text).decode() for key, text in secret["data"].items()}


@contextmanager
def empty_place(helm: str) -> Iterator[Installed]:
    """Give a namespace with nothing in it, for one of the helms."""
    with owned_namespace(f"helm-{uuid.uuid4().hex[:8]}") as place:
        place.kubectl("create", "quota", "nothing", "--hard=pods=0")
        yield Installed(helm, place)
