"""What can't work is refused while rendering, with a sentence that says what to change."""

from collections.abc import Callable

import pytest

from tests.chart.rendering import Refused, Rendered, template

Render = Callable[..., Rendered]

REFUSED = {
    "a name no Service can have": (["fullnameOverride=Shop_X"], "No Service can be named Shop_X"),
    "a digit first": (["fullnameOverride=1shop"], "No Service can be named 1shop"),
    "two MongoDBs": (
        ["mongodb.uri=mongodb://db.example.com/shop"],
        "mongodb.internal and mongodb.uri are both set",
    ),
    "no MongoDB": (["mongodb.internal=false"], "There is no MongoDB"),
    "a password in MongoDB's address": (
        ["mongodb.internal=false", "mongodb.uri=mongodb://me:secret@db.example.com/shop"],
        "mongodb.uri holds a password",
    ),
    "two addresses of MongoDB": (
        ["mongodb.internal=false", "mongodb.uri=mongodb://db/shop", "mongodb.existingSecret=mine"],
        "mongodb.uri and mongodb.existingSecret are both set",
    ),
    "two MLflows": (["mlflow.uri=http://mlflow.example.com"], "mlflow.internal and mlflow.uri are both set"),
    "scores without a store": (
        ["mongodb.internal=false", "scorer.model.source=image", "training.enabled=false"],
        "score.schedule",
    ),
    "scores without a registry": (["mlflow.internal=false", "training.enabled=false"], "score.schedule"),
    "no MLflow": (["mlflow.internal=false"], "There is no MLflow"),
    "a password in MLflow's database address": (
        ["mlflow.backendStoreUri=postgresql://me:secret@db.example.com/mlflow"],
        "mlflow.backendStoreUri holds a password",
    ),
    "a password in MLflow's address": (
        ["mlflow.internal=false", "mlflow.uri=https://me:secret@mlflow.example.com"],
        "mlflow.uri holds a password",
    ),
    "a password in the log's address": (
        ["training.data.kind=url", "training.data.url=https://me:secret@example.com/log.csv"],
        "training.data.url holds a password",
    ),
    "a signed address of new events": (
        ["ingest.data.kind=url", "ingest.data.url=https://s3.example.com/l?X-Amz-Signature=00"],
        "ingest.data.url is a signed address",
    ),
    "a login for an MLflow without one": (["mlflow.credentialsSecret=mine"], "has no login"),
    "artefacts in a folder of the pod": (
        ["mlflow.existingSecret=mine", "mlflow.artifactsDestination=file:///mlflow/artifacts"],
        "mlflow.artifactsDestination is a folder of the pod",
    ),
    "a database file that is not kept": (
        ["mlflow.backendStoreUri=sqlite:////data/mlflow.db"],
        "mlflow.backendStoreUri is a file outside /mlflow",
    ),
    "a training that outlasts its slot": (
        ["training.activeDeadlineSeconds=10800"],
        "training.activeDeadlineSeconds (10800) is not below settings.trainingDeadlineHours (3)",
    ),
    "a drift that is never found": (["settings.driftPersistence=4"], "settings.driftPersistence is above"),
    "two databases of MLflow": (
        ["mlflow.backendStoreUri=postgresql://db.example.com/mlflow", "mlflow.existingSecret=mine"],
        "mlflow.backendStoreUri and mlflow.existingSecret are both set",
    ),
    "two servers on one SQLite file": (["mlflow.replicas=2"], "mlflow.replicas is above 1"),
    "two servers on one volume of artefacts": (
        ["mlflow.replicas=2", "mlflow.existingSecret=mine"],
        "mlflow.replicas is above 1",
    ),
    "fewer pods at most than at least": (
        ["scorer.autoscaling.minReplicas=7"],
        "scorer.autoscaling.minReplicas (7) is above maxReplicas (6)",
    ),
    "two ways to log in": (
        ["dashboard.existingSecret=mine", "dashboard.oidc.existingSecret=login"],
        "dashboard.existingSecret and dashboard.oidc.existingSecret are both set",
    ),
    "operators whom nobody recognizes": (
        ["dashboard.oidc.operators={ann@shop.example}"],
        "dashboard.oidc.operators is set, but nobody logs in by OIDC",
    ),
    "a dashboard in the way of the API": (["dashboard.path=/predict"], "which is the scorer's"),
    "a certificate for no host": (["ingress.tls.secretName=cert"], "ingress.host is not"),
    "a route of no Gateway": (["httpRoute.enabled=true"], "httpRoute.parentRefs"),
    "a route for every host": (
        ["httpRoute.enabled=true", "httpRoute.parentRefs[0].name=edge"],
        "httpRoute.hostnames",
    ),
    "a Prometheus that is not let in": (
        ["scorer.serviceMonitor.enabled=true"],
        "networkPolicy.prometheus.namespaceSelector",
    ),
    "a claim without a name": (["training.data.kind=pvc"], "training.data.claim"),
    "an address that is empty": (["training.data.kind=url"], "training.data.url"),
    "a schedule for nothing": (["ingest.schedule=@hourly"], "ingest.data.kind is none"),
    "a folder in no claim": (["ingest.data.kind=pvc"], "ingest.data.claim"),
    "a name that the chart sets": (
        ["training.extraEnv[0].name=MLFLOW_TRACKING_URI", "training.extraEnv[0].value=http://x"],
        "training.extraEnv sets MLFLOW_TRACKING_URI, which the chart sets already",
    ),
    "a setting by the back door": (
        ["training.extraEnv[0].name=PROPENSITY_SEED", "training.extraEnv[0].value=eight"],
        "training.extraEnv sets PROPENSITY_SEED, which the chart sets already",
    ),
}


@pytest.mark.parametrize(("assignments", "sentence"), REFUSED.values(), ids=REFUSED)
def test_impossible_combinations_are_refused_with_a_sentence(
    render: Render, assignments: list[str], sentence: str
) -> None:
    with pytest.raises(Refused) as refusal:
        render(*assignments)
    assert sentence in str(refusal.value)


UNKNOWN = [
    "surprise",
    "scorer.surprise",
    "mlflow.storage.surprise",
    "settings.surprise",
    "networkPolicy.surprise",
]


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_value_is_refused_by_its_name(helms: dict[str, str], name: str) -> None:
    for program in helms.values():
        with pytest.raises(Refused, match="surprise"):
            template(program, "--set", f"{name}=1")


WRONG = [
    "settings.recallTarget=1.5",
    "settings.search=slow",
    "scorer.image.digest=md5:1",
    "scorer.model.source=disk",
    "score.schedule=often",
    "mongodb.internal=maybe",
    "networkPolicy.apiServerCidrs[0]=10.0.0.1",
    r"scorer.podAnnotations.propensity\.dev/model=1@sha256:0",
    r"scorer.podAnnotations.propensity\.dev/settings-checksum=0",
    r"training.podLabels.app\.kubernetes\.io/component=scorer",
    r"mlflow.podLabels.app\.kubernetes\.io/instance=other",
    r"ingest.podLabels.app\.kubernetes\.io/name=other",
    r"scorer.serviceMonitor.labels.app\.kubernetes\.io/component=other",
]


@pytest.mark.parametrize("assignment", WRONG)
def test_a_value_of_the_wrong_kind_is_refused(render: Render, assignment: str) -> None:
    with pytest.raises(Refused, match=r"specification|schema"):
        render(assignment)
