"""Who may do what on the Kubernetes API, and which pods may be, as a real API server answers it."""

import copy

import pytest

from tests.chart.live import Release
from tests.chart.rights import needed

COMPONENTS = {
    "scorer", "training", "ingest", "score", "monitor", "operator", "dashboard", "mlflow", "mongodb", "loadtests", "test",
}  # fmt: skip
ALLOWED: dict[str, set[str]] = {component: needed(component) for component in COMPONENTS}
NEVER = {
    "list batch/jobs", "watch batch/jobs", "get /pods", "list /pods", "watch /pods",
    "list apps/deployments/shop-propensity-scorer", "watch apps/deployments/shop-propensity-scorer",
    "delete batch/jobs", "patch batch/jobs", "list batch/cronjobs", "create batch/cronjobs",
    "patch batch/cronjobs/shop-propensity-training", "get batch/cronjobs/shop-propensity-score",
    "list apps/deployments", "create apps/deployments", "update apps/deployments/shop-propensity-scorer",
    "delete apps/deployments/shop-propensity-scorer", "patch apps/deployments.scale/shop-propensity-scorer",
    "get apps/deployments/shop-propensity-mlflow", "patch apps/deployments/shop-propensity-mlflow",
    "patch apps/statefulsets/shop-propensity-mongodb", "create /pods", "delete /pods", "create /pods.exec",
    "get /pods.log", "get /secrets", "list /secrets", "get /secrets/shop-propensity-api-key", "get /configmaps",
    "create /serviceaccounts.token", "create rbac.authorization.k8s.io/rolebindings",
}  # fmt: skip


@pytest.mark.parametrize("component", sorted(ALLOWED))
def test_each_component_can_do_exactly_what_it_needs(release: Release, component: str) -> None:
    questions = NEVER.union(*ALLOWED.values())
    assert release.allowed(questions, as_=component) == ALLOWED[component]


def test_every_account_of_a_release_is_asked_about(release: Release) -> None:
    accounts = {one["metadata"]["name"] for one in release.rendered.of("ServiceAccount")}
    assert accounts == {f"shop-propensity-{component}" for component in COMPONENTS}


def test_the_question_itself_is_answered_truly(release: Release) -> None:
    questions = NEVER.union(*ALLOWED.values())
    assert release.allowed(questions, as_="") == questions, "An administrator may do all of it."


def test_every_pod_passes_pod_security_at_its_strictest(release: Release) -> None:
    assert len(release.rendered.pods()) >= 6
    for name, pod in release.rendered.pods().items():
        assert "exceeded quota" in release.takes(pod), f"{name} did not come as far as the quota"


def test_pod_security_is_enforced_where_that_is_asked(release: Release) -> None:
    pod = copy.deepcopy(release.rendered.pods()["StatefulSet/shop-propensity-mongodb"])
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    assert "violates PodSecurity" in release.takes(pod)
