"""Roles and admission policies as they are rendered; test_chart_access and test_chart_admission try them."""

import json

from tests.chart.rendering import Rendered, containers

ROLES = {
    "monitor": {
        ("batch", "jobs", "", "create get list"),
        ("batch", "cronjobs", "shop-propensity-training", "get"),
    },
    "operator": {
        ("batch", "jobs", "", "create get list"),
        ("batch", "cronjobs", "shop-propensity-training", "get"),
        ("apps", "deployments", "shop-propensity-scorer", "get list patch watch"),
        ("", "pods", "", "get list"),
    },
}


def test_each_role_is_verb_by_verb_what_its_component_does(default: Rendered) -> None:
    found = {
        role["metadata"]["name"].rsplit("-", 1)[1]: {
            (
                rule["apiGroups"][0],
                rule["resources"][0],
                " ".join(rule.get("resourceNames", [])),
                " ".join(sorted(rule["verbs"])),
            )
            for rule in role["rules"]
        }
        for role in default.of("Role")
    }
    assert found == ROLES
    assert not default.of("ClusterRole") + default.of("ClusterRoleBinding")
    for binding in default.of("RoleBinding"):
        (subject,) = binding["subjects"]
        assert subject["name"] == binding["metadata"]["name"] == binding["roleRef"]["name"]


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
