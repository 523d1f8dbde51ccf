"""Nobody reaches, or may do, what is not their business: shown by attempts on the installed release.

What each ServiceAccount may do, verb by verb, and each rule of the admission policies is tried in tests/chart, which
needs an API server but no pods.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from tests.e2e.jobs import job_like
from tests.e2e.release import Release
from tests.e2e.standin import pod, run, stand_in

TRY = """
import json, socket, sys, time
from concurrent.futures import ThreadPoolExecutor
targets, expected = json.loads(sys.argv[1] if len(sys.argv) > 1 else {arguments!r})
def reaches(name):
    host, port = targets[name]
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False
until = time.monotonic() + 30
right = 0
while right < 2 and time.monotonic() < until:  # rules reach a new pod's node a little after the pod
    with ThreadPoolExecutor(len(targets)) as pool:
        found = sorted(name for name, open_ in zip(targets, pool.map(reaches, targets)) if open_)
    right = right + 1 if found == expected else 0
    time.sleep(0.5)
print(json.dumps(found))
"""
REACHES: dict[str, set[str]] = {
    "scorer": {"mongodb"},
    "training": {"mongodb", "mlflow"},
    "ingest": {"mongodb", "mlflow"},
    "score": {"mongodb", "mlflow"},
    "monitor": {"mongodb", "mlflow", "api server"},
    "operator": {"mongodb", "mlflow", "api server"},
    "dashboard": {"mongodb", "mlflow"},
    "mlflow": set(),
    "mongodb": set(),
    "test": {"scorer"},
    "loadtests": {"scorer"},
    "another": set(),
}
"""Whom each component's pods may call; `another` is a pod of the release that no component's policy is for."""
OPEN_TO_ALL = (22, 443, 3000, 5000, 6443, 8080, 9100, 27017)
"""Ports of pods that let everybody in, as a stranger's SSH, web server, exporter, API server or database would."""
ANY_ADDRESS = {443, 6443}
"""Ports on which those that call the API server may call any address: a policy can't name it."""
LISTEN = """
import socket, threading
def serve(port):
    with socket.create_server(("0.0.0.0", port)) as server:
        while True:
            server.accept()[0].close()
for port in {ports}:
    threading.Thread(target=serve, args=(port,)).start()
"""
KUBELET_PORT = 10250


def address(release: Release, service: str, *where: str) -> tuple[str, int]:
    """Address and port of a Service: names would not do, since some components may not even ask for them."""
    found = json.loads(release.cluster.kubectl("get", "service", service, "--output=json", *where))["spec"]
    return found["clusterIP"], found["ports"][0]["port"]


@dataclass(frozen=True)
class Strangers:
    """Pods that let everybody in: one in a namespace of its own, one beside the release; and the node they run on."""

    neighbour: Release
    away: str
    beside: str
    node: str

    def targets(self, *, but: set[int]) -> dict[str, tuple[str, int]]:
        """Where to call them, by a name; without these ports."""
        pods = {"away": self.away, "beside": self.beside}
        found = {
            f"{name}:{port}": (ip, port)
            for name, ip in pods.items()
            for port in OPEN_TO_ALL
            if port not in but
        }
        return found | {"kubelet": (self.node, KUBELET_PORT)}


def listening(release: Release) -> tuple[str, str]:
    """Start a pod that listens on all those ports; return its address and its node's."""
    name = f"listener-{secrets.token_hex(2)}"
    container = {
        "name": "listener",
        "image": f"propensity/scorer:{release.tag}",
        "command": ["python", "-c", LISTEN.format(ports=OPEN_TO_ALL)],
        "readinessProbe": {"tcpSocket": {"port": OPEN_TO_ALL[-1]}, "periodSeconds": 1},
    }
    described = pod(name, labels={"role": "listener"}, containers=[container])
    low = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
    described["spec"]["securityContext"]["sysctls"] = [low]
    release.cluster.apply(described)
    release.cluster.kubectl("wait", f"pod/{name}", "--for=condition=Ready", "--timeout=60s")
    status = release.cluster.get("pod", name)["status"]
    return status["podIP"], status["hostIP"]


