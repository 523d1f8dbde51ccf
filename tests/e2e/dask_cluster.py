"""A Dask cluster beside a release: a scheduler and workers of our own training image, as plain Deployments."""

from typing import Any

from tests.e2e.cluster import until
from tests.e2e.release import Release, condition
from tests.e2e.standin import pod

ADDRESS = "tcp://dask-scheduler:8786"
PORT = 8786


def start_dask(release: Release, *, workers: int) -> None:
    """Start a scheduler and workers with the labels of Dask's own chart, and wait until they are ready."""
    uri = {"secretKeyRef": {"name": f"{release.full}-mongodb", "key": "uri"}}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "dask-scheduler"},
        "spec": {"selector": _labels("scheduler"), "ports": [{"port": PORT}]},
    }
    scheduler = ["dask", "scheduler", "--port", str(PORT), "--no-dashboard"]
    worker = ["dask", "worker", ADDRESS, "--nthreads", "1", "--memory-limit", "0", "--no-dashboard"]
    store = {"name": "PROPENSITY_STORE_URI", "valueFrom": uri}
    release.cluster.apply(service)
    release.cluster.apply(_deployment(release, "scheduler", command=scheduler, replicas=1))
    release.cluster.apply(_deployment(release, "worker", command=worker, replicas=workers, env=[store]))
    until(lambda: _ready(release) == workers + 1, seconds=120, what="Dask's scheduler and workers")


def stop_dask(release: Release) -> None:
    """Take it away again."""
    for kind in ("deployment", "service"):
        release.cluster.kubectl("delete", kind, "--selector", "app=dask", "--wait=false")
    release.cluster.kubectl("delete", "service", "dask-scheduler", "--ignore-not-found")


def _ready(release: Release) -> int:
    pods = release.cluster.get("pods", "--selector", "app=dask")
    return sum(condition(one, "Ready") for one in pods)


def _labels(component: str) -> dict[str, str]:
    return {"app": "dask", "component": component}


def _deployment(release: Release, component: str, *, replicas: int, **container: Any) -> dict[str, Any]:
    described = {
        "name": component,
        "image": f"propensity/training:{release.tag}",
        "workingDir": "/tmp",  # noqa: S108 - where workers put what they spill; the rest is read-only
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}},
        **container,
    }
    if component == "scheduler":
        described["readinessProbe"] = {"tcpSocket": {"port": PORT}, "periodSeconds": 2}
    spec = pod("", labels={}, containers=[described])["spec"]
    spec |= {"restartPolicy": "Always", "volumes": [{"name": "tmp", "emptyDir": {}}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"dask-{component}", "labels": _labels(component)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": _labels(component)},
            "template": {"metadata": {"labels": _labels(component)}, "spec": spec},
        },
    }
