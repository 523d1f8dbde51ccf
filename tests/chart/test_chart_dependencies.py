"""MongoDB and MLflow, inside or outside, and what the three clouds set."""

import base64
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.chart.rendering import CHART, Manifest, Rendered, containers, environment

Render = Callable[..., Rendered]
CLOUDS = {
    "eks": ("eks.amazonaws.com/role-arn", "s3://", "gp3"),
    "gke": ("iam.gke.io/gcp-service-account", "gs://", "premium-rwo"),
    "aks": ("azure.workload.identity/client-id", "wasbs://", "managed-csi-premium"),
}


UPGRADE = CHART / "files" / "upgrade_database.py"
INGEST = (
    "ingest.schedule=@hourly",
    "ingest.data.kind=url",
    "ingest.data.url=https://logs.example.com/new.csv",
)
JOBS = ("training", "ingest")
LOGIN = {"MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"}


def mlflow(rendered: Rendered) -> Manifest:
    pod: Manifest = rendered.one("Deployment", "mlflow")["spec"]["template"]
    return pod


def store_secrets(rendered: Rendered) -> set[tuple[str, str]]:
    """Where each container that asks the store has its address from."""
    return {(source["secretKeyRef"]["name"], source["secretKeyRef"]["key"]) for source in stores(rendered)}


def stores(rendered: Rendered) -> list[Any]:
    """What each container that asks the store is told of its address: a text, or where that lies."""
    told = [environment(one) for template in rendered.pods().values() for one in containers(template)]
    return [one["PROPENSITY_STORE_URI"] for one in told if "PROPENSITY_STORE_URI" in one]


def test_mongodb_asks_for_a_password_that_only_its_secret_knows(default: Rendered) -> None:
    secret = default.one("Secret", "mongodb")["data"]
    password = base64.b64decode(secret["password"]).decode()
    uri = base64.b64decode(secret["uri"]).decode()
    assert len(password) >= 32
    assert uri == f"mongodb://propensity:{password}@shop-propensity-mongodb:27017/propensity?authSource=admin"
    told = environment(default.one("StatefulSet", "mongodb")["spec"]["template"]["spec"]["containers"][0])
    assert told["MONGO_INITDB_ROOT_PASSWORD"]["secretKeyRef"]["key"] == "password"
    assert store_secrets(default) == {("shop-propensity-mongodb", "uri")}


def test_mongodb_is_probed_by_tcp_and_keeps_its_data_on_a_claim(default: Rendered) -> None:
    spec = default.one("StatefulSet", "mongodb")["spec"]
    container = spec["template"]["spec"]["containers"][0]
    assert all(
        "tcpSocket" in container[probe] for probe in ("startupProbe", "readinessProbe", "livenessProbe")
    )
    assert spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] == "10Gi"
    assert default.one("Service", "mongodb-headless")["spec"]["clusterIP"] == "None"
    assert spec["serviceName"] == "shop-propensity-mongodb-headless"


def test_a_mongodb_outside_takes_the_place_of_the_one_inside(render: Render) -> None:
    outside = ("mongodb.internal=false", "training.data.kind=none")
    by_secret = render(*outside, "mongodb.existingSecret=mine")
    by_address = render(*outside, "mongodb.uri=mongodb://db.example.com/shop")
    assert store_secrets(by_secret) == {("mine", "uri")}
    assert set(stores(by_address)) == {"mongodb://db.example.com/shop"}
    assert len(stores(by_address)) == len(stores(by_secret))
    for rendered in (by_secret, by_address):
        assert not rendered.of("StatefulSet")
        assert not rendered.has("Service", "mongodb")
        assert not rendered.has("Secret", "mongodb")


def test_mlflow_upgrades_its_database_before_it_serves(default: Rendered) -> None:
    (upgrade,) = mlflow(default)["spec"]["initContainers"]
    (server,) = mlflow(default)["spec"]["containers"]
    assert upgrade["command"] == ["python", "-c", UPGRADE.read_text()]
    assert environment(upgrade) == environment(server)
    assert default.one("Deployment", "mlflow")["spec"]["strategy"] == {"type": "Recreate"}


def test_no_process_has_the_databases_password_among_its_arguments(
    everything: Rendered, tmp_path: Path
) -> None:
    for container in containers(mlflow(everything)):
        assert "$(" not in " ".join(container["command"])
    database = tmp_path / "mlflow.db"
    told = {**os.environ, "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{database}"}
    subprocess.run([sys.executable, "-c", UPGRADE.read_text()], check=True, env=told, capture_output=True)
    with closing(sqlite3.connect(database)) as made:
        assert made.execute("select count(*) from alembic_version").fetchone() == (1,)


