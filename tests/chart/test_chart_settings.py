"""values.yaml, the ConfigMap, the environment and `Settings` say the same, name by name."""

import json
import re
import runpy
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml

from propensity.settings import Settings
from tests.chart.rendering import CHART, ROOT, Rendered, containers, environment

EMBEDDED_ONLY = {"model_path", "kubeconfig"}
"""Set inside an image made from a packaged Bento, and by who is outside the cluster; never by the chart."""
NAMES = {"tracking_uri": "MLFLOW_TRACKING_URI"}
"""The one name that is not ours."""


def variable(field: str) -> str:
    return NAMES.get(field, f"PROPENSITY_{field.upper()}")


def test_every_setting_is_a_value_or_set_by_the_chart(default: Rendered) -> None:
    told = set(default.one("ConfigMap", "settings")["data"])
    for template in default.pods().values():
        for container in containers(template):
            told |= environment(container).keys()
    assert {field for field in Settings.model_fields if variable(field) not in told} == EMBEDDED_ONLY


def test_every_value_below_settings_is_a_setting(default: Rendered) -> None:
    known = {variable(field) for field in Settings.model_fields}
    data = default.one("ConfigMap", "settings")["data"]
    assert data.keys() <= known
    assert len(data) == len(yaml.safe_load((CHART / "values.yaml").read_text())["settings"])


def test_the_charts_defaults_are_those_of_the_code(default: Rendered) -> None:
    for name, text in default.one("ConfigMap", "settings")["data"].items():
        field = name.removeprefix("PROPENSITY_").lower()
        wanted = Settings.model_fields[field].default
        assert Settings.model_validate({field: text}).__getattribute__(field) == wanted, name


def test_large_numbers_stay_whole(render: Any) -> None:
    data = render("settings.maxTrainingRows=20000000").one("ConfigMap", "settings")["data"]
    assert data["PROPENSITY_MAX_TRAINING_ROWS"] == "20000000"


def test_a_changed_setting_makes_new_pods(render: Any, default: Rendered) -> None:
    def checksum(rendered: Rendered) -> str:
        annotations = rendered.one("Deployment", "scorer")["spec"]["template"]["metadata"]["annotations"]
        return str(annotations["propensity.dev/settings-checksum"])

    assert checksum(render("settings.seed=8")) != checksum(default)
    assert checksum(render("scorer.spoolMaxMb=300")) == checksum(default)


def test_no_secret_stands_in_a_configmap_or_in_the_open_environment(everything: Rendered) -> None:
    suspicious = re.compile(r"password|token|secret|://[^/\s]*:[^/\s]*@", re.IGNORECASE)
    for config in everything.of("ConfigMap"):
        assert not suspicious.search(json.dumps(config["data"]))
    for template in everything.pods().values():
        for container in containers(template):
            texts = {name: text for name, text in environment(container).items() if isinstance(text, str)}
            said = [texts, container.get("command", []), template["metadata"].get("annotations", {})]
            assert not suspicious.search(json.dumps(said))


def test_the_page_of_values_is_fresh() -> None:
    made = runpy.run_path(str(ROOT / "helm" / "document_values.py"))
    assert Path(made["PAGE"]).read_text() == made["page"](), "Run `python helm/document_values.py`."


def schema_nodes(node: dict[str, Any], path: str = "") -> Any:
    for name, below in node.get("properties", {}).items():
        yield f"{path}.{name}".strip("."), below
        yield from schema_nodes(below, f"{path}.{name}".strip("."))


def test_the_schema_is_closed_and_every_value_has_a_meaning() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert schema["additionalProperties"] is False
    for path, node in schema_nodes(schema):
        assert node.get("description"), path
        assert "properties" not in node or node["additionalProperties"] is False, path


BOUNDS = {"Ge": "minimum", "Gt": "exclusiveMinimum", "Le": "maximum", "Lt": "exclusiveMaximum"}


def bounds_of_code(field: str) -> dict[str, float]:
    """A setting's bounds under the names that a schema has for them."""
    found = {}
    for rule in Settings.model_fields[field].metadata:
        if name := BOUNDS.get(type(rule).__name__):
            found[name] = getattr(rule, type(rule).__name__.lower())
    return whole(found) if Settings.model_fields[field].annotation is int else found


def whole(bounds: dict[str, float]) -> dict[str, float]:
    """Bounds of whole numbers, each of which has two ways to be said."""
    if "exclusiveMinimum" in bounds:
        bounds["minimum"] = bounds.pop("exclusiveMinimum") + 1
    if "exclusiveMaximum" in bounds:
        bounds["maximum"] = bounds.pop("exclusiveMaximum") - 1
    return bounds


def of_code(field: str) -> dict[str, Any]:
    """All that the code says of a setting's values."""
    about = Settings.model_fields[field]
    said: dict[str, Any] = bounds_of_code(field)
    patterns = [rule.pattern for rule in about.metadata if getattr(rule, "pattern", None)]
    if patterns:
        said["pattern"] = patterns[0]
    if get_origin(about.annotation) is Literal:
        said["enum"] = list(get_args(about.annotation))
    return said


def test_helm_takes_of_each_setting_what_the_pods_take() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]["settings"]["properties"]
    said = {*BOUNDS.values(), "pattern", "enum"}
    for name, node in schema.items():
        field = re.sub(r"(?=[A-Z])", "_", name).lower()
        assert {key: node[key] for key in node.keys() & said} == of_code(field), name


def test_every_value_has_a_default_and_every_default_is_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for path, node in schema_nodes(schema):
        at: Any = values
        for part in path.split("."):
            assert path == "global" or part in at, path
            at = at.get(part, {})
        assert "properties" not in node or node["properties"].keys() == at.keys(), path
