"""skaffold.yaml names what exists: Dockerfiles, folders, images and values of the chart, Services of the release."""

import copy
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, ROOT, Rendered

SKAFFOLD = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
ARTIFACTS = {artifact["image"]: artifact for artifact in SKAFFOLD["build"]["artifacts"]}
PROFILES = {profile["name"]: profile for profile in SKAFFOLD["profiles"]}


def parent(document: Any, pointer: str) -> tuple[Any, str | int]:
    """What holds the last part of a JSON pointer, and that part."""
    *way, last = pointer.strip("/").split("/")
    for part in way:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document, int(last) if isinstance(document, list) else last


def with_profile(name: str) -> Any:
    """The file as a profile makes it; fails where the profile names what is not there."""
    made = copy.deepcopy(SKAFFOLD)
    for patch in PROFILES[name]["patches"]:
        holder, key = parent(made, patch["path"])
        if patch["op"] == "remove":
            del holder[key]
        else:
            assert key not in holder, f"{name} adds {patch['path']}, which is there"
            holder[key] = patch["value"]
    return made


def release_of(document: Any) -> Any:
    (release,) = document["deploy"]["helm"]["releases"]
    return release


def value(key: str) -> Any:
    """What values.yaml has under a dotted key; KeyError where helm would refuse it."""
    found = VALUES
    for part in key.split("."):
        found = found[part]
    return found


def stages(image: str) -> set[str]:
    text = (ROOT / ARTIFACTS[image]["docker"]["dockerfile"]).read_text()
    return set(re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE))


@pytest.mark.parametrize("image", ARTIFACTS)
def test_every_artefact_has_its_dockerfile_and_all_that_it_copies(image: str) -> None:
    context = ROOT / ARTIFACTS[image]["context"]
    dockerfile = ROOT / ARTIFACTS[image]["docker"]["dockerfile"]
    assert dockerfile.is_file()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile.read_text(), re.MULTILINE)
    named = [name for line in copied for name in line.split()]
    assert "pyproject.toml" in named
    assert [name for name in named if not (context / name).exists()] == []


def test_images_are_those_of_the_chart_and_of_make() -> None:
    of_chart = {
        part["image"]["repository"]
        for part in VALUES.values()
        if isinstance(part, dict) and "repository" in part.get("image", {})
    }
    assert set(ARTIFACTS) == of_chart - {"mongo"}
    makefile = (ROOT / "Makefile").read_text()
    made = re.search(r"^IMAGES := (.+)$", makefile, re.MULTILINE)
    assert made
    assert {f"propensity/{name}" for name in made[1].split()} == set(ARTIFACTS)
    for image, artifact in ARTIFACTS.items():
        line = f"DOCKERFILE_{image.partition('/')[2]} := {artifact['docker']['dockerfile']}"
        assert line in makefile.splitlines()


def test_the_release_is_told_of_every_image_that_is_built() -> None:
    told = release_of(SKAFFOLD)["setValueTemplates"]
    for image in ARTIFACTS:
        room, variable = image.partition("/")[2], image.replace("/", "_").replace("-", "_")
        assert value(f"{room}.image.repository") == image
        assert told[f"{room}.image.repository"] == f"{{{{.IMAGE_REPO_{variable}}}}}"
        assert told[f"{room}.image.tag"] == f"{{{{.IMAGE_TAG_{variable}}}}}"
    assert len(told) == 2 * len(ARTIFACTS)


@pytest.mark.parametrize("name", [None, *PROFILES])
def test_every_value_is_one_that_the_chart_takes(name: str | None, render: Callable[..., Rendered]) -> None:
    release = release_of(with_profile(name) if name else SKAFFOLD)
    assert (ROOT / release["chartPath"] / "Chart.yaml").is_file()
    for key in [*release.get("setValues", {}), *release.get("setValueTemplates", {})]:
        value(key)
    rendered = render(*(f"{key}={given}" for key, given in release["setValues"].items()))
    assert rendered.of("Deployment")


def test_what_is_forwarded_are_services_of_the_release(default: Rendered) -> None:
    release = release_of(SKAFFOLD)
    services = {one["metadata"]["name"]: one["spec"]["ports"] for one in default.of("Service")}
    for forward in SKAFFOLD["portForward"]:
        assert forward["namespace"] == release["namespace"]
        assert forward["port"] in [port["port"] for port in services[forward["resourceName"]]]


def test_live_editing_copies_code_to_where_its_image_runs_it() -> None:
    live = with_profile("live")
    artifact = live["build"]["artifacts"][0]
    assert artifact["image"] == "propensity/scorer"
    assert artifact["docker"]["target"] in stages("propensity/scorer")
    text = (ROOT / artifact["docker"]["dockerfile"]).read_text()
    command = json.loads(re.findall(r"^ENTRYPOINT (\[.+\])$", text, re.MULTILINE)[-1])
    for rule in artifact["sync"]["manual"]:
        assert list(ROOT.glob(rule["src"]))
        assert f"cd {rule['dest']}" in command[-1]
        assert "--reload" in command[-1]
    assert release_of(live)["setValues"]["scorer.model.source"] == "image"


def test_the_profile_for_loaded_images_names_the_tag_that_make_gives() -> None:
    told = release_of(with_profile("local"))["setValues"]
    assert f"TAG ?= {told['image.tag']}" in (ROOT / "Makefile").read_text().splitlines()
