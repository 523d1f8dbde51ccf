"""Jobs that a test makes by hand from a component's CronJob, with another command: the pod is the chart's."""

import json
from collections.abc import Iterable
from typing import Any

from tests.e2e.cluster import until
from tests.e2e.release import Release, condition

JOB_SECONDS = 300


def job_like(release: Release, component: str, *, name: str) -> Any:
    """Return the Job that `kubectl create job --from=cronjob/…` would make, to be changed before it is made."""
    template = f"cronjob/{release.full}-{component}"
    told = release.cluster.kubectl(
        "create", "job", name, f"--from={template}", "--dry-run=client", "--output", "json"
    )
    return json.loads(told)


def start(release: Release, component: str, *, name: str, command: list[str], waits: bool = True) -> str:
    """Start a component's pod with another command, once; return the Job's name.

    One that does not wait stands for one whose dependencies go away after it has begun.
    """
    job = job_like(release, component, name=name)
    pod = job["spec"]["template"]["spec"]
    pod["containers"][0]["command"] = command
    if not waits:
        del pod["initContainers"]
    job["spec"]["backoffLimit"] = 0
    release.cluster.apply(job)
    return name


def ended(release: Release, name: str) -> Any:
    """Wait for the end of a Job; return it."""

    def at_end() -> Any:
        job = release.cluster.get("job", name)
        return job if condition(job, "Failed") or condition(job, "Complete") else None

    return until(at_end, seconds=JOB_SECONDS, what=f"the end of job {name}")


def said(release: Release, names: Iterable[str]) -> list[str]:
    """Wait until Jobs have ended well, and return what each one's pod said."""
    found = []
    for name in names:
        job = ended(release, name)
        log = release.cluster.kubectl("logs", f"job/{name}")
        assert condition(job, "Complete"), log
        found.append(log)
    return found


def numbered_trainings(release: Release) -> list[Any]:
    """The training Jobs that were made from the CronJob by a number of the ledger."""
    annotation = "propensity.dev/training"
    return [job for job in release.training_jobs() if annotation in job["metadata"].get("annotations", {})]


def training_names(release: Release) -> set[str]:
    """Names of those Jobs."""
    return {job["metadata"]["name"] for job in numbered_trainings(release)}
