"""Which helm installs, and that each of them can: Helm 4 by server-side apply, Helm 3 by its own three-way merge."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.chart.rendering import find_helms
from tests.e2e.cluster import Cluster, until
from tests.e2e.release import CHART, Release

OPERATION = {"v3": "Update", "v4": "Apply"}
"""What the API server notes of each helm's way of writing; Apply is server-side apply."""
ALL_ELSEWHERE = (
    *(
        "mongodb.internal=false",
        "mongodb.existingSecret=store",
        "mlflow.internal=false",
        "mlflow.uri=http://mlflow",
    ),
    *("training.data.kind=none", "ingress.enabled=false"),
)
"""Nothing has to run for these objects to be there."""


def written_by(found: Any) -> set[str]:
    """How helm wrote an object, of those who did."""
    return {
        one["operation"] for one in found["metadata"]["managedFields"] if one["manager"].startswith("helm")
    }


def test_the_release_was_written_by_the_way_of_the_helm_that_installed_it(release: Release) -> None:
    major = release.cluster.helm("version", "--template={{.Version}}").split(".")[0]
    for component in ("scorer", "operator", "mlflow", "dashboard"):
        found = release.cluster.get("deployment", f"{release.full}-{component}", "--show-managed-fields")
        assert written_by(found) == {OPERATION[major]}


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[Cluster]:
    """A namespace in which no pod starts."""
    own = replace(cluster, namespace=f"{cluster.namespace}-{secrets.token_hex(2)}")
    own.kubectl("create", "namespace", own.namespace)
    own.kubectl("create", "quota", "nothing", "--hard=pods=0")
    yield own
    own.kubectl("delete", "namespace", own.namespace, "--wait=false")


@pytest.mark.parametrize("major", OPERATION)
def test_each_helm_installs_upgrades_and_uninstalls(empty: Cluster, major: str) -> None:
    helms = find_helms()
    if major not in helms:
        pytest.skip(f"There is no Helm of {major}. Install it as helm{major[1:]}.")
    helm = helms[major]
    values = [part for one in ALL_ELSEWHERE for part in ("--set", one)]

    def kept() -> list[str]:
        kinds = "deployments,cronjobs,jobs,networkpolicies,roles,services,horizontalpodautoscalers,configmaps,serviceaccounts"
        names = empty.kubectl("get", kinds, "--output=name").split()
        return [name for name in names if "propensity" in name]

    empty.run(helm, "install", "shop", str(CHART), *values, "--dry-run=server")
    assert not kept()
    empty.run(helm, "install", "shop", str(CHART), *values)
    scorer = ("deployment", "shop-propensity-scorer", "--show-managed-fields")
    assert written_by(empty.get(*scorer)) == {OPERATION[major]}
    empty.run(helm, "upgrade", "shop", str(CHART), *values, "--set", "scorer.podAnnotations.note=next")
    annotations = empty.get(*scorer)["spec"]["template"]["metadata"]["annotations"]
    assert annotations["note"] == "next"
    status = json.loads(empty.run(helm, "status", "shop", "--output=json").stdout)
    assert (status["info"]["status"], status["version"]) == ("deployed", 2)
    empty.run(helm, "uninstall", "shop")
    until(lambda: not kept(), seconds=60, what="the end of all that helm made")
