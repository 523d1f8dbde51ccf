"""Training and scoring find Dask where its address is given, through the walls and nowhere else."""

from collections.abc import Callable

import pytest

from tests.chart.rendering import Manifest, Refused, Rendered, containers, environment

Render = Callable[..., Rendered]
ADDRESS = "dask.address=tcp://dask-scheduler:8786"
SCHEDULER = {"podSelector": {"matchLabels": {"app": "dask", "component": "scheduler"}}}
WORKERS = {"podSelector": {"matchLabels": {"app": "dask", "component": "worker"}}}


def peers(rendered: Rendered, component: str, direction: str, side: str) -> list[Manifest]:
    """Everybody whom a component's policy names on one side."""
    rules = rendered.one("NetworkPolicy", component)["spec"][direction]
    return [peer for rule in rules for peer in rule[side]]


def told(rendered: Rendered) -> dict[str, set[object]]:
    """The address that each component's containers are given."""
    found: dict[str, set[object]] = {}
    for name, template in rendered.pods().items():
        for container in containers(template):
            if "PROPENSITY_DASK_ADDRESS" in environment(container):
                found.setdefault(name, set()).add(environment(container)["PROPENSITY_DASK_ADDRESS"])
    return found


def test_training_and_score_are_told_the_address_and_nobody_else_is(
    render: Render, default: Rendered
) -> None:
    given = told(render(ADDRESS))
    assert len(given) == 3, "the training CronJob, the first training and the score CronJob"
    assert all("training" in name or "score" in name for name in given)
    assert all(addresses == {"tcp://dask-scheduler:8786"} for addresses in given.values())
    assert all(addresses == {""} for addresses in told(default).values())


@pytest.mark.parametrize("component", ["training", "score"])
def test_who_uses_dask_is_let_out_to_its_scheduler_alone(
    render: Render, default: Rendered, component: str
) -> None:
    rendered = render(ADDRESS)
    (rule,) = [
        rule for rule in rendered.one("NetworkPolicy", component)["spec"]["egress"] if SCHEDULER in rule["to"]
    ]
    assert rule == {"to": [SCHEDULER], "ports": [{"port": 8786}]}
    assert WORKERS not in peers(rendered, component, "egress", "to")
    assert SCHEDULER not in peers(default, component, "egress", "to")


def test_its_workers_are_let_in_to_the_store_and_to_nothing_else(render: Render, default: Rendered) -> None:
    rendered = render(ADDRESS)
    assert WORKERS in peers(rendered, "mongodb", "ingress", "from")
    assert WORKERS not in peers(rendered, "mlflow", "ingress", "from")
    assert WORKERS not in peers(default, "mongodb", "ingress", "from")


def test_a_dask_elsewhere_is_opened_by_value(render: Render) -> None:
    where = "networkPolicy.dask.scheduler[0].ipBlock.cidr=192.0.2.7/32"
    rendered = render(ADDRESS, where, "networkPolicy.dask.ports[0]=18786")
    assert {"to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}], "ports": [{"port": 18786}]} in rendered.one(
        "NetworkPolicy", "training"
    )["spec"]["egress"]


def test_no_peer_is_no_opening_and_not_one_to_everybody(render: Render) -> None:
    rendered = render(ADDRESS, json=('networkPolicy.dask={"scheduler": [], "workers": [], "ports": [8786]}',))
    assert all(rule["to"] for rule in rendered.one("NetworkPolicy", "training")["spec"]["egress"])
    assert all(rule["from"] for rule in rendered.one("NetworkPolicy", "mongodb")["spec"]["ingress"])


def test_an_address_that_is_none_is_refused(render: Render) -> None:
    for wrong in ("dask-scheduler:8786", "tcp://user:secret@dask:8786", "http://dask:8786"):
        with pytest.raises(Refused, match=r"dask.address|pattern"):
            render(f"dask.address={wrong}")
