"""Who reaches whom: nothing goes in or out of a pod that is not named."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.chart.rendering import Manifest, Rendered

Render = Callable[..., Rendered]


def component_of(selector: Manifest) -> str:
    return str(selector["podSelector"]["matchLabels"].get("app.kubernetes.io/component", ""))


def inside(rules: list[Manifest], direction: str) -> set[str]:
    """The components that a policy's rules name."""
    peers = [peer for rule in rules for peer in rule[direction]]
    return {component_of(peer) for peer in peers if set(peer) == {"podSelector"}}


def addresses(policy: Manifest) -> set[tuple[str, int]]:
    """The addresses and ports outside that a policy lets its pods call."""
    return {
        (peer["ipBlock"]["cidr"], port["port"])
        for rule in policy["spec"].get("egress", [])
        for peer in rule["to"]
        if "ipBlock" in peer
        for port in rule["ports"]
    }


EGRESS = {
    "dashboard": {"dns", "mongodb:27017", "mlflow:5000"},
    "mlflow": {"dns"},
    "mongodb": set(),
    "monitor": {"dns", "mongodb:27017", "mlflow:5000", "0.0.0.0/0:443,6443"},
    "operator": {"dns", "mongodb:27017", "mlflow:5000", "0.0.0.0/0:443,6443"},
    "release": set(),
    "score": {"dns", "mongodb:27017", "mlflow:5000"},
    "scorer": {"dns", "mongodb:27017"},
    "test": {"dns", "scorer:3000"},
    "training": {"dns", "mongodb:27017", "mlflow:5000"},
}
"""Every way out of every component, of an install without any value; `release` is the wall around all of them."""
MORE_EGRESS = {
    "ingest": {"dns", "mongodb:27017", "mlflow:5000"},
    "loadtests": {"dns", "scorer:3000"},
    "mlflow": {"dns", "0.0.0.0/0:5432,3306", "0.0.0.0/0:443"},
    "score": EGRESS["score"] | {"app=dask,component=scheduler:8786"},
    "training": EGRESS["training"] | {"app=dask,component=scheduler:8786", "0.0.0.0/0:443"},
}
"""What every switch on adds to that: a log at an address, a database server and an object store for MLflow, Dask."""
DNS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
OURS = {"app.kubernetes.io/name": "propensity", "app.kubernetes.io/instance": "shop"}


def peer_of(peer: Manifest) -> str:
    """A peer in a word; what is none of the few forms that the chart knows is written out, and in no table."""
    match peer:
        case {"ipBlock": {"cidr": cidr, **rest}, **more} if not rest and not more:
            return str(cidr)
        case {"podSelector": {"matchLabels": labels, **rest}, **more} if not rest and not more:
            component = labels.get("app.kubernetes.io/component")
            if labels == OURS | {"app.kubernetes.io/component": component}:
                return str(component)
            return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))
    return str(peer)


def ways_out(policy: Manifest) -> set[str]:
    """Each rule of a policy's egress as `peer:ports`; no peer or no port is everybody, or all of them."""
    found = set()
    for rule in policy["spec"].get("egress", []):
        ports = rule.get("ports", [])
        if rule.get("to") == [DNS] and ports == [{"port": 53, "protocol": name} for name in ("UDP", "TCP")]:
            found.add("dns")
            continue
        numbers = ",".join(str(port["port"]) if set(port) == {"port"} else str(port) for port in ports)
        found |= {f"{peer_of(peer)}:{numbers}" for peer in rule.get("to") or [{}]}
    return found


def all_ways_out(rendered: Rendered) -> dict[str, set[str]]:
    """The ways out of every component that has a policy."""
    return {
        policy["metadata"]["name"].rsplit("-", 1)[1]: ways_out(policy)
        for policy in rendered.of("NetworkPolicy")
    }


def test_every_way_out_of_every_component_is_in_the_table(default: Rendered, everything: Rendered) -> None:
    assert all_ways_out(default) == EGRESS
    assert all_ways_out(everything) == EGRESS | MORE_EGRESS


@pytest.mark.parametrize(
    "rule",
    [
        {"to": [{"namespaceSelector": {}}], "ports": [{"port": port} for port in (22, 8080, 9100)]},
        {"to": [{"podSelector": {}}], "ports": [{"port": 8080}]},
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
        {"ports": [{"port": 27017}]},
        {},
    ],
    ids=str,
)
def test_another_way_out_would_be_seen(default: Rendered, rule: Manifest) -> None:
    policy = default.one("NetworkPolicy", "scorer")
    opened = {**policy, "spec": {**policy["spec"], "egress": [*policy["spec"]["egress"], rule]}}
    assert ways_out(opened) != EGRESS["scorer"]


