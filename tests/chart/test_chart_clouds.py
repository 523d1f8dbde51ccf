"""The three clouds' values files: what an operator has to have ready is named, in CAPITALS and in the header."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, ROOT, Rendered

Render = Callable[..., Rendered]
CLOUDS = ("eks", "gke", "aks")
BROUGHT = {"HTTPS", "CAPITALS", "EKS", "GKE", "AKS", "ACM", "AWS", "IRSA"}
"""Words in capitals that stand for nothing."""
PAGE = (ROOT / "docs" / "operations.md").read_text()


def header(cloud: str) -> str:
    lines = (CHART / f"values-{cloud}.yaml").read_text().splitlines()
    return "\n".join(line for line in lines[: next(i for i, one in enumerate(lines) if one[:1] != "#")])


def given(cloud: str) -> str:
    """What the file sets, without a comment."""
    return yaml.safe_dump(yaml.safe_load((CHART / f"values-{cloud}.yaml").read_text()))


def names(text: str) -> set[str]:
    """What is to be replaced: words in capitals."""
    return set(re.findall(r"\b[A-Z][A-Z-]{2,}\b", text)) - BROUGHT


def of_ingress(rendered: Rendered) -> Any:
    return rendered.one("Ingress", "scorer")


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_secret_a_file_names_is_in_its_header_and_on_the_page(render: Render, cloud: str) -> None:
    named = set(re.findall(r"(?:existingSecret|secretName): (\S+)", given(cloud)))
    assert len(named) >= 2
    for secret in named:
        assert f"`{secret}`" in header(cloud)
        assert re.search(rf"create secret (generic|tls) {secret}\b", PAGE), secret
    pods = str(render(files=(f"values-{cloud}.yaml",)).pods())
    assert all(secret in pods or "certificate" in secret for secret in named)


def test_what_a_load_balancer_waits_for_is_named_and_how_to_make_it(render: Render) -> None:
    told = of_ingress(render(files=("values-gke.yaml",)))["metadata"]["annotations"]
    assert told["kubernetes.io/ingress.global-static-ip-name"] == "STATIC-IP"
    service = render(files=("values-gke.yaml",)).one("Service", "dashboard")
    assert "BACKEND-CONFIG" in service["metadata"]["annotations"]["cloud.google.com/backend-config"]
    for name, typed in {
        "STATIC-IP": "gcloud compute addresses create STATIC-IP --global",
        "BACKEND-CONFIG": "metadata: {name: BACKEND-CONFIG",
    }.items():
        assert name in header("gke")
        assert typed in PAGE


def test_an_example_of_an_address_is_none_that_could_be_taken_for_ones_own(render: Render) -> None:
    policy = render(files=("values-eks.yaml",)).one("NetworkPolicy", "scorer")["spec"]
    (edge,) = [peer["ipBlock"] for rule in policy["ingress"] for peer in rule["from"] if "ipBlock" in peer]
    assert edge["cidr"] == "VPC-CIDR/16"
    assert "VPC-CIDR" in PAGE


@pytest.mark.parametrize("cloud", CLOUDS)
def test_everything_to_replace_is_explained(cloud: str) -> None:
    unexplained = {name for name in names(given(cloud)) if name not in PAGE + header(cloud)}
    assert not unexplained


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_way_in_is_encrypted(render: Render, cloud: str) -> None:
    ingress = of_ingress(render(files=(f"values-{cloud}.yaml",)))
    if cloud == "eks":
        told = ingress["metadata"]["annotations"]
        assert told["alb.ingress.kubernetes.io/certificate-arn"].startswith("arn:aws:acm:")
    else:
        assert ingress["spec"]["tls"] == [
            {"hosts": ["HOST.EXAMPLE.COM"], "secretName": "propensity-certificate"}
        ]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_simulated_shop_gets_into_a_store_of_ones_own(render: Render, cloud: str) -> None:
    rendered = render(files=(f"values-{cloud}.yaml",))
    assert not rendered.of("Job")
    assert "simulate" not in str(rendered.pods())


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_storage_class_says_what_it_is_for(cloud: str) -> None:
    lines = (CHART / f"values-{cloud}.yaml").read_text().splitlines()
    before = [lines[at - 1] for at, line in enumerate(lines) if "storage: {className" in line]
    assert len(before) == 2
    assert all(line.strip().startswith("# For ") for line in before)
