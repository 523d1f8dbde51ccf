"""The release on Kubernetes: makes training Jobs, names the model the pods serve. The one module that knows the API.

Objects stay the plain documents that the API server sends, so that a Job is its CronJob's template to the last field:
an admission policy refuses any other. "It is there already" and "it is gone" are answers here, not errors.
"""

import json
import ssl
from collections.abc import Sequence
from typing import Any, Final

from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import OpenApiException
from urllib3.exceptions import HTTPError

from propensity.errors import ClusterUnavailable, SettingsError
from propensity.settings import Settings

Document = dict[str, Any]

MODEL_ANNOTATION: Final = "propensity.dev/model"
TRAINING_ANNOTATION: Final = "propensity.dev/training"
TIMEOUT_SECONDS: Final = 10.0
"""For one call: the operator looks again soon, and a CronJob's run has its own deadline."""
_MERGE: Final = "application/merge-patch+json"
_ENDED: Final = {"Complete", "Failed"}


class ClusterPlatform:
    """lifecycle.platform.Platform on the objects of one release; raises ClusterUnavailable only."""

    def __init__(self, client: ApiClient, *, namespace: str, release: str) -> None:
        """Take a connected client, and whose objects these are."""
        self._client = client
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._template = f"/apis/batch/v1/namespaces/{namespace}/cronjobs/{release}-training"
        self._deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/{release}-scorer"
        self._release = release

    def start_training(self, number: int, _triggers: Sequence[object]) -> str:
        """Make the Job of a training's number and return its name; where it is there already, that is well."""
        name = self._job_name(number)
        job = training_job(self._get(self._template), name=name, number=number)
        status, said = self._call("POST", self._jobs, body=job)
        if status not in {200, 201, 202, 409}:
            raise _refused(f"to make the Job {name}", status, said)
        return name

    def training_is_gone(self, number: int) -> bool:
        """Whether the Job of a number has ended or is there no more."""
        name = self._job_name(number)
        status, job = self._call("GET", f"{self._jobs}/{name}")
        if status not in {200, 404}:
            raise _refused(f"to read the Job {name}", status, job)
        return status == 404 or has_ended(job)

    def annotated(self) -> str:
        """Return the reference that the pods were told to serve; empty where they were told none."""
        template = self._get(self._deployment)["spec"]["template"]
        return str(template.get("metadata", {}).get("annotations", {}).get(MODEL_ANNOTATION, ""))

    def annotate(self, reference: str) -> None:
        """Tell the pods which model to serve; Kubernetes replaces them one by one where that is news."""
        annotations = {MODEL_ANNOTATION: reference}
        patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
        status, said = self._call("PATCH", self._deployment, body=patch, content_type=_MERGE)
        if status != 200:
            raise _refused("to name the model of the Deployment", status, said)

    def is_ready(self) -> bool:
        """Whether every pod is one of the newest description, and ready."""
        return is_rolled_out(self._get(self._deployment))

    def _job_name(self, number: int) -> str:
        return f"{self._release}-training-{number}"

    def _get(self, path: str) -> Document:
        status, found = self._call("GET", path)
        if status != 200:
            raise _refused(f"to read {path.rpartition('/')[2]}", status, found)
        return found

    def _call(
        self, method: str, path: str, *, body: Document | None = None, content_type: str = "application/json"
    ) -> tuple[int, Document]:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = f"{self._client.configuration.host}{path}"
        try:
            answer = self._client.call_api(method, url, headers, body, _request_timeout=TIMEOUT_SECONDS)
            said = json.loads(answer.read())  # type: ignore[no-untyped-call]
        except (OpenApiException, HTTPError, OSError, ValueError) as error:
            raise ClusterUnavailable(
                f"The Kubernetes API did not answer ({getattr(error, 'reason', error)}). Check that it is up; it is tried again."
            ) from error
        return answer.status, said


def open_cluster(settings: Settings) -> ClusterPlatform:
    """Connect with the pod's ServiceAccount token, or from outside with the kubeconfig that was named."""
    if not (settings.release and settings.namespace):
        raise SettingsError(
            "PROPENSITY_RELEASE and PROPENSITY_NAMESPACE are not set. Set both to where the chart is installed."
        )
    configuration = Configuration(retries=1)
    try:
        if settings.kubeconfig:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                settings.kubeconfig, client_configuration=configuration, persist_config=False
            )
        else:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        raise ClusterUnavailable(
            f"There is no way to the Kubernetes API ({error}). Run inside a pod with a ServiceAccount token."
        ) from error
    return ClusterPlatform(connected(configuration), namespace=settings.namespace, release=settings.release)


def connected(configuration: Configuration) -> ApiClient:
    """Return a client that verifies chain and host as Kubernetes' own does.

    Python 3.13 also refuses an authority without the extensions of RFC 5280, which those of many clusters lack.
    """
    client = ApiClient(configuration)
    if configuration.verify_ssl and configuration.ssl_ca_cert:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = context
    return client


def training_job(cronjob: Document, *, name: str, number: int) -> Document:
    """Return the Job of a training's number: the CronJob's template, its number as an annotation of the pod."""
    template = cronjob["spec"]["jobTemplate"]
    pod = template["spec"]["template"]
    annotations = {**pod.get("metadata", {}).get("annotations", {}), TRAINING_ANNOTATION: str(number)}
    metadata = {**pod.get("metadata", {}), "annotations": annotations}
    owner = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "name": cronjob["metadata"]["name"],
        "uid": cronjob["metadata"]["uid"],
        "controller": True,  # as kubectl does: the CronJob then also keeps its history short
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": template.get("metadata", {}).get("labels", {}),
            "annotations": {TRAINING_ANNOTATION: str(number)},
            "ownerReferences": [owner],
        },
        "spec": {**template["spec"], "template": {**pod, "metadata": metadata}},
    }


def has_ended(job: Document) -> bool:
    """Whether a Job is complete or has failed for good."""
    conditions = job.get("status", {}).get("conditions") or []
    return any(one["type"] in _ENDED and one["status"] == "True" for one in conditions)


def is_rolled_out(deployment: Document) -> bool:
    """Whether a Deployment's pods are all of its newest description and ready, as `kubectl rollout status` sees it."""
    status = deployment.get("status", {})
    wanted = deployment["spec"].get("replicas", 1)
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    counts = [
        status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    ]
    return seen and counts == [wanted] * 4


def _refused(what: str, status: int, said: Document) -> ClusterUnavailable:
    return ClusterUnavailable(
        f"The Kubernetes API refused {what} ({status}: {said.get('message', '')}). "
        "Check the release and the rights of this ServiceAccount."
    )
