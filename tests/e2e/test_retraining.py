"""The monitor's and the operator's hands on a real release: one training Job for many who ask, and models rolled out."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.e2e.cluster import until
from tests.e2e.load import Load
from tests.e2e.release import READY_SECONDS, Release, condition

Start = Callable[..., AbstractContextManager[Load]]
TRAINING_SECONDS = 300
ASK = """
import sys
from propensity.cli import door
from propensity.lifecycle.platform import open_platform
from propensity.lifecycle.retraining import request_retraining
from propensity.lifecycle.trigger import Trigger
settings = door.settle()
platform = open_platform(settings)
kind = sys.argv[1]
with door.opened_store(settings) as store:
    trigger = Trigger(kind=kind, reason=f"Because of {kind}.", window_end=int(sys.argv[2]))
    entry = request_retraining([trigger], store=store, settings=settings, clock=door.now,
                               start=platform.start_training, is_gone=platform.training_is_gone)
print("ANSWER", entry.state, entry.subject)
"""


def monitor_pod(release: Release, name: str, command: list[str]) -> Any:
    """A pod as the monitor's CronJob describes it, with another command."""
    told = release.cluster.kubectl(
        "create",
        "job",
        name,
        f"--from=cronjob/{release.full}-monitor",
        "--dry-run=client",
        "--output",
        "json",
    )
    job = json.loads(told)
    job["spec"]["template"]["spec"]["containers"][0]["command"] = command
    job["spec"]["backoffLimit"] = 0
    return job


def answers(release: Release, kinds: list[str], *, window_end: int) -> dict[str, str]:
    """Ask from as many pods as there are kinds, all at once; return what each was told."""
    names = {f"ask-{kind}-{window_end}": kind for kind in kinds}
    for name, kind in names.items():
        release.cluster.apply(monitor_pod(release, name, ["python", "-c", ASK, kind, str(window_end)]))

    def ended() -> bool:
        jobs = [release.cluster.get("job", name) for name in names]
        return all(condition(job, "Complete") or condition(job, "Failed") for job in jobs)

    until(ended, seconds=180, what="the end of those who ask")
    said = {kind: release.cluster.kubectl("logs", f"job/{name}") for name, kind in names.items()}
    found = {kind: text.rpartition("ANSWER ")[2].strip() for kind, text in said.items()}
    assert all(found.values()), said
    return found


def numbered(release: Release) -> list[Any]:
    """The training Jobs that were made from the CronJob by number."""
    annotation = "propensity.dev/training"
    return [job for job in release.training_jobs() if annotation in job["metadata"].get("annotations", {})]


@pytest.fixture(scope="module")
def operated(release: Release) -> Release:
    """The release with its operator."""
    release.upgrade("operator.enabled=true", "settings.retrainCooldownHours=0")
    release.until_ready("operator", count=1)
    return release


def told(release: Release) -> str:
    found = release.cluster.get("deployment", f"{release.full}-scorer")
    annotations = found["spec"]["template"]["metadata"]["annotations"]
    return str(annotations.get("propensity.dev/model", ""))


def test_the_operator_brings_the_first_champion_to_the_pods(operated: Release, key: str) -> None:
    until(lambda: told(operated), seconds=60, what="the annotation")
    operated.until_ready()
    model = operated.ask("GET", "/model", key=key).json()
    assert told(operated) == f"{model['version']}@{model['digest']}"


def test_two_monitors_at_the_same_moment_make_one_job_whose_model_is_rolled_out_under_load(
    operated: Release, key: str, load: Start
) -> None:
    found = answers(operated, ["drift", "volume"], window_end=1)
    name = f"{operated.full}-training-2"
    assert all(said.endswith(f" {name}") for said in found.values()), found
    assert [said.startswith("retrain") for said in sorted(found.values())].count(True) == 1, found
    (job,) = numbered(operated)
    assert job["metadata"]["name"] == name
    (owner,) = job["metadata"]["ownerReferences"]
    assert owner["name"] == f"{operated.full}-training"

    def ended() -> bool:
        job = operated.cluster.get("job", name)
        assert not condition(job, "Failed"), operated.logs("training")
        return condition(job, "Complete")

    with load(users=4) as run:
        until(ended, seconds=TRAINING_SECONDS, what="the training")
        assert "verdict on version 2: promoted" in operated.cluster.kubectl("logs", f"job/{name}")
        until(lambda: told(operated).startswith("2@"), seconds=60, what="the annotation of version 2")
        operated.cluster.kubectl(
            "rollout", "status", f"deployment/{operated.full}-scorer", f"--timeout={READY_SECONDS}s"
        )
    assert run.failures == 0, run.errors
    assert run.requests > 100
    assert operated.ask("GET", "/model", key=key).json()["version"] == "2"
