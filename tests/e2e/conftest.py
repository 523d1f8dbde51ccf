"""A cluster, a fresh namespace in it, and a release of the chart there: what `make e2e` holds to the chart's promises.

The cluster is whatever kubectl and helm of the environment reach. Nothing runs unless PROPENSITY_E2E is set, because a
kubeconfig may lie about that is for something else.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from loadtests.bench.elsewhere import INSTALL, leave
from tests.e2e.cluster import Cluster
from tests.e2e.load import LOCUST, Load, load_on
from tests.e2e.release import ROOT, Release

HERE = Path(__file__).parent
REPORT = ROOT / "build" / "e2e"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests the time a cluster needs."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A namespace of its own, gone afterwards unless PROPENSITY_E2E_KEEP is set."""
    if not os.environ.get("PROPENSITY_E2E"):
        pytest.skip("No cluster was named for these tests. Run `make e2e`.")
    for program in ("kubectl", "helm"):
        if not shutil.which(program):
            pytest.skip(f"There is no {program} on the PATH. Install it, or set CLUSTER_KIT.")
    own = Cluster(environment=dict(os.environ), namespace=f"propensity-e2e-{secrets.token_hex(3)}")
    own.kubectl("create", "namespace", own.namespace)
    own.kubectl("label", "namespace", own.namespace, "pod-security.kubernetes.io/enforce=restricted")
    yield own
    write_report(own)
    if not os.environ.get("PROPENSITY_E2E_KEEP"):
        own.run("helm", "uninstall", "shop", check=False)
        own.kubectl("delete", "namespace", own.namespace, "--wait=false")


def write_report(cluster: Cluster) -> None:
    """Keep what the cluster says of the namespace: a failed run is read in build/e2e."""
    REPORT.mkdir(parents=True, exist_ok=True)
    for name, arguments in {
        "objects": ("get", "all,ingress,pvc,secret", "--output", "wide"),
        "events": ("get", "events", "--sort-by", ".lastTimestamp"),
        "pods": ("describe", "pods"),
        "logs": (
            "logs",
            "--selector",
            "app.kubernetes.io/part-of!=x",
            "--all-containers",
            "--tail",
            "200",
            "--prefix",
        ),
    }.items():
        done = cluster.run("kubectl", *arguments, check=False)
        (REPORT / f"{name}.txt").write_text(done.stdout + done.stderr)


@pytest.fixture(scope="session")
def installing(cluster: Cluster) -> Release:
    """The chart as it was just installed: nothing is waited for."""
    release = Release(
        cluster=cluster,
        url=os.environ.get("PROPENSITY_E2E_URL", "http://127.0.0.1:8080"),
        tag=os.environ.get("PROPENSITY_IMAGE_TAG", "dev"),
    )
    release.install()
    return release


@pytest.fixture(scope="session")
def release(installing: Release) -> Release:
    """The chart installed, a first model trained, and rolled out by the operator; how long it took is left for the page."""
    first = installing.until_answering()
    installing.until_trained()
    installing.until_serving()
    leave(INSTALL, first_prediction_seconds=first, pod_seconds=installing.seconds_to_ready())
    return installing


@pytest.fixture(scope="session")
def key(release: Release) -> str:
    """The API key that the chart made: it may do everything."""
    return release.first_key()


@pytest.fixture
def load(release: Release, key: str, tmp_path: Path) -> Callable[..., AbstractContextManager[Load]]:
    """`with load(users=8) as run:` keeps asking while the block runs; `run.failures` can be read after it."""
    if not LOCUST.exists():
        pytest.skip(
            "There is no locust here. Run `make e2e`, which installs it into an environment of its own."
        )

    def start(*, users: int = 8, behaviours: tuple[str, ...] = ()) -> AbstractContextManager[Load]:
        return load_on(release, key, tmp_path, users=users, behaviours=behaviours)

    return start
