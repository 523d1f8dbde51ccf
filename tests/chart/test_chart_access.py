"""Who may do what on the Kubernetes API, and which pods may be, as a real API server answers it."""

import copy

import pytest

from tests.chart.live import Release

JOBS = {
    "create batch/jobs",
    "get batch/jobs",
    "list batch/jobs",
    "get batch/cronjobs/shop-propensity-training",
}
SCORER = {f"{verb} apps/deployments/shop-propensity-scorer" for verb in ("get", "list", "watch", "patch")}
ALLOWED: dict[str, set[str]] = {
    "monitor": JOBS,
    "operator": JOBS | SCORER | {"get /pods", "list /pods"},
    **{component: set() for component in ("scorer", "training", "dashboard", "mlflow", "mongodb", "test")},
}
NEVER = {
    "delete batch/jobs", "patch batch/jobs", "list batch/cronjobs", "create batch/cronjobs",
    "patch batch/cronjobs/shop-propensity-training", "get batch/cronjobs/shop-propensity-score",
    "list apps/deployments", "create apps/deployments", "update apps/deployments/shop-propensity-scorer",
    "delete apps/deployments/shop-propensity-scorer", "patch apps/deployments.scale/shop-propensity-scorer",
    "get apps/deployments/shop-propensity-mlflow", "patch apps/deployments/shop-propensity-mlflow",
    "patch apps/statefulsets/shop-propensity-mongodb", "create /pods", "delete /pods", "create /pods.exec",
    "get /pods.log", "get /secrets", "list /secrets", "get /secrets/shop-propensity-api-key", "get /configmaps",
    "create /serviceaccounts.token", "create rbac.authorization.k8s.io/rolebindings",
}  # fmt: skip


@pytest.mark.parametrize("component", ALLOWED)
def test_each_component_can_do_exactly_what_it_needs(release: Release, component: str) -> None:
    questions = NEVER.union(*ALLOWED.values())
    assert release.allowed(questions, as_=component) == ALLOWED[component]


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
