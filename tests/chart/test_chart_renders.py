"""Both helms render the chart, and three versions of Kubernetes would take what comes out."""

import re
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes_validate import (  # type: ignore[import-untyped]
    SchemaNotFoundError,
    ValidationError,
    validate,
)

from tests.chart.rendering import CHART, KIT, Rendered, template

FILES = {
    "default": (),
    "everything": ("ci/everything-on.yaml",),
    "eks": ("values-eks.yaml",),
    "gke": ("values-gke.yaml",),
    "aks": ("values-aks.yaml",),
}
KUBERNETES = ("1.30", "1.34", "1.37")
NOT_KUBERNETES = {"HTTPRoute", "ServiceMonitor"}
"""Kinds of other projects, of which the schemas know nothing."""


def without_chance(rendered: Rendered) -> list[Any]:
    """The objects in order, without what is drawn at random."""
    order = sorted(rendered, key=lambda one: (one["kind"], one["metadata"]["name"]))
    return [{**one, "data": None} if one["kind"] == "Secret" else one for one in order]


def test_both_helms_are_tried(helms: dict[str, str]) -> None:
    if not helms.keys() >= {"v3", "v4"} and not KIT.exists():
        pytest.skip("Helm 3 and Helm 4 are not both there. Install the other one as helm3 or helm4.")
    assert helms.keys() >= {"v3", "v4"}


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
def test_every_helm_renders_the_same_objects(helms: dict[str, str], files: tuple[str, ...]) -> None:
    options = [option for file in files for option in ("--values", str(CHART / file))]
    first, *others = [without_chance(template(program, *options)) for program in helms.values()]
    assert len(first) > 20
    assert all(other == first for other in others)


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
def test_every_helm_finds_nothing_to_complain_of(helms: dict[str, str], files: tuple[str, ...]) -> None:
    options = [option for file in files for option in ("--values", str(CHART / file))]
    for program in helms.values():
        done = subprocess.run(
            [program, "lint", "--strict", str(CHART), *options], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
def test_each_kubernetes_takes_every_field(
    render: Callable[..., Rendered], files: tuple[str, ...], version: str
) -> None:
    wrong = []
    for manifest in render(files=files):
        if manifest["kind"] in NOT_KUBERNETES:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # its own use of a deprecated part of jsonschema
                validate(manifest, version, strict=True)
        except (ValidationError, SchemaNotFoundError) as error:
            wrong.append(f"{manifest['kind']} {manifest['metadata']['name']}: {error}")
    assert not wrong


def test_a_field_that_kubernetes_does_not_have_is_noticed(default: Rendered) -> None:
    service = default.one("Service", "scorer")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValidationError):
            validate({**service, "spec": {**service["spec"], "selectors": {}}}, KUBERNETES[0], strict=True)


def test_each_file_holds_one_kind_and_fits_on_a_screen() -> None:
    for path in sorted(Path(CHART, "templates").glob("*/*.yaml")):
        text = path.read_text()
        kinds = set(re.findall(r"^kind: (\S+)", text, flags=re.MULTILINE))
        assert len(kinds) <= 1, f"{path} holds {kinds}"
        assert len(text.splitlines()) <= 60, path


def test_every_object_says_what_it_belongs_to(everything: Rendered) -> None:
    for manifest in everything:
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "shop"
        assert labels["app.kubernetes.io/component"]
        assert (
            manifest["kind"].startswith("ValidatingAdmission")
            or manifest["metadata"]["namespace"] == "market"
        )


@pytest.mark.parametrize("name", ["a" * 53, "propensity", "my-propensity-two", "my.shop"])
def test_names_fit_where_kubernetes_is_narrow(helms: dict[str, str], name: str) -> None:
    rendered = template(helms[max(helms)], name=name)
    assert len(list(rendered)) > 20
    for manifest in rendered:
        found = manifest["metadata"]["name"]
        assert not found.startswith("propensity-propensity")
        if not manifest["kind"].startswith("ValidatingAdmission"):
            assert len(found) <= (52 if manifest["kind"] in {"CronJob", "StatefulSet"} else 63), found
            assert re.fullmatch(r"[a-z][-a-z0-9]*[a-z0-9]", found), found


def cluster_wide(program: str, namespace: str, name: str) -> set[str]:
    rendered = template(program, "--namespace", namespace, "--set", f"fullnameOverride={name}")
    return {
        one["metadata"]["name"]
        for one in rendered.of("ValidatingAdmissionPolicy") + rendered.of("ValidatingAdmissionPolicyBinding")
    }


def test_releases_of_two_namespaces_never_share_an_object(helms: dict[str, str]) -> None:
    program = helms[max(helms)]
    found = cluster_wide(program, "blue", "green-shop"), cluster_wide(program, "blue-green", "shop")
    assert len(found[0]) == len(found[1]) == 2
    assert not found[0] & found[1]