def test_mlflow_answers_to_its_services_names_with_the_port(default: Rendered) -> None:
    hosts = environment(mlflow(default)["spec"]["containers"][0])["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    asked = default.pods()["CronJob/shop-propensity-training"]["spec"]["containers"][0]
    assert environment(asked)["MLFLOW_TRACKING_URI"].removeprefix("http://") in hosts
    assert "shop-propensity-mlflow.market.svc:5000" in hosts
    assert not [host for host in hosts if ":" not in host]


def test_mlflow_runs_no_jobs_of_its_own(default: Rendered) -> None:
    assert (
        environment(mlflow(default)["spec"]["containers"][0])["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    )


def test_mlflow_keeps_its_claim_when_the_release_goes(default: Rendered) -> None:
    claim = default.one("PersistentVolumeClaim", "mlflow")
    assert claim["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_mlflow_with_a_database_and_an_object_store_has_no_volume(everything: Rendered) -> None:
    assert not everything.of("PersistentVolumeClaim")
    told = environment(mlflow(everything)["spec"]["containers"][0])
    assert told["MLFLOW_BACKEND_STORE_URI"] == {
        "secretKeyRef": {"name": "mlflow-database", "key": "backend-store-uri"}
    }
    assert told["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://models/propensity"


def test_an_mlflow_outside_takes_the_place_of_the_one_inside(render: Render) -> None:
    rendered = render("mlflow.internal=false", "mlflow.uri=https://mlflow.example.com")
    assert not rendered.has("Deployment", "mlflow")
    asked = rendered.pods()["CronJob/shop-propensity-training"]["spec"]["containers"][0]
    assert environment(asked)["MLFLOW_TRACKING_URI"] == "https://mlflow.example.com"


def test_the_login_of_an_mlflow_outside_reaches_all_that_ask_it_and_nobody_else(render: Render) -> None:
    rendered = render(
        "mlflow.internal=false", "mlflow.uri=https://mlflow.example.com", "mlflow.credentialsSecret=login",
        "operator.enabled=true", "ingest.schedule=@hourly", "ingest.data.kind=url", "ingest.data.url=s3://l/f",
    )  # fmt: skip
    asking = 0
    for name, pod in rendered.pods().items():
        for told in map(environment, containers(pod)):
            logins = {one: told[one]["secretKeyRef"] for one in told.keys() & LOGIN}
            assert logins.keys() == (LOGIN if "MLFLOW_TRACKING_URI" in told else set()), name
            assert all(source["name"] == "login" and source["optional"] for source in logins.values())
            asking += bool(logins)
    assert asking >= 9


def test_a_secret_address_is_named_by_its_variable(render: Render) -> None:
    rendered = render(
        "training.data.kind=url", "training.data.url=$(LOG_URL)", "training.extraEnv[0].name=LOG_URL",
        "training.extraEnv[0].valueFrom.secretKeyRef.name=log", "training.extraEnv[0].valueFrom.secretKeyRef.key=url",
    )  # fmt: skip
    (job,) = rendered.of("Job")
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert "$(LOG_URL)" in container["command"], (
        "Kubernetes puts the value there when it starts the container."
    )
    assert environment(container)["LOG_URL"] == {"secretKeyRef": {"name": "log", "key": "url"}}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_cloud_is_used_by_identity_and_not_by_keys(render: Render, cloud: str) -> None:
    identity, store, _ = CLOUDS[cloud]
    rendered = render(*INGEST, files=(f"values-{cloud}.yaml",))
    assert environment(mlflow(rendered)["spec"]["containers"][0])["MLFLOW_ARTIFACTS_DESTINATION"].startswith(
        store
    )
    for component in ("mlflow", "training", "ingest"):
        assert rendered.one("ServiceAccount", component)["metadata"]["annotations"][identity]
    if cloud == "aks":
        for pod in (mlflow(rendered), *(rendered.pods()[f"CronJob/shop-propensity-{name}"] for name in JOBS)):
            assert pod["metadata"]["labels"]["azure.workload.identity/use"] == "true"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_cloud_has_its_own_database_and_way_in(render: Render, cloud: str) -> None:
    rendered = render(files=(f"values-{cloud}.yaml",))
    assert not rendered.of("StatefulSet")
    assert store_secrets(rendered) == {("propensity-mongodb-uri", "uri")}
    ingress = rendered.one("Ingress", "scorer")
    classes = {"eks": "alb", "gke": None, "aks": "webapprouting.kubernetes.azure.com"}
    assert ingress["spec"].get("ingressClassName") == classes[cloud]
    if cloud == "gke":
        assert ingress["metadata"]["annotations"]["kubernetes.io/ingress.class"] == "gce"
    (rule,) = ingress["spec"]["rules"]
    assert rule["host"] == "HOST.EXAMPLE.COM"


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_cloud_has_a_storage_class_for_what_stays_inside(render: Render, cloud: str) -> None:
    inside = ("mlflow.existingSecret=", "mongodb.internal=true", "mongodb.existingSecret=")
    rendered = render(*inside, files=(f"values-{cloud}.yaml",))
    (claim,) = rendered.of("PersistentVolumeClaim")
    assert claim["spec"]["storageClassName"] == CLOUDS[cloud][2]
    template = rendered.one("StatefulSet", "mongodb")["spec"]["volumeClaimTemplates"][0]
    assert template["spec"]["storageClassName"] == CLOUDS[cloud][2]
