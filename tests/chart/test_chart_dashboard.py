"""The dashboard's pod: no right on the Kubernetes API, nobody in without a password, one address under one path."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from streamlit import net_util

from propensity.cli.program import program
from tests.chart.rendering import Rendered, containers, environment

Render = Callable[..., Rendered]
OIDC = "dashboard.oidc.existingSecret=login"


def pod(rendered: Rendered) -> Any:
    return rendered.one("Deployment", "dashboard")["spec"]["template"]


def published(rendered: Rendered) -> list[Any]:
    """The paths of Ingresses that lead to it."""
    rules = [rule for one in rendered.of("Ingress") for rule in one["spec"]["rules"]]
    paths = [path for rule in rules for path in rule["http"]["paths"]]
    return [path for path in paths if path["backend"]["service"]["name"].endswith("-dashboard")]


def test_there_is_one_without_a_token(default: Rendered) -> None:
    spec = default.one("Deployment", "dashboard")["spec"]
    assert spec["replicas"] == 1
    assert pod(default)["spec"]["automountServiceAccountToken"] is False
    assert pod(default)["spec"]["serviceAccountName"] == "shop-propensity-dashboard"
    assert not default.has("Role", "dashboard")


def test_passwords_are_files_from_a_secret_that_is_kept(default: Rendered) -> None:
    secret = default.one("Secret", "dashboard")
    assert secret["metadata"]["annotations"] == {
        "helm.sh/hook": "pre-install,pre-upgrade",
        "helm.sh/hook-weight": "0",
        "helm.sh/resource-policy": "keep",
    }
    assert {name: len(base64.b64decode(text)) for name, text in secret["data"].items()} == {
        "reader": 24, "operator": 24,
    }  # fmt: skip
    (container,) = containers(pod(default))
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == "access"]
    assert environment(container)["PROPENSITY_DASHBOARD_ACCESS"] == mount["mountPath"]
    assert {"name": "access", "secret": {"secretName": "shop-propensity-dashboard"}} in pod(default)["spec"][
        "volumes"
    ]


def test_passwords_of_ones_own_take_their_place(render: Render) -> None:
    rendered = render("dashboard.existingSecret=ours")
    assert not rendered.has("Secret", "dashboard")
    assert {"name": "access", "secret": {"secretName": "ours"}} in pod(rendered)["spec"]["volumes"]


def test_oidc_takes_the_place_of_passwords_and_opens_the_way_to_the_provider(
    render: Render, default: Rendered
) -> None:
    rendered = render(OIDC, "dashboard.oidc.operators={ann@shop.example,bob@shop.example}")
    told = environment(containers(pod(rendered))[0])
    assert told["PROPENSITY_DASHBOARD_OIDC"] == "true"
    assert told["PROPENSITY_DASHBOARD_ACCESS"] == ""
    assert told["PROPENSITY_DASHBOARD_OPERATORS"] == "ann@shop.example,bob@shop.example"
    assert not rendered.has("Secret", "dashboard")
    outside = [
        [
            rule
            for rule in one.one("NetworkPolicy", "dashboard")["spec"]["egress"]
            if "ipBlock" in rule["to"][0]
        ]
        for one in (default, rendered)
    ]
    assert [len(rules) for rules in outside] == [0, 1]


def test_path_of_ingress_command_and_probes_is_one(render: Render) -> None:
    rendered = render("dashboard.path=/shop-board", "ingress.enabled=true")
    (container,) = containers(pod(rendered))
    assert container["command"][:2] == ["propensity", "dashboard"]
    assert container["command"][-2:] == ["--path", "/shop-board"]
    assert "dashboard" in program.commands
    (path,) = published(rendered)
    assert path["path"] == "/shop-board"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] == "/shop-board/_stcore/health"


def test_without_a_path_it_is_not_published_and_nobody_is_let_in(render: Render) -> None:
    rendered = render("dashboard.path=", "ingress.enabled=true")
    assert not published(rendered)
    (container,) = containers(pod(rendered))
    assert "--path" not in container["command"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/_stcore/health"
    assert "ingress" not in rendered.one("NetworkPolicy", "dashboard")["spec"]


@pytest.mark.parametrize("values", [("dashboard.enabled=false",), ("mongodb.internal=false", "training.enabled=false", "score.schedule=")])  # fmt: skip
def test_it_can_be_left_out_and_is_where_there_is_no_store(render: Render, values: tuple[str, ...]) -> None:
    rendered = render("scorer.model.source=image", "scorer.image.repository=shop/bento", *values)
    assert [
        one["metadata"]["name"] for one in rendered if one["metadata"]["name"].endswith("-dashboard")
    ] == []


def test_one_ingress_is_one_load_balancer(default: Rendered) -> None:
    """GKE and EKS make a load balancer of each Ingress, and the one static address can be had once."""
    assert len(default.of("Ingress")) == 1
    assert len(published(default)) == 1


def test_the_load_balancer_of_a_cloud_asks_for_its_health_where_it_is(render: Render) -> None:
    eks = render(files=("values-eks.yaml",))
    asked = eks.one("Service", "dashboard")["metadata"]["annotations"]
    probe = containers(pod(eks))[0]["readinessProbe"]["httpGet"]["path"]
    assert asked["alb.ingress.kubernetes.io/healthcheck-path"] == probe
    assert "annotations" not in eks.one("Service", "scorer")["metadata"]


def test_who_is_let_in_from_outside_is_who_is_let_in_to_the_service(
    render: Render, everything: Rendered
) -> None:
    own = "networkPolicy.ingressController.namespaceSelector.matchLabels.edge=mine"
    for rendered in (
        everything,
        render(),
        render("ingress.enabled=false", own),
        render("ingress.enabled=false"),
    ):
        service = rendered.one("NetworkPolicy", "scorer")["spec"]["ingress"]
        edge = [rule for rule in service if len(rule["from"]) == 1 and "podSelector" not in rule["from"][0]]
        assert rendered.one("NetworkPolicy", "dashboard")["spec"].get("ingress", []) == edge


def test_a_redirect_stays_on_https(default: Rendered) -> None:
    """Uvicorn believes only its own machine that a request came by https, where nobody says whom else to believe."""
    assert environment(containers(pod(default))[0])["FORWARDED_ALLOW_IPS"] == "*"


def test_nobody_outside_is_asked_for_the_pods_address(default: Rendered) -> None:
    asked = urlsplit(net_util._AWS_CHECK_IP).hostname
    assert pod(default)["spec"]["hostAliases"] == [{"ip": "127.0.0.1", "hostnames": [asked]}]
