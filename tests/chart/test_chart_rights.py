"""Roles and admission policies as they are rendered; test_chart_access and test_chart_admission try them."""

import inspect
import json
from collections.abc import Callable

import pytest

from propensity.cluster import ClusterPlatform
from tests.chart.rendering import Manifest, Rendered, containers
from tests.chart.rights import DONE, needed

ROLES = {
    "monitor": {
        "create batch/jobs",  # ClusterPlatform.start_training
        "get batch/jobs",  # training_is_gone
        "get batch/cronjobs/shop-propensity-training",  # start_training, which copies it
    },
    "operator": {
        "create batch/jobs",  # start_training, for what people ask for
        "get batch/jobs",  # training_is_gone
        "get batch/cronjobs/shop-propensity-training",  # start_training
        "get apps/deployments/shop-propensity-scorer",  # annotated, is_ready
        "patch apps/deployments/shop-propensity-scorer",  # annotate
    },
}


def granted(role: Manifest) -> set[str]:
    """A Role's rules as `verb group/resource/name`."""
    return {
        "/".join([f"{verb} {group}", resource, *([name] if name else [])])
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
    }


def test_each_role_is_verb_by_verb_what_its_component_does(default: Rendered) -> None:
    assert {component: needed(component) for component in DONE} == ROLES
    found = {one["metadata"]["name"].rsplit("-", 1)[1]: granted(one) for one in default.of("Role")}
    assert found == ROLES
    assert not default.of("ClusterRole") + default.of("ClusterRoleBinding")
    for binding in default.of("RoleBinding"):
        (subject,) = binding["subjects"]
        assert subject["name"] == binding["metadata"]["name"] == binding["roleRef"]["name"]


def test_every_call_there_is_was_made() -> None:
    calls = {name for name, member in vars(ClusterPlatform).items() if inspect.isfunction(member)}
    made = {name for does in DONE["operator"] for name in does.__code__.co_names}
    assert {name for name in calls if not name.startswith("_")} == made


def test_only_who_has_rights_has_a_token(everything: Rendered) -> None:
    with_token = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in everything.pods().values()
        if pod["spec"]["automountServiceAccountToken"]
    }
    assert with_token == ROLES.keys()


OFF = {
    "monitor": "monitor.schedule=", "operator": "operator.enabled=false", "score": "score.schedule=",
    "dashboard": "dashboard.enabled=false",
}  # fmt: skip


@pytest.mark.parametrize("component", OFF)
def test_who_is_off_has_no_rights_no_account_and_no_opening(
    render: Callable[..., Rendered], default: Rendered, component: str
) -> None:
    name = f"shop-propensity-{component}"
    assert any(one["metadata"]["name"] == name for one in default)
    assert not [one["kind"] for one in render(OFF[component]) if one["metadata"]["name"] == name]


def test_admission_holds_jobs_against_the_training_cronjob(default: Rendered, everything: Rendered) -> None:
    for rendered in (default, everything):
        policy = rendered.one("ValidatingAdmissionPolicy", "training")["spec"]
        said = " ".join(rule["expression"] for rule in policy["validations"])
        pod = rendered.one("CronJob", "training")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        for container in containers({"spec": pod}):
            assert json.dumps(container["command"], separators=(",", ":")) in said
            assert json.dumps(container["image"]) in said
            assert all(f'"{entry["name"]}|' in said for entry in container["env"])
        for component in ("monitor", "operator"):
            user = f"system:serviceaccount:market:shop-propensity-{component}"
            assert user in policy["matchConditions"][0]["expression"]


def test_admission_refuses_and_does_not_just_warn(default: Rendered) -> None:
    assert len(default.of("ValidatingAdmissionPolicy")) == 2
    for policy in default.of("ValidatingAdmissionPolicy"):
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert {rule["reason"] for rule in policy["spec"]["validations"]} == {"Forbidden"}
    for binding in default.of("ValidatingAdmissionPolicyBinding"):
        assert binding["spec"]["validationActions"] == ["Deny"]


def test_admission_policies_stay_in_their_namespace(default: Rendered) -> None:
    wanted = {"matchLabels": {"kubernetes.io/metadata.name": "market"}}
    for policy in default.of("ValidatingAdmissionPolicy"):
        assert policy["metadata"]["name"].startswith("market.")
        assert policy["spec"]["matchConstraints"]["namespaceSelector"] == wanted
    for binding in default.of("ValidatingAdmissionPolicyBinding"):
        assert binding["spec"]["policyName"] == binding["metadata"]["name"]
        assert binding["spec"]["matchResources"]["namespaceSelector"] == wanted
