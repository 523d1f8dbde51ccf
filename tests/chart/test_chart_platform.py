"""What the monitor and the operator do with the Kubernetes API, done with their own rights on a real one."""

import json

import pytest
from kubernetes import config
from kubernetes.client import Configuration

from propensity.cluster import ClusterPlatform, connected
from propensity.errors import ClusterUnavailable
from tests.chart.live import Release

REFERENCE = "3@sha256:" + "0" * 64


def platform_of(release: Release, component: str) -> ClusterPlatform:
    """The platform as a component's pod has it: by its ServiceAccount's token."""
    token = release.kubectl("create", "token", f"shop-propensity-{component}").stdout.strip()
    told = json.loads(release.kubectl("config", "view", "--raw", "--minify", "--output=json").stdout)
    told["users"] = [{"name": told["contexts"][0]["context"]["user"], "user": {"token": token}}]
    configuration = Configuration(retries=1)
    config.load_kube_config_from_dict(told, client_configuration=configuration, persist_config=False)
    return ClusterPlatform(connected(configuration), namespace=release.namespace, release="shop-propensity")


@pytest.mark.parametrize(("component", "number"), [("monitor", 1), ("operator", 2)])
def test_a_training_job_is_made_once_from_the_template(release: Release, component: str, number: int) -> None:
    platform = platform_of(release, component)
    assert platform.training_is_gone(number)
    names = {platform.start_training(number, []) for _ in range(2)}
    assert names == {f"shop-propensity-training-{number}"}
    assert not platform.training_is_gone(number)
    job = json.loads(release.kubectl("get", "job", *names, "--output=json").stdout)
    pod = job["spec"]["template"]
    assert pod["metadata"]["annotations"]["propensity.dev/training"] == str(number)
    assert job["metadata"]["ownerReferences"][0]["name"] == "shop-propensity-training"


def test_the_operator_names_the_model_and_nobody_else_does(release: Release) -> None:
    operator = platform_of(release, "operator")
    assert operator.annotated() == ""
    operator.annotate(REFERENCE)
    assert operator.annotated() == REFERENCE
    assert not operator.is_ready()
    with pytest.raises(ClusterUnavailable, match="403"):
        platform_of(release, "monitor").annotate(REFERENCE)


def test_a_model_without_a_digest_is_refused_with_the_policys_sentence(release: Release) -> None:
    with pytest.raises(ClusterUnavailable, match="must name a model as version@sha256:digest"):
        platform_of(release, "operator").annotate("latest")
