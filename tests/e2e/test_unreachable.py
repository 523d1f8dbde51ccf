"""The monitor's pod while MongoDB or the API server is away: an exit code and a sentence, nothing half done, and the next run catches up.

It runs after the story, which counts trainings and decisions. MLflow, and every moment of a run, are taken away on one
machine (`tests/jobs/test_monitor_outages.py`).
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.cluster import until
from tests.e2e.jobs import ended, said, start, training_names
from tests.e2e.people import is_at_rest, ledger
from tests.e2e.release import BRIEF, ROLLOUT_SECONDS, Release, condition
from tests.e2e.test_story import ASK

NOWHERE = "KUBERNETES_SERVICE_HOST=127.0.0.1"
"""Where nothing listens in the pod."""


def failed(release: Release, name: str) -> tuple[int, str]:
    """Wait until a Job has failed; return its exit code and what its pod said."""
    job = ended(release, name)
    log = release.cluster.kubectl("logs", f"job/{name}")
    assert condition(job, "Failed"), log
    (pod,) = release.cluster.get("pods", "--selector", f"job-name={name}")
    (container,) = pod["status"]["containerStatuses"]
    return int(container["state"]["terminated"]["exitCode"]), log


def decisions(release: Release) -> list[dict[str, Any]]:
    return [entry for entry in ledger(release) if entry["kind"] == "decision"]


def test_without_mongodb_a_run_says_so_or_waits_users_are_answered_and_no_window_is_judged_twice(
    release: Release, key: str
) -> None:
    tomorrow = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT01:00}"  # a window that nobody has judged
    watch = ["propensity", "monitor", "--at", tomorrow]
    before = decisions(release)
    with release.away("mongodb", kind="statefulset"):
        waiting = start(release, "monitor", name="watch-and-wait", command=watch)
        surprised = start(release, "monitor", name="watch-surprised", command=watch, waits=False)
        code, log = failed(release, surprised)
        until(
            lambda: "The store (MongoDB at" in waited(release, waiting), seconds=60, what="a word of waiting"
        )
        answer = release.ask("POST", "/predict", key=key, body=BRIEF)
    assert code == 20, log
    assert "propensity: The store (MongoDB at" in log
    assert "Traceback" not in log
    assert answer.status_code == 200, answer.text
    (told,) = said(release, [waiting])
    decided = told.count("decided on retraining")  # of windows that it catches up on too
    assert decided
    assert len(decisions(release)) == len(before) + decided


def waited(release: Release, job: str) -> str:
    """What a Job's pod says while it waits for what it needs."""
    return release.cluster.run("kubectl", "logs", f"job/{job}", "--container", "wait", check=False).stdout


@pytest.mark.usefixtures("key")
def test_without_the_api_server_a_training_is_claimed_and_the_next_runs_make_its_one_job(
    release: Release,
) -> None:
    before = training_names(release)
    ask = f"python -c '{ASK}' manual {round(datetime.now(UTC).timestamp())}"
    lonely = f"{NOWHERE} {ask} || {{ propensity ledger --json --limit 1; exit 1; }}"
    with release.away("operator"):  # who would make the Job by itself
        _, log = failed(release, start(release, "monitor", name="ask-nobody", command=["sh", "-c", lonely]))
        assert "The Kubernetes API did not answer" in log
        (claimed,) = [json.loads(line) for line in log.splitlines() if line.startswith('{"sequence"')]
        assert (claimed["kind"], claimed["state"]) == ("training", "intended")
        assert training_names(release) == before
        names = [f"ask-again-{number}" for number in range(2)]
        jobs = [start(release, "monitor", name=name, command=["sh", "-c", ask]) for name in names]
        logs = said(release, jobs)
        (made,) = training_names(release) - before
    assert all(made in told for told in logs), logs
    ended(release, made)
    until(lambda: is_at_rest(release), seconds=ROLLOUT_SECONDS, what="the end of what the training brought")
    (entry,) = [entry for entry in ledger(release) if entry["sequence"] == claimed["sequence"]]
    assert (entry["state"], entry["evidence"]["job"]) == ("done", made)
