"""What the pages tell an operator to type is what the chart takes."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.chart.rendering import CHART, ROOT, Rendered

PAGES = ("README.md", "docs/operations.md", "docs/images.md", "k8s/README.md", "helm/propensity/README.md")
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def text(page: str) -> str:
    return (ROOT / page).read_text().replace("\\\n", " ")


def helm_commands(page: str) -> list[str]:
    return re.findall(r"helm (?:install|upgrade) .*", text(page))


def names(page: str) -> Iterator[str]:
    """Dotted names in a page that begin as a value of the chart does."""
    for name in re.findall(r"`([a-z][A-Za-z]*(?:\.[a-z][A-Za-z]*)+)", text(page)):
        if name.split(".")[0] in VALUES:
            yield name


def value(name: str) -> Any:
    found = VALUES
    for part in name.split("."):
        found = found[part]
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_value_that_a_page_sets_or_names_is_one_of_the_chart(
    render: Callable[..., Rendered], page: str
) -> None:
    for command in helm_commands(page):
        assert render(*re.findall(r"--set (\S+)", command)).of("Deployment"), command
    for name in names(page):
        value(name)


def test_pages_are_read_at_all() -> None:
    assert len([command for page in PAGES for command in helm_commands(page)]) >= 6
    assert len({name for page in PAGES for name in names(page)}) >= 10


def test_an_upgrade_takes_the_values_that_a_newer_chart_brings() -> None:
    commands = [command for page in PAGES for command in helm_commands(page) if " upgrade " in f" {command}"]
    assert commands
    assert not [command for command in commands if "--reuse-values" in command]


def test_a_restore_trains_nothing_before_the_data_are_there(render: Callable[..., Rendered]) -> None:
    (restore,) = re.findall(r"helm install .*data\.kind=none.*", text("docs/operations.md"))
    rendered = render(*re.findall(r"--set (\S+)", restore))
    assert not rendered.of("Job")
    assert [cron["spec"].get("suspend") for cron in rendered.of("CronJob")] == [True]
    assert not rendered.has("Deployment", "operator")