@pytest.fixture(scope="module")
def strangers(release: Release) -> Iterator[Strangers]:
    """Who lets everybody in, and whom nobody of the release has business with."""
    own = replace(release.cluster, namespace=f"{release.cluster.namespace}-{secrets.token_hex(2)}")
    own.kubectl("create", "namespace", own.namespace)
    neighbour = replace(release, cluster=own)
    (away, node), (beside, _) = listening(neighbour), listening(release)
    yield Strangers(neighbour, away, beside, node)
    own.kubectl("delete", "namespace", own.namespace, "--wait=false")
    release.cluster.kubectl("delete", "pods", "--selector=role=listener", "--wait=false")


def attempt(release: Release, others: dict[str, tuple[str, int]], expected: list[str]) -> str:
    """Code that tries to connect to everybody, and prints who answered."""
    targets = {
        **{
            name: address(release, f"{release.full}-{name}")
            for name in ("mongodb", "mlflow", "scorer", "dashboard")
        },
        "api server": address(release, "kubernetes", "--namespace=default"),
        **others,
    }
    return TRY.format(arguments=json.dumps([targets, expected]))


@pytest.mark.parametrize("component", REACHES)
def test_a_pod_reaches_what_it_needs_and_nothing_else(
    release: Release, strangers: Strangers, component: str
) -> None:
    expected = sorted(REACHES[component])
    others = strangers.targets(but=ANY_ADDRESS if "api server" in expected else set())
    phase, said = stand_in(release, component, attempt(release, others, expected))
    assert phase == "Succeeded", said
    assert json.loads(said) == expected


@pytest.mark.parametrize("where", ["the same namespace", "another namespace"])
def test_a_stranger_who_may_call_anybody_is_let_in_by_nobody_of_the_release(
    release: Release, strangers: Strangers, where: str
) -> None:
    caller = strangers.neighbour if where == "another namespace" else release
    others = strangers.targets(but=set())
    expected = sorted(["api server", *others])
    command = ["python", "-c", attempt(release, others, expected)]
    phase, said = run(caller, "scorer", labels={}, command=command)
    assert phase == "Succeeded", said
    assert json.loads(said) == expected


def test_a_way_out_to_other_namespaces_would_be_seen(release: Release, strangers: Strangers) -> None:
    ports = [{"port": port} for port in (22, 8080, 9100)]
    component = {"matchLabels": {"app.kubernetes.io/component": "another"}}
    spec = {
        "podSelector": component,
        "policyTypes": ["Egress"],
        "egress": [{"to": [{"namespaceSelector": {}}], "ports": ports}],
    }
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    release.cluster.apply({**kind, "metadata": {"name": "too-wide"}, "spec": spec})
    try:
        expected = sorted(f"{name}:{port['port']}" for name in ("away", "beside") for port in ports)
        code = attempt(release, strangers.targets(but=set()), expected)
        phase, said = stand_in(release, "another", code)
    finally:
        release.cluster.kubectl("delete", "networkpolicy", "too-wide")
    assert phase == "Succeeded", said
    assert json.loads(said) == expected


def as_component(release: Release, component: str) -> tuple[str, str]:
    return "--as", f"system:serviceaccount:{release.cluster.namespace}:{release.full}-{component}"


@pytest.mark.parametrize("maker", ["monitor", "operator"])
def test_a_training_job_of_another_image_is_refused(release: Release, maker: str) -> None:
    job = job_like(release, "training", name=f"{release.full}-training-99")
    job["spec"]["template"]["spec"]["containers"][0]["image"] = f"propensity/scorer:{release.tag}"
    why = release.cluster.refused(
        "create", "--filename", "-", *as_component(release, maker), given=json.dumps(job)
    )
    assert "another image" in why


def test_the_operator_may_not_change_the_scorers_image(release: Release) -> None:
    target = f"deployment/{release.full}-scorer"
    change = ("set", "image", target, f"scorer=propensity/training:{release.tag}")
    why = release.cluster.refused(*change, *as_component(release, "operator"))
    assert "nothing of the pods but the annotation" in why
