"""Nobody reaches, or may do, what is not their business: shown by attempts on the installed release.

What each ServiceAccount may do, verb by verb, and each rule of the admission policies is tried in tests/chart, which
needs an API server but no pods.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.e2e.jobs import job_like
from tests.e2e.release import Release
from tests.e2e.standin import run, stand_in

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
    "score": {"mongodb", "mlflow"},
    "monitor": {"mongodb", "mlflow", "api server"},
    "operator": {"mongodb", "mlflow", "api server"},
    "dashboard": {"mongodb", "mlflow"},
    "mlflow": set(),
    "mongodb": set(),
    "test": {"scorer"},
    "another": set(),
}
"""Whom each component's pods may call; `another` is a pod of the release that no component's policy is for."""


def address(release: Release, service: str, *where: str) -> tuple[str, int]:
    """Address and port of a Service: names would not do, since some components may not even ask for them."""
    found = json.loads(release.cluster.kubectl("get", "service", service, "--output=json", *where))["spec"]
    return found["clusterIP"], found["ports"][0]["port"]


def attempt(release: Release, expected: list[str]) -> str:
    """Code that tries to connect to everybody, and prints who answered."""
    targets = {
        **{
            name: address(release, f"{release.full}-{name}")
            for name in ("mongodb", "mlflow", "scorer", "dashboard")
        },
        "api server": address(release, "kubernetes", "--namespace=default"),
    }
    return TRY.format(arguments=json.dumps([targets, expected]))


@pytest.fixture
def neighbour(release: Release) -> Iterator[Release]:
    """A namespace beside the release's, where nothing is installed and no policy holds."""
    own = replace(release.cluster, namespace=f"{release.cluster.namespace}-{secrets.token_hex(2)}")
    own.kubectl("create", "namespace", own.namespace)
    yield replace(release, cluster=own)
    own.kubectl("delete", "namespace", own.namespace, "--wait=false")


@pytest.mark.parametrize("component", REACHES)
def test_a_pod_reaches_what_it_needs_and_nothing_else(release: Release, component: str) -> None:
    expected = sorted(REACHES[component])
    phase, said = stand_in(release, component, attempt(release, expected))
    assert phase == "Succeeded", said
    assert json.loads(said) == expected


@pytest.mark.parametrize("where", ["the same namespace", "another namespace"])
def test_a_stranger_who_may_call_anybody_is_let_in_by_nobody(
    release: Release, neighbour: Release, where: str
) -> None:
    caller = neighbour if where == "another namespace" else release
    command = ["python", "-c", attempt(release, ["api server"])]
    phase, said = run(caller, "scorer", labels={}, command=command)
    assert phase == "Succeeded", said
    assert json.loads(said) == ["api server"]


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
