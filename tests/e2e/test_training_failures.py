"""What goes wrong in a training, or with MLflow, does not reach those who ask for predictions."""

from functools import partial
from typing import Any

import yaml

from tests.e2e.cluster import until
from tests.e2e.jobs import ended, job_like
from tests.e2e.release import BRIEF, VALUES, Release

VALUES_GIVEN = yaml.safe_load(VALUES.read_text())


def why_failed(job: Any) -> str:
    """The reason that Kubernetes gives."""
    (reason,) = [one["reason"] for one in job["status"]["conditions"] if one["type"] == "Failed"]
    return str(reason)


def test_a_training_that_crashes_is_tried_again_as_often_as_the_chart_says(release: Release) -> None:
    job = job_like(release, "training", name="crashing")
    # Too little for what a training imports: the kernel kills it, at each try.
    job["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"memory": "96Mi"}}
    release.cluster.apply(job)
    found = ended(release, "crashing")
    assert why_failed(found) == "BackoffLimitExceeded"
    assert found["status"]["failed"] == VALUES_GIVEN["training"]["backoffLimit"] + 1


def test_a_training_on_unusable_data_is_not_tried_again_and_the_champion_stays(
    release: Release, key: str
) -> None:
    before = release.ask("GET", "/model", key=key).json()["version"]
    job = job_like(release, "training", name="unusable")
    container = job["spec"]["template"]["spec"]["containers"][0]
    elsewhere = release.secret(f"{release.full}-mongodb", "uri").replace("/propensity?", "/empty?")
    container["env"] = [one for one in container["env"] if one["name"] != "PROPENSITY_STORE_URI"]
    container["env"].append({"name": "PROPENSITY_STORE_URI", "value": elsewhere})
    release.cluster.apply(job)
    found = ended(release, "unusable")
    assert why_failed(found) == "PodFailurePolicy"
    assert found["status"]["failed"] == 1
    assert "exit code 3" in found["status"]["conditions"][-1]["message"]
    assert release.ask("GET", "/model", key=key).json()["version"] == before
    assert release.ask("POST", "/predict", key=key, body=BRIEF).status_code == 200


def test_with_mlflow_away_a_new_scorer_pod_serves(release: Release, key: str) -> None:
    ask = partial(release.ask, "POST", "/predict", key=key, body=BRIEF)
    with release.away("mlflow"):
        before = set(release.ready("scorer"))
        release.cluster.kubectl("delete", "pod", *before, "--wait=false")
        until(lambda: len(set(release.ready("scorer")) - before) >= 2, seconds=120, what="two new pods")
        # All pods went at once, and the ingress controller looks for new ones every two seconds at most.
        until(lambda: ask().status_code == 200, seconds=30, what="an answer through the ingress")
        answers = [ask() for _ in range(10)]
        assert {answer.status_code for answer in answers} == {200}
