"""What helm prints after an install: where to ask, what to type next, and what is wrong."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tests.chart.installing import Installed, empty_place
from tests.chart.rendering import CHART, Refused, kit_environment

Notes = Callable[..., str]
DISABLED = ("mongodb.internal=false", "mlflow.internal=false", "training.enabled=false", "score.schedule=")
ROUTE = (
    "httpRoute.enabled=true",
    "httpRoute.parentRefs[0].name=edge",
    "httpRoute.hostnames={a.example,b.example}",
)


@pytest.fixture(scope="module")
def notes(helms: dict[str, str]) -> Notes:
    """A function of value assignments and values files that gives what an install would print, without a cluster."""

    def function(*assignments: str, file: str = "values.yaml") -> str:
        given = [word for one in assignments for word in ("--set", one)]
        command = [
            helms[max(helms)],
            "install",
            "shop",
            str(CHART),
            "--namespace",
            "market",
            "--dry-run=client",
        ]
        environment = {**os.environ, **kit_environment()}
        done = subprocess.run(
            [*command, "--values", str(CHART / file), *given], capture_output=True, text=True, check=False, env=environment
        )  # fmt: skip
        if "Kubernetes cluster unreachable" in done.stderr:
            pytest.skip("This Helm asks a cluster also for a dry run. Install Helm 4, or set KUBECONFIG.")
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout.partition("NOTES:\n")[2]

    return function


def addresses(said: str) -> list[str]:
    return re.findall(r"(https?://\S+)/predict$", said, flags=re.MULTILINE)


WAYS_IN = {
    "no host": ((), ["http://ADDRESS-OF-YOUR-INGRESS"]),
    "a host": (("ingress.host=shop.example",), ["http://shop.example"]),
    "a certificate": (("ingress.host=shop.example", "ingress.tls.secretName=cert"), ["https://shop.example"]),
    "a load balancer's certificate": (
        ("ingress.host=shop.example", "ingress.scheme=https"), ["https://shop.example"],
    ),
    "a route alone": (("ingress.enabled=false", *ROUTE), ["https://a.example", "https://b.example"]),
    "a route without a certificate": (
        ("ingress.enabled=false", "httpRoute.scheme=http", *ROUTE), ["http://a.example", "http://b.example"],
    ),
    "both": (("ingress.host=a.example", "ingress.scheme=https", *ROUTE), ["https://a.example", "https://b.example"]),
    "neither": (("ingress.enabled=false",), ["http://127.0.0.1:3000"]),
}  # fmt: skip


@pytest.mark.parametrize(("values", "wanted"), WAYS_IN.values(), ids=WAYS_IN)
def test_clients_are_told_where_to_ask(notes: Notes, values: tuple[str, ...], wanted: list[str]) -> None:
    said = notes(*values)
    assert [one for one in addresses(said) if "127.0.0.1" not in one or wanted == [one]] == wanted
    for address in wanted:
        assert ("127.0.0.1" in address) or f"{address}/dashboard" in said
    assert "port-forward service/shop-propensity-scorer 3000:80" in said


@pytest.mark.parametrize("cloud", ["eks", "gke", "aks"])
def test_clouds_are_asked_by_https(notes: Notes, cloud: str) -> None:
    said = notes(file=f"values-{cloud}.yaml")
    assert addresses(said)[0] == "https://HOST.EXAMPLE.COM"
    assert "http://HOST" not in said
    assert "nothing was trained" in said


def test_an_ingress_for_every_host_says_so(notes: Notes) -> None:
    assert "claims its paths for EVERY host" in notes()
    for values in (("ingress.host=shop.example",), ("ingress.enabled=false",)):
        assert "EVERY host" not in notes(*values)


def test_a_simulated_shop_is_called_one(notes: Notes) -> None:
    assert "SIMULATED shop; no real person" in notes()
    own = notes("training.data.kind=url", "training.data.url=https://logs.example.com/l.csv")
    assert "simulated" not in own.lower()
    assert "A Job trains it now" in own
    assert "create job --from=cronjob/shop-propensity-training" in notes("training.data.kind=none")
    assert "first model" not in notes("scorer.model.source=image", *DISABLED)


def test_what_is_not_there_is_not_spoken_of(notes: Notes) -> None:
    said = notes("scorer.model.source=image", *DISABLED)
    assert "MLflow" not in said
    assert "dashboard" not in said
    assert "shop-propensity-api-key" not in notes("scorer.apiKeys.existingSecret=mine")
    assert "log in by OIDC, as the Secret login says" in notes("dashboard.oidc.existingSecret=login")
    assert "get secret mine" in notes("dashboard.existingSecret=mine")


def test_without_a_cluster_nothing_is_said_to_be_wrong(notes: Notes) -> None:
    end = notes("mongodb.existingSecret=mine", "ingress.tls.secretName=cert", "ingress.host=a.example")
    assert end.rstrip().endswith("get pods --selector app.kubernetes.io/instance=shop")


@pytest.fixture
def shop(helms: dict[str, str]) -> Iterator[Installed]:
    """An empty namespace."""
    with empty_place(helms[max(helms)]) as made:
        yield made


WRONG = (
    "mlflow.storage.className=no-such-class", "ingress.className=no-such-class",
    "ingress.host=shop.example", "ingress.tls.secretName=no-such-secret",
)  # fmt: skip


def test_an_upgrade_says_what_the_last_one_waits_for(shop: Installed) -> None:
    first = shop.put("install", *WRONG)
    assert "The Secret no-such-secret (ingress.tls.secretName) is not in this namespace" in first
    (job,) = json.loads(shop.place.kubectl("get", "jobs", "--output=json").stdout)["items"]
    name = job["metadata"]["name"]
    fail(shop, name)
    said = shop.put("upgrade", *WRONG)
    assert f"Job {name} FAILED" in said
    assert f"delete job {name}" in said
    assert "Claim shop-propensity-mlflow has no volume yet (class no-such-class)" in said
    assert "The Ingress (class no-such-class) has no address" in said
    assert ("install metrics-server" in said) == ("metrics.k8s.io/v1beta1" not in served(shop))


def test_a_training_whose_claim_was_mended_is_tried_again_by_taking_its_job_away(shop: Installed) -> None:
    shop.put("install")
    (name,) = shop.place.kubectl("get", "jobs", "--output=name").stdout.split()
    fail(shop, name.partition("/")[2])
    assert shop.place.kubectl("delete", name).returncode == 0
    shop.put("upgrade")
    assert shop.place.kubectl("get", "jobs", "--output=name").stdout.split() == [name]


def served(shop: Installed) -> list[str]:
    return shop.place.kubectl("api-versions").stdout.split()


def fail(shop: Installed, job: str) -> None:
    """Let a Job have failed."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # an old one is cleared away at once
    about = {"status": "True", "reason": "PodFailurePolicy", "lastTransitionTime": now}
    conditions = [{"type": kind, **about} for kind in ("FailureTarget", "Failed")]
    patch = json.dumps({"status": {"conditions": conditions}})
    done = shop.place.kubectl("patch", "job", job, "--subresource=status", "--type=merge", "--patch", patch)
    assert done.returncode == 0, done.stderr
