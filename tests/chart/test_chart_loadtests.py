"""Load tests of a release: nothing of them unless wanted, and then a Job made by hand that reaches the scorer alone."""

import re
from collections.abc import Callable

import pytest

from loadtests.stages import SHAPES
from tests.chart.rendering import CHART, ROOT, Manifest, Refused, Rendered, environment

Render = Callable[..., Rendered]
ON = "loadtests.enabled=true"


def pod(rendered: Rendered) -> Manifest:
    found: Manifest = job(rendered)["template"]["spec"]
    return found


def job(rendered: Rendered) -> Manifest:
    found: Manifest = rendered.one("CronJob", "loadtests")["spec"]["jobTemplate"]["spec"]
    return found


def arguments(rendered: Rendered) -> list[str]:
    words: list[str] = pod(rendered)["containers"][0]["args"]
    return words


def test_by_default_there_is_nothing_of_them(default: Rendered) -> None:
    assert not [one for one in default if "loadtests" in one["metadata"]["name"]]
    assert "loadtests" not in str(default.one("NetworkPolicy", "scorer"))


def test_none_runs_unless_somebody_makes_a_job(render: Render) -> None:
    rendered = render(ON)
    assert rendered.one("CronJob", "loadtests")["spec"]["suspend"] is True
    assert all("loadtests" not in one["metadata"]["name"] for one in rendered.of("Job"))


def test_they_reach_the_scorer_and_nothing_else(render: Render) -> None:
    rendered = render(ON)
    dns, scorer = rendered.one("NetworkPolicy", "loadtests")["spec"]["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    (peer,) = scorer["to"]
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "scorer"
    assert scorer["ports"] == [{"port": 3000}]
    callers = [
        one["podSelector"]["matchLabels"].get("app.kubernetes.io/component")
        for rule in rendered.one("NetworkPolicy", "scorer")["spec"]["ingress"]
        for one in rule["from"]
        if "podSelector" in one
    ]
    assert callers == ["test", "loadtests"]


def test_a_limit_that_was_passed_is_not_tried_again(render: Render) -> None:
    rules = {rule["action"]: rule for rule in job(render(ON))["podFailurePolicy"]["rules"]}
    assert rules["FailJob"]["onExitCodes"] == {
        "containerName": "loadtests", "operator": "In", "values": [2, 3],
    }  # fmt: skip
    assert rules["Ignore"]["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert pod(render(ON))["restartPolicy"] == "Never"


def test_they_ask_the_releases_own_service_with_its_own_key(render: Render) -> None:
    rendered = render(ON)
    assert arguments(rendered)[:2] == ["--host", "http://shop-propensity-scorer"]
    (wait,) = pod(rendered)["initContainers"]
    assert wait["command"] == ["python", "-m", "loadtests.waiting", "http://shop-propensity-scorer"]
    assert (ROOT / "loadtests" / "waiting.py").exists()
    key = environment(pod(rendered)["containers"][0])["PROPENSITY_API_KEY"]["secretKeyRef"]
    assert key == {"name": "shop-propensity-api-key", "key": "api-key"}
    mine = pod(render(ON, "scorer.apiKeys.existingSecret=mine"))["containers"][0]
    assert environment(mine)["PROPENSITY_API_KEY"]["secretKeyRef"]["name"] == "mine"
    assert "PROPENSITY_API_KEY" not in environment(wait)


def test_shape_limits_and_behaviours_are_values(render: Render) -> None:
    given = (
        "loadtests.shape=ramp", "loadtests.crowd=3", "loadtests.maxFailures=1000000", "loadtests.maxP99Ms=2000000",
        "loadtests.behaviours={Single,Events}",
    )  # fmt: skip
    rendered = render(ON, *given, json=("loadtests.stretch=0.25",))
    assert arguments(rendered)[2:] == [
        "--only-summary", "--stop-timeout", "10", "--shape", "ramp", "--stretch", "0.25", "--crowd", "3",
        "--max-failures", "1000000", "--max-p99-ms", "2e+06", "Single", "Events",
    ]  # fmt: skip


def test_every_option_and_behaviour_is_one_that_the_load_tests_have() -> None:
    text = "\n".join((ROOT / "loadtests" / name).read_text() for name in ("limits.py", "shape.py"))
    template = (CHART / "templates" / "loadtests" / "_pod.tpl").read_text()
    own = set(re.findall(r'"--([a-z0-9-]+)"', template)) - {"host", "only-summary", "stop-timeout"}
    assert own == {"shape", "stretch", "crowd", "max-failures", "max-p99-ms"}
    assert all(re.search(rf'"(--)?{name}"', text) for name in own)
    behaviours = (ROOT / "loadtests" / "behaviours.py").read_text()
    schema = (CHART / "values.schema.json").read_text()
    (names,) = re.findall(r'"enum": \[("Single"[^]]*)\]', schema)
    assert set(re.findall(r"^class (\w+)\(Asking\)", behaviours, re.MULTILINE)) == set(
        re.findall(r'"(\w+)"', names)
    )


def test_every_shape_can_be_chosen_and_no_other(render: Render) -> None:
    for shape in SHAPES:
        assert shape in arguments(render(ON, f"loadtests.shape={shape}"))
    with pytest.raises(Refused, match="shape"):
        render(ON, "loadtests.shape=round")
