"""Training, ingest and score: one description of a pod each, run again without harm, not tried again in vain."""

import copy
from collections.abc import Callable

from propensity.cli.program import program
from tests.chart.rendering import Manifest, Rendered

Render = Callable[..., Rendered]


def first_job(rendered: Rendered) -> Manifest:
    (job,) = rendered.of("Job")
    return job


def job_specs(rendered: Rendered) -> dict[str, Manifest]:
    """Every Job of the jobs image: test_chart_loadtests.py is about those that are clients."""
    found = {
        one["metadata"]["name"]: one["spec"]["jobTemplate"]["spec"]
        for one in rendered.of("CronJob")
        if not one["metadata"]["name"].endswith("-loadtests")
    }
    return found | {one["metadata"]["name"]: one["spec"] for one in rendered.of("Job")}


def command(spec: Manifest) -> list[str]:
    words: list[str] = spec["template"]["spec"]["containers"][0]["command"]
    return words


def test_the_training_pod_is_described_once(default: Rendered) -> None:
    described = default.one("CronJob", "training")
    assert described["spec"]["suspend"] is True
    first, template = first_job(default)["spec"], described["spec"]["jobTemplate"]["spec"]
    assert command(first) == ["propensity", "train", "--simulate"]
    assert command(template) == ["propensity", "train", "--retrain"]
    alike = copy.deepcopy(first)
    alike["template"]["spec"]["containers"][0]["command"] = command(template)
    assert alike == template


def test_the_first_job_is_named_by_what_it_is(render: Render, default: Rendered) -> None:
    name = first_job(default)["metadata"]["name"]
    assert first_job(render("scorer.spoolMaxMb=300"))["metadata"]["name"] == name
    for change in (
        "image.tag=next",
        "settings.seed=8",
        "training.backoffLimit=1",
        "training.data.kind=url,training.data.url=s3://b/f",
    ):
        assert first_job(render(change))["metadata"]["name"] != name, change


def test_no_job_is_a_hook(default: Rendered) -> None:
    for job in default.of("Job") + default.of("CronJob"):
        assert not any(key.startswith("helm.sh/hook") for key in job["metadata"].get("annotations", {}))


def test_every_job_waits_for_what_it_depends_on(everything: Rendered) -> None:
    for name, spec in job_specs(everything).items():
        (wait,) = spec["template"]["spec"]["initContainers"]
        assert wait["command"] == ["propensity", "wait", "--seconds", "600"], name


def test_unusable_data_is_not_tried_again_and_a_crash_is(everything: Rendered) -> None:
    assert len(job_specs(everything)) == 5
    for name, spec in job_specs(everything).items():
        rules = {rule["action"]: rule for rule in spec["podFailurePolicy"]["rules"]}
        container = spec["template"]["spec"]["containers"][0]["name"]
        assert rules["FailJob"]["onExitCodes"] == {
            "containerName": container,
            "operator": "In",
            "values": [3],
        }, name
        assert rules["Ignore"]["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
        assert spec["template"]["spec"]["restartPolicy"] == "Never"
        assert spec["backoffLimit"] > 0
        assert spec["activeDeadlineSeconds"] > 0
        assert spec["ttlSecondsAfterFinished"] > 0


def test_schedules_neither_overlap_nor_hang(everything: Rendered) -> None:
    for cron in everything.of("CronJob"):
        assert cron["spec"]["concurrencyPolicy"] == "Forbid"
        assert cron["spec"]["startingDeadlineSeconds"] > 0
        assert cron["spec"]["timeZone"] == "Etc/UTC"


def test_a_schedule_may_be_held_by_hand_without_a_quarrel_at_the_next_upgrade(everything: Rendered) -> None:
    described = {cron["metadata"]["name"]: "suspend" in cron["spec"] for cron in everything.of("CronJob")}
    assert {name for name, said in described.items() if said} == {
        "shop-propensity-training", "shop-propensity-loadtests",
    }  # fmt: skip
    assert len(described) >= 4


def test_ingest_is_off_until_it_is_told_where_events_are(default: Rendered, everything: Rendered) -> None:
    assert not default.has("CronJob", "ingest")
    spec = everything.one("CronJob", "ingest")["spec"]["jobTemplate"]["spec"]
    assert command(spec) == [
        "propensity", "ingest", "/data/clicks/", "--allow-unchanged",
        "--map", "event_time=ts,event_type=what,user_id=visitor",
        "--types", "basket=cart", "--time-unit", "ms", "--source", "shop",
    ]  # fmt: skip


def test_a_log_in_a_claim_is_mounted_for_reading(render: Render) -> None:
    rendered = render(
        "training.data.kind=pvc", "training.data.claim=logs", "training.data.path=shop/events.csv.gz",
        "training.data.format=rees46",
    )  # fmt: skip
    spec = first_job(rendered)["spec"]
    assert command(spec)[2:] == ["--data-path", "/data/shop/events.csv.gz", "--format", "rees46"]
    volumes = {volume["name"]: volume for volume in spec["template"]["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"] == {"claimName": "logs", "readOnly": True}


def test_a_log_at_an_address_is_named_to_the_first_training(everything: Rendered) -> None:
    assert command(first_job(everything)["spec"])[2:] == [
        "--data-path", "https://logs.example.com/2026.parquet", "--format", "propensity",
    ]  # fmt: skip


def test_without_data_nothing_is_trained_at_install(render: Render) -> None:
    rendered = render("training.data.kind=none")
    assert not rendered.of("Job")
    assert rendered.has("CronJob", "training")


def test_scores_are_written_on_a_schedule_that_can_be_turned_off(render: Render, default: Rendered) -> None:
    spec = default.one("CronJob", "score")["spec"]["jobTemplate"]["spec"]
    assert command(spec) == ["propensity", "score"]
    assert not render("score.schedule=").has("CronJob", "score")


def test_workers_follow_the_cpu_limit_and_not_the_node(default: Rendered) -> None:
    for spec in job_specs(default).values():
        entries = spec["template"]["spec"]["containers"][0]["env"]
        (workers,) = [entry for entry in entries if entry["name"] == "PROPENSITY_WORKERS"]
        assert workers["valueFrom"]["resourceFieldRef"]["resource"] == "limits.cpu"


def test_every_command_and_option_is_one_the_command_line_has(
    everything: Rendered, default: Rendered
) -> None:
    for spec in [*job_specs(everything).values(), *job_specs(default).values()]:
        pod = spec["template"]["spec"]
        for words in [*(one["command"] for one in pod["initContainers"]), command(spec)]:
            known = {name for parameter in program.commands[words[1]].params for name in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= known, words
