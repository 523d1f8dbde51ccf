"""The chart, rendered by real helm (found on the PATH, or else in the cluster kit), and what to read in it."""

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "propensity"
KIT = Path(os.environ.get("CLUSTER_KIT", ROOT.parent / "shared" / "cluster")) / "cluster"
OLDEST = "1.30.0"
"""The Kubernetes to render for: without a cluster, each helm takes another for granted, and a Debian build one of 2020."""
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Manifest = dict[str, Any]


class Refused(Exception):
    """Helm did not render the chart; the text is what it said."""


@dataclass(frozen=True)
class Rendered:
    """The objects that one set of values gives."""

    manifests: tuple[Manifest, ...]

    def __iter__(self) -> Iterator[Manifest]:
        return iter(self.manifests)

    def of(self, kind: str) -> list[Manifest]:
        """All objects of a kind."""
        return [manifest for manifest in self.manifests if manifest["kind"] == kind]

    def one(self, kind: str, name: str) -> Manifest:
        """The object of a kind whose name ends so."""
        found = [one for one in self.of(kind) if one["metadata"]["name"].endswith(f"-{name}")]
        assert len(found) == 1, (
            f"{len(found)} of {kind} *-{name} among {[o['metadata']['name'] for o in self.of(kind)]}"
        )
        return found[0]

    def has(self, kind: str, name: str) -> bool:
        """Whether there is an object of a kind whose name ends so."""
        return any(one["metadata"]["name"].endswith(f"-{name}") for one in self.of(kind))

    def pods(self) -> dict[str, Manifest]:
        """Every pod template, by kind and name of what makes it."""
        return {
            f"{manifest['kind']}/{manifest['metadata']['name']}": template
            for manifest in self.manifests
            if (template := pod_template(manifest)) is not None
        }


def pod_template(manifest: Manifest) -> Manifest | None:
    """The pod that an object makes, as metadata and spec; None for what makes none."""
    match manifest["kind"]:
        case "Pod":
            return manifest
        case "Deployment" | "StatefulSet" | "Job":
            return manifest["spec"]["template"]  # type: ignore[no-any-return]
        case "CronJob":
            return manifest["spec"]["jobTemplate"]["spec"]["template"]  # type: ignore[no-any-return]
    return None


def containers(template: Manifest) -> list[Manifest]:
    """Every container of a pod, those that run first included."""
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def environment(container: Manifest) -> dict[str, Any]:
    """What a container is told by name, text or source."""
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container.get("env", [])}


@functools.cache
def kit_environment() -> dict[str, str]:
    """What the cluster kit asks a shell to set, where there is a kit and no tool of one's own."""
    if shutil.which("helm") or not KIT.exists():
        return {}
    told = subprocess.run([str(KIT), "env"], capture_output=True, text=True, check=True).stdout
    return {name: os.path.expandvars(value) for name, value in re.findall(r"(\w+)=(\S+)", told)}


def find_helms() -> dict[str, str]:
    """Every helm there is, by what it says its major version is."""
    path = kit_environment().get("PATH", os.environ["PATH"])
    found: dict[str, str] = {}
    for name in ("helm", "helm3", "helm4"):
        program = shutil.which(name, path=path)
        if program:
            version = subprocess.run(
                [program, "version", "--short"], capture_output=True, text=True, check=True
            )
            found.setdefault(version.stdout.split(".")[0], program)
    return found


@functools.cache
def template(program: str, *options: str, name: str = "shop") -> Rendered:
    """Render the chart with one helm; Refused with its words where it does not."""
    version = [] if "--kube-version" in options else ["--kube-version", OLDEST]
    command = [program, "template", name, str(CHART), "--namespace", "market", *version, *options]
    environment = {**os.environ, **kit_environment()}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise Refused(done.stderr)
    return Rendered(tuple(one for one in yaml.load_all(done.stdout, Loader=LOADER) if one))
