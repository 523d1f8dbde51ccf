"""The service on the cluster: scaled by the autoscaler, rolled without a gap, asked through a narrow door."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

from bentos.scorer.keys import read_keys
from tests.chart.rendering import CHART, Manifest, Rendered, environment

Render = Callable[..., Rendered]


def scorer(rendered: Rendered) -> Manifest:
    container: Manifest = rendered.one("Deployment", "scorer")["spec"]["template"]["spec"]["containers"][0]
    return container


def text(secret: Manifest, key: str) -> str:
    return base64.b64decode(secret["data"][key]).decode()


def test_the_autoscaler_owns_the_replicas(default: Rendered) -> None:
    deployment = default.one("Deployment", "scorer")
    assert "replicas" not in deployment["spec"]
    target = default.one("HorizontalPodAutoscaler", "scorer")["spec"]["scaleTargetRef"]
    assert target["name"] == deployment["metadata"]["name"]
    assert default.one("HorizontalPodAutoscaler", "scorer")["spec"]["behavior"].keys() == {
        "scaleUp",
        "scaleDown",
    }


def test_the_chart_never_writes_the_model_annotation(default: Rendered, everything: Rendered) -> None:
    for rendered in (default, everything):
        for manifest in rendered:
            template = manifest.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations", {})
            assert "propensity.dev/model" not in manifest["metadata"].get("annotations", {}) | template


def test_the_model_comes_from_the_annotation_that_an_upgrade_keeps(default: Rendered) -> None:
    source = environment(scorer(default))["PROPENSITY_MODEL_REFERENCE"]
    assert source == {"fieldRef": {"fieldPath": "metadata.annotations['propensity.dev/model']"}}


def test_a_rollout_adds_before_it_takes_away(default: Rendered) -> None:
    spec = default.one("Deployment", "scorer")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    sleep = spec["template"]["spec"]["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["template"]["spec"]["terminationGracePeriodSeconds"] > sleep + 10


def test_a_pod_without_a_model_is_alive_but_not_ready(default: Rendered) -> None:
    container = scorer(default)
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["startupProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_a_node_can_be_drained_of_pods_that_are_not_ready(default: Rendered) -> None:
    budget = default.one("PodDisruptionBudget", "scorer")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_bentoml_lives_in_memory_and_the_spool_on_disk_of_bounded_size(default: Rendered) -> None:
    pod = default.one("Deployment", "scorer")["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in pod["containers"][0]["volumeMounts"]}
    told = environment(pod["containers"][0])
    assert mounts[told["BENTOML_HOME"]]["emptyDir"]["medium"] == "Memory"
    spool = mounts[told["PROPENSITY_SPOOL_PATH"]]["emptyDir"]
    assert "medium" not in spool
    assert int(spool["sizeLimit"].removesuffix("Mi")) > int(told["PROPENSITY_SPOOL_MAX_MB"])


def test_the_scorer_sees_digests_of_keys_and_never_a_key(default: Rendered) -> None:
    plain = text(default.one("Secret", "api-key"), "api-key")
    records = json.loads(text(default.one("Secret", "api-keys"), "keys.json"))
    assert plain.startswith("ppk_")
    assert len(plain) > 40
    assert records == [
        {
            "name": "first",
            "sha256": hashlib.sha256(plain.encode()).hexdigest(),
            "scopes": ["predict", "events", "read"],
        }
    ]
    mounted = str(default.one("Deployment", "scorer"))
    assert "shop-propensity-api-keys" in mounted
    assert "shop-propensity-api-key'" not in mounted


def test_the_scorer_accepts_the_keys_file_as_the_chart_writes_it(default: Rendered, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(text(default.one("Secret", "api-keys"), "keys.json"))
    assert [key.name for key in read_keys(file)] == ["first"]


def test_own_keys_take_the_place_of_generated_ones(render: Render) -> None:
    rendered = render("scorer.apiKeys.existingSecret=mine")
    assert not rendered.has("Secret", "api-key")
    assert not rendered.has("Secret", "api-keys")
    volumes = rendered.one("Deployment", "scorer")["spec"]["template"]["spec"]["volumes"]
    assert {"mine"} == {volume["secret"]["secretName"] for volume in volumes if "secret" in volume}


def test_secrets_outlive_the_release_and_are_no_part_of_it(default: Rendered) -> None:
    assert len(default.of("Secret")) == 4
    for secret in default.of("Secret"):
        told = secret["metadata"]["annotations"]
        assert told["helm.sh/resource-policy"] == "keep"
        assert told["helm.sh/hook"] == "pre-install,pre-upgrade"


def test_a_key_is_there_before_its_record(default: Rendered) -> None:
    """An install that ends between the two leaves a key whose record the next one can write, and never the reverse."""
    weight = {
        name: int(default.one("Secret", name)["metadata"]["annotations"]["helm.sh/hook-weight"])
        for name in ("api-key", "api-keys")
    }
    assert weight["api-key"] < weight["api-keys"]


def test_with_secrets_of_ones_own_none_is_made(render: Render) -> None:
    """GitOps renders without a cluster, where every Secret seems to be missing, and takes hooks for its own."""
    own = ("scorer.apiKeys.existingSecret=a", "mongodb.existingSecret=b", "dashboard.existingSecret=c")
    assert not render(*own).of("Secret")


ALLOWED = {"/predict", "/predict/batch", "/explain", "/events", "/forget", "/model", "/docs", "/docs.json"}


def test_the_ingress_opens_the_api_and_nothing_else_of_the_service(default: Rendered) -> None:
    (rule,) = default.one("Ingress", "scorer")["spec"]["rules"]
    paths = {
        path["path"]: path["pathType"]
        for path in rule["http"]["paths"]
        if path["backend"]["service"]["name"] == "shop-propensity-scorer"
    }
    assert paths.keys() == ALLOWED
    assert {path for path, kind in paths.items() if kind != "Exact"} == {"/docs"}


def test_the_http_route_opens_the_same_paths(everything: Rendered) -> None:
    (rule,) = everything.one("HTTPRoute", "scorer")["spec"]["rules"]
    assert {match["path"]["value"] for match in rule["matches"]} == ALLOWED
    assert rule["backendRefs"] == [{"name": "shop-propensity-scorer", "port": 80}]


def test_an_image_with_its_model_needs_nothing_else(render: Render) -> None:
    rendered = render(
        "scorer.model.source=image",
        "scorer.image.repository=shop/bento",
        "mongodb.internal=false",
        "mlflow.internal=false",
        "training.enabled=false",
        "score.schedule=",
    )
    assert [made["metadata"]["name"] for made in rendered.of("Deployment")] == ["shop-propensity-scorer"]
    assert not rendered.of("StatefulSet") + rendered.of("CronJob") + rendered.of("Job") + rendered.of("Role")
    told = environment(scorer(rendered))
    assert not {"PROPENSITY_STORE_URI", "PROPENSITY_MODEL_REFERENCE"} & told.keys()
    assert "command" not in scorer(rendered)


def test_a_digest_and_a_mirror_say_exactly_which_image(everything: Rendered, default: Rendered) -> None:
    assert scorer(everything)["image"].startswith("registry.example.com/mirror/propensity/scorer@sha256:")
    version = next(
        line for line in (CHART / "Chart.yaml").read_text().splitlines() if line.startswith("appVersion")
    )
    assert scorer(default)["image"] == f"propensity/scorer:{version.split()[1].strip(chr(34))}"


def test_a_slash_too_many_after_the_registry_does_no_harm(render: Render) -> None:
    rendered = render("image.registry=registry.example.com/mirror/")
    images = {one["image"] for pod in rendered.pods().values() for one in pod["spec"]["containers"]}
    assert all(re.match(r"registry\.example\.com/mirror/[a-z]", image) for image in images)


def test_pods_spread_over_nodes_and_zones(default: Rendered) -> None:
    constraints = default.one("Deployment", "scorer")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in constraints] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    assert all(one["whenUnsatisfiable"] == "ScheduleAnyway" for one in constraints)
