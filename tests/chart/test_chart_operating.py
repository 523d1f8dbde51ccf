"""The monitor's CronJob, the operator's Deployment, and the number that a training Job is told."""

from collections.abc import Callable
from typing import Any

import pytest

from propensity.cli.program import program
from propensity.settings import read_settings
from tests.chart.rendering import Rendered, containers, environment

Render = Callable[..., Rendered]
NUMBER = {"fieldRef": {"fieldPath": "metadata.annotations['propensity.dev/training']"}}


@pytest.fixture(scope="module")
def operator(default: Rendered) -> Any:
    return default.one("Deployment", "operator")["spec"]


def test_there_is_one_operator_and_never_two(operator: Any) -> None:
    assert (operator["replicas"], operator["strategy"]) == (1, {"type": "Recreate"})
    (container,) = operator["template"]["spec"]["containers"]
    assert container["command"] == ["propensity", "operate"]
    assert "operate" in program.commands


def test_an_operator_that_hangs_is_started_again(operator: Any) -> None:
    (container,) = operator["template"]["spec"]["containers"]
    told = environment(container)
    file = f"{told['PROPENSITY_HOME']}/operator-health"
    assert container["startupProbe"]["exec"]["command"] == ["test", "-f", file]
    assert file in " ".join(container["livenessProbe"]["exec"]["command"])


def test_the_operator_can_be_left_out(render: Render) -> None:
    assert not render("operator.enabled=false").has("Deployment", "operator")


def test_the_monitor_runs_on_a_schedule_that_can_be_turned_off(render: Render, default: Rendered) -> None:
    spec = default.one("CronJob", "monitor")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert spec["containers"][0]["command"] == ["propensity", "monitor"]
    assert not render("monitor.schedule=").has("CronJob", "monitor")
    assert not render("training.enabled=false").has("CronJob", "monitor")


def test_who_calls_the_api_knows_the_release_and_has_a_token(default: Rendered) -> None:
    pods = default.pods()
    for name in ("CronJob/shop-propensity-monitor", "Deployment/shop-propensity-operator"):
        assert pods[name]["spec"]["automountServiceAccountToken"] is True
        told = environment(pods[name]["spec"]["containers"][0])
        assert told["PROPENSITY_RELEASE"] == "shop-propensity"
        assert told["PROPENSITY_NAMESPACE"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
        assert told["PROPENSITY_PLATFORM"] == "kubernetes"


def test_a_training_is_told_its_number_by_the_pods_annotation(default: Rendered) -> None:
    trainings = {name: pod for name, pod in default.pods().items() if "-training" in name}
    assert len(trainings) == 2
    for pod in trainings.values():
        assert all(environment(one)["PROPENSITY_TRAINING"] == NUMBER for one in containers(pod))
        assert "propensity.dev/training" not in pod["metadata"]["annotations"]


def test_no_annotation_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_TRAINING", "")
    assert read_settings().training == 0
    monkeypatch.setenv("PROPENSITY_TRAINING", "12")
    assert read_settings().training == 12
