"""An install on an empty namespace ends in predictions, through the ingress, for those who hold a key."""

import http.client
import json
import secrets
from contextlib import closing
from hashlib import sha256

from tests.e2e.cluster import until
from tests.e2e.release import BRIEF, KEY_SECONDS, READY_SECONDS, Release, condition
from tests.e2e.standin import stand_in

ASK_MLFLOW = """
import json, urllib.request
base = "http://{full}-mlflow:5000/api/2.0/mlflow/"
with urllib.request.urlopen(base + "registered-models/alias?name=propensity&alias=production", timeout=20) as answer:
    print(json.dumps(json.load(answer)["model_version"]))
"""
PODS = {"scorer": 2, "mlflow": 1, "mongodb": 1, "operator": 1, "dashboard": 1}


SIDE_DOORS = (
    *("//metrics", "/metrics/", "/METRICS", "/%6detrics", "/predict/../metrics", "/docs/..%2fmetrics"),
    *(
        "/docs/%2e%2e/metrics",
        "/predict/..;/metrics",
        "/docs\\..\\metrics",
        "/docs?x=/../metrics",
        "/./metrics",
    ),
)


def as_it_stands(release: Release, path: str, *, key: str) -> bytes:
    """Ask for a path that no client library puts in order first; return status line and all."""
    host, _, port = release.url.removeprefix("http://").partition(":")
    with closing(http.client.HTTPConnection(host, int(port or 80), timeout=10)) as line:
        line.putrequest("GET", path, skip_host=True)
        line.putheader("Host", release.host)
        line.putheader("X-API-Key", key)
        line.endheaders()
        answer = line.getresponse()
        assert answer.status < 500, path
        return answer.read()


def test_the_training_job_succeeds_at_its_first_try(release: Release) -> None:
    (job,) = release.training_jobs()
    assert condition(job, "Complete")
    assert job["status"].get("failed", 0) == 0


def test_mlflow_asked_by_its_service_name_shows_the_version_in_production(release: Release, key: str) -> None:
    phase, said = stand_in(release, "training", ASK_MLFLOW.format(full=release.full))
    assert phase == "Succeeded", said
    version = json.loads(said)
    assert version["version"] == "1"
    assert {"production", "challenger"} <= set(version["aliases"])
    served = release.ask("GET", "/model", key=key).json()
    assert served["version"] == version["version"]
    assert served["digest"] == {tag["key"]: tag["value"] for tag in version["tags"]}["digest"]


def test_every_pod_is_ready(release: Release) -> None:
    until(
        lambda: {component: len(release.ready(component)) for component in PODS} == PODS,
        seconds=READY_SECONDS,
        what=f"ready pods: {PODS}",
    )


def test_the_doctor_in_the_operators_pod_finds_nothing_wrong(release: Release) -> None:
    doctor = ("exec", f"deployment/{release.full}-operator", "--", "propensity", "doctor")
    assert "Nothing is wrong." in release.cluster.kubectl(*doctor)


def test_helm_test_passes(release: Release) -> None:
    assert "Succeeded" in release.cluster.helm("test", release.name)


def test_the_briefs_request_answers_through_the_ingress(release: Release, key: str) -> None:
    answer = release.ask("POST", "/predict", key=key, body=BRIEF)
    assert answer.status_code == 200, answer.text
    assert answer.json()["user_id"] == "12345"
    assert answer.json()["model_version"] == "1"


def test_without_a_key_nothing_is_answered(release: Release) -> None:
    assert release.ask("POST", "/predict", body=BRIEF).status_code == 401
    assert release.ask("POST", "/predict", body=BRIEF, key="ppk_not-one-of-ours").status_code == 401


def test_a_key_added_to_the_secret_is_taken_up_and_can_do_no_more_than_its_scope(release: Release) -> None:
    reader = f"ppk_{secrets.token_urlsafe(32)}"
    record = {"name": "reader", "sha256": sha256(reader.encode()).hexdigest(), "scopes": ["read"]}
    keys = [*json.loads(release.secret(f"{release.full}-api-keys", "keys.json")), record]
    patch = {"stringData": {"keys.json": json.dumps(keys)}}
    release.cluster.kubectl("patch", "secret", f"{release.full}-api-keys", "--patch", json.dumps(patch))

    def answers() -> set[int]:
        return {release.ask("POST", "/predict", key=reader, body=BRIEF).status_code for _ in range(8)}

    until(lambda: 401 not in answers(), seconds=KEY_SECONDS, what="the new key in every pod")
    assert answers() == {403}
    assert release.ask("POST", "/predict", key=release.first_key(), body=BRIEF).status_code == 200


def test_a_bad_body_is_422_and_names_the_field(release: Release, key: str) -> None:
    answer = release.ask("POST", "/predict", key=key, body={**BRIEF, "cart_count": "3"})
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == "cart_count"


def test_metrics_and_probes_are_not_to_be_had_through_the_ingress(release: Release, key: str) -> None:
    for path in ("/metrics", "/livez", "/readyz"):
        assert release.ask("GET", path, key=key).status_code == 404, path
    for path in SIDE_DOORS:
        assert b"scorer_requests_total" not in as_it_stands(release, path, key=key), path
    assert release.ask("GET", "/docs.json", key=key).status_code == 200