def test_nothing_goes_in_or_out_unless_named(default: Rendered) -> None:
    wall = default.one("NetworkPolicy", "release")["spec"]
    assert wall["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & wall.keys()
    for template in default.pods().values():
        assert wall["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


CALLERS = {
    "mongodb": {"scorer", "training", "ingest", "score", "monitor", "operator", "dashboard"},
    "mlflow": {"training", "ingest", "score", "monitor", "operator", "dashboard"},
    "scorer": {"test"},
}


@pytest.mark.parametrize("callee", CALLERS)
def test_each_part_is_called_by_those_that_need_it(default: Rendered, callee: str) -> None:
    rules = default.one("NetworkPolicy", callee)["spec"]["ingress"]
    assert inside(rules, "from") == CALLERS[callee]


def test_whoever_is_let_in_is_also_let_out(everything: Rendered, default: Rendered) -> None:
    for rendered, callees in ((default, CALLERS), (everything, CALLERS)):
        for callee in callees:
            for caller in CALLERS[callee]:
                if rendered.has("NetworkPolicy", caller):
                    out = rendered.one("NetworkPolicy", caller)["spec"]["egress"]
                    assert callee in inside(out, "to"), f"{caller} -> {callee}"


def test_mongodb_and_jobs_are_closed_where_nobody_calls(default: Rendered) -> None:
    assert "egress" not in default.one("NetworkPolicy", "mongodb")["spec"]
    for job in ("training", "score"):
        assert "ingress" not in default.one("NetworkPolicy", job)["spec"]


def test_only_those_that_call_the_api_server_reach_an_address_outside(default: Rendered) -> None:
    reaching = {
        policy["metadata"]["name"].rsplit("-", 1)[1]
        for policy in default.of("NetworkPolicy")
        if addresses(policy)
    }
    assert reaching == {"monitor", "operator"}
    assert addresses(default.one("NetworkPolicy", "operator")) == {("0.0.0.0/0", 443), ("0.0.0.0/0", 6443)}


STORE_OUTSIDE = ("mongodb.internal=false", "mongodb.existingSecret=mine", "training.data.kind=none")
OPENINGS = {
    "an external MongoDB": (
        "scorer",
        [*STORE_OUTSIDE],
        "networkPolicy.mongodb",
    ),
    "an external MLflow": (
        "training",
        ["mlflow.internal=false", "mlflow.uri=http://m:5000"],
        "networkPolicy.mlflow",
    ),
    "an object store": ("mlflow", ["mlflow.artifactsDestination=s3://models"], "networkPolicy.objectStore"),
    "a database server": ("mlflow", ["mlflow.existingSecret=mine"], "networkPolicy.database"),
    "a log at an address": (
        "training",
        ["training.data.kind=url", "training.data.url=s3://l/f"],
        "networkPolicy.data",
    ),
}


@pytest.mark.parametrize(("component", "needed", "value"), OPENINGS.values(), ids=OPENINGS)
def test_each_opening_to_the_outside_is_a_value(
    render: Render, component: str, needed: list[str], value: str
) -> None:
    own = [f"{value}[0].cidrs[0]=192.0.2.0/24", f"{value}[0].ports[0]=4711"]
    assert addresses(render(*needed).one("NetworkPolicy", component))
    assert addresses(render(*needed, *own).one("NetworkPolicy", component)) == {("192.0.2.0/24", 4711)}
    assert ("192.0.2.0/24", 4711) not in addresses(render(*own).one("NetworkPolicy", component))


EMPTY = {
    "monitor": "networkPolicy.apiServerCidrs=[]",
    "operator": "networkPolicy.apiServerCidrs=[]",
    "scorer": 'networkPolicy.mongodb=[{"cidrs": [], "ports": [27017]}]',
}


@pytest.mark.parametrize("component", EMPTY)
def test_no_address_is_no_opening_and_not_one_to_everybody(render: Render, component: str) -> None:
    rendered = render(*STORE_OUTSIDE, json=(EMPTY[component],))
    rules = rendered.one("NetworkPolicy", component)["spec"]["egress"]
    assert all(rule["to"] for rule in rules)
    opened = render(*STORE_OUTSIDE).one("NetworkPolicy", component)["spec"]["egress"]
    assert len(rules) == len(opened) - 1


def test_the_ingress_controllers_namespace_is_a_value(everything: Rendered, default: Rendered) -> None:
    def edges(rendered: Rendered) -> list[Any]:
        rules = rendered.one("NetworkPolicy", "scorer")["spec"]["ingress"]
        return [
            peer["namespaceSelector"]
            for rule in rules
            for peer in rule["from"]
            if "namespaceSelector" in peer
        ]

    assert {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}} in edges(everything)
    (usual,) = edges(default)
    assert "traefik" in usual["matchExpressions"][0]["values"]


def test_the_edge_is_closed_where_nothing_is_published(render: Render) -> None:
    inner = render("ingress.enabled=false").one("NetworkPolicy", "scorer")["spec"]["ingress"]
    assert [set(peer) for rule in inner for peer in rule["from"]] == [{"podSelector"}]
    own = "networkPolicy.ingressController.namespaceSelector.matchLabels.edge=mine"
    (edge, _) = render("ingress.enabled=false", own).one("NetworkPolicy", "scorer")["spec"]["ingress"]
    assert edge["from"] == [{"namespaceSelector": {"matchLabels": {"edge": "mine"}}}]


def test_dns_on_the_node_is_let_out_by_its_address(render: Render) -> None:
    rendered = render("networkPolicy.dns.cidrs[0]=169.254.20.10/32")
    for policy in rendered.of("NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            if rule["ports"][0]["port"] == 53:
                assert [set(peer) for peer in rule["to"]] == [
                    {"namespaceSelector", "podSelector"},
                    {"ipBlock"},
                ]
    assert ("169.254.20.10/32", 53) in addresses(rendered.one("NetworkPolicy", "scorer"))


def test_dns_is_let_out_by_its_pods_label(default: Rendered) -> None:
    first = default.one("NetworkPolicy", "scorer")["spec"]["egress"][0]
    assert first["to"][0]["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
    assert {(port["port"], port["protocol"]) for port in first["ports"]} == {(53, "UDP"), (53, "TCP")}


def test_policies_can_be_left_to_somebody_else(render: Render) -> None:
    assert not render("networkPolicy.enabled=false").of("NetworkPolicy")
