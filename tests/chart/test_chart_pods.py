"""What every pod of the release must be, whichever component it belongs to."""

import re
from collections import Counter

import pytest

from propensity.settings import Settings
from tests.chart.rendering import Rendered, containers, environment, pod_template


@pytest.fixture(params=["default", "everything"])
def rendered(request: pytest.FixtureRequest) -> Rendered:
    found: Rendered = request.getfixturevalue(request.param)
    assert len(found.pods()) >= 6
    return found


def test_every_pod_is_restricted(rendered: Rendered) -> None:
    for name, template in rendered.pods().items():
        security = template["spec"]["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] == (999 if "mongodb" in name else 10001), name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & template["spec"].keys(), name
        assert not any("hostPath" in volume for volume in template["spec"].get("volumes", [])), name
        for container in containers(template):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name


CALL_THE_API = {"monitor", "operator"}


def test_every_pod_has_an_identity_of_its_component_and_a_token_only_for_the_api(rendered: Rendered) -> None:
    accounts = {account["metadata"]["name"]: account for account in rendered.of("ServiceAccount")}
    for name, template in rendered.pods().items():
        component = template["metadata"]["labels"]["app.kubernetes.io/component"]
        account = template["spec"]["serviceAccountName"]
        assert account.endswith(f"-{component}"), name
        assert accounts[account]["automountServiceAccountToken"] is False
        assert template["spec"]["automountServiceAccountToken"] is (component in CALL_THE_API), name


def test_no_pod_gets_service_links(rendered: Rendered) -> None:
    assert all(template["spec"]["enableServiceLinks"] is False for template in rendered.pods().values())


def test_every_container_is_quiet_towards_its_makers(rendered: Rendered) -> None:
    for name, template in rendered.pods().items():
        for container in containers(template):
            told = environment(container)
            assert told["DO_NOT_TRACK"] == "1", name
            assert told["BENTOML_DO_NOT_TRACK"] == "True", name
            assert told["MLFLOW_DISABLE_TELEMETRY"] == "true", name


def test_no_environment_name_is_written_twice(rendered: Rendered) -> None:
    settings = rendered.one("ConfigMap", "settings")["data"]
    for name, template in rendered.pods().items():
        for container in containers(template):
            names = Counter(entry["name"] for entry in container["env"])
            names.update(list(settings) if "envFrom" in container else ())
            assert [one for one, count in names.items() if count > 1] == [], name


A_CLIENTS = {"PROPENSITY_API_KEY"}
"""What the load tests read, which know nothing of Settings."""


def test_every_propensity_name_is_a_setting(rendered: Rendered) -> None:
    known = {f"PROPENSITY_{field.upper()}" for field in Settings.model_fields}
    for name, template in rendered.pods().items():
        for container in containers(template):
            said = {entry for entry in environment(container) if entry.startswith("PROPENSITY_")}
            assert said <= (known | A_CLIENTS if "loadtests" in name else known), name


def test_every_container_asks_for_what_it_needs(rendered: Rendered) -> None:
    for name, template in rendered.pods().items():
        for container in containers(template):
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name


def test_every_image_has_a_tag_that_stays(rendered: Rendered) -> None:
    for name, template in rendered.pods().items():
        for container in containers(template):
            assert re.search(r"(:[^:/]+|@sha256:[0-9a-f]{64})$", container["image"]), name
            assert not container["image"].endswith(":latest"), name
            assert container["imagePullPolicy"] == "IfNotPresent", name


def test_the_component_is_part_of_every_selector(rendered: Rendered) -> None:
    selectors = [
        *(service["spec"]["selector"] for service in rendered.of("Service")),
        *(
            made["spec"]["selector"]["matchLabels"]
            for made in rendered.of("Deployment") + rendered.of("StatefulSet")
        ),
        *(budget["spec"]["selector"]["matchLabels"] for budget in rendered.of("PodDisruptionBudget")),
    ]
    assert len(selectors) >= 7
    assert all("app.kubernetes.io/component" in selector for selector in selectors)


def test_each_service_reaches_one_component_only(rendered: Rendered) -> None:
    for service in rendered.of("Service"):
        wanted = service["spec"]["selector"].items()
        reached = {
            name for name, pod in rendered.pods().items() if wanted <= pod["metadata"]["labels"].items()
        }
        assert len(reached) == 1, service["metadata"]["name"]


def test_what_must_be_writable_is_a_volume_of_bounded_size(rendered: Rendered) -> None:
    for name, template in rendered.pods().items():
        for volume in template["spec"].get("volumes", []):
            assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"], f"{name}: {volume['name']}"


def test_pods_carry_nothing_that_changes_with_the_charts_version(rendered: Rendered) -> None:
    for manifest in rendered:
        template = pod_template(manifest)
        if template is not None and manifest["kind"] != "Pod":
            assert "helm.sh/chart" not in template["metadata"]["labels"]
            assert "app.kubernetes.io/version" not in template["metadata"]["labels"]
