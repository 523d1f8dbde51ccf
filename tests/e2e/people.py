"""What people type in the operator's pod, and what the ledger says of it."""

import base64
import json
from typing import Any

from propensity.bundle import Bundle
from tests.e2e.release import Release

REGISTER = """
import base64, json, pathlib, sys, tempfile
from sklearn.dummy import DummyClassifier
from propensity.bundle import Bundle
from propensity.cli import door
from propensity.registry import TrainingRecord
registry = door.open_registry(door.settle())
pipeline, nothing = DummyClassifier().fit([[0.0], [1.0]], [0, 1]), pathlib.Path(tempfile.mkdtemp())
for files in json.load(sys.stdin):
    bundle = Bundle({name: base64.b64decode(content) for name, content in files.items()})
    print("version", registry.record(TrainingRecord({}, {}, {"verdict": "promoted"}, bundle, pipeline, nothing)).number)
"""


def propensity(release: Release, *words: str) -> str:
    """What a command says in the operator's pod."""
    return release.cluster.kubectl("exec", f"deployment/{release.full}-operator", "--", "propensity", *words)


def newest(release: Release, kind: str) -> dict[str, Any]:
    """The ledger's newest entry of a kind."""
    for line in propensity(release, "ledger", "--json", "--limit", "50").splitlines():
        entry: dict[str, Any] = json.loads(line)
        if entry["kind"] == kind:
            return entry
    return {}


def ledger(release: Release) -> list[dict[str, Any]]:
    """The ledger, oldest entry first."""
    printed = propensity(release, "ledger", "--json", "--limit", "100")
    return [json.loads(line) for line in printed.splitlines()][::-1]


def is_at_rest(release: Release) -> bool:
    """Whether the newest champion has been rolled out."""
    found = {entry["kind"]: entry for entry in ledger(release)}
    rollout = found.get("rollout", {})
    return rollout.get("state") == "done" and rollout["subject"] == found["promotion"]["subject"]


def in_operator(release: Release, code: str, *words: str, given: str | None = None) -> str:
    """What Python says in the operator's pod."""
    where = ("exec", "--stdin", f"deployment/{release.full}-operator", "--", "python", "-c", code, *words)
    return release.cluster.kubectl(*where, given=given)


def registered(release: Release, *bundles: Bundle) -> list[str]:
    """Register versions that the gate is said to have let through; return their numbers."""
    files = [{name: base64.b64encode(one).decode() for name, one in each.files.items()} for each in bundles]
    said = in_operator(release, REGISTER, given=json.dumps(files))
    return [line.split()[1] for line in said.splitlines() if line.startswith("version ")]
