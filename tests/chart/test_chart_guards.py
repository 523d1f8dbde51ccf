"""What can't work is refused while rendering, with a sentence that says what to change."""

from collections.abc import Callable

import pytest

from propensity.keeping import least_days
from propensity.settings import Settings
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
    "an address with a key in it": (
        ["training.data.kind=url", "training.data.url=https://logs.example.com/l?apikey=00"],
        "training.data.url is a signed address",
    ),
    "an address with a password in it": (
        ["training.data.kind=url", "training.data.url=https://logs.example.com/l?a=1&Password=00"],
        "training.data.url is a signed address",
    ),
    "a password among MongoDB's options": (
        ["mongodb.internal=false", "mongodb.uri=mongodb://db/shop?tlsCertificateKeyFilePassword=00"],
        "mongodb.uri holds a password",
    ),
    "a password among the options of MLflow's database": (
        ["mlflow.backendStoreUri=postgresql://db.example.com/mlflow?user=me&password=00"],
        "mlflow.backendStoreUri holds a password",
    ),
    "a log on a port that no wall opens": (
        ["training.data.kind=url", "training.data.url=https://logs.example.com:8443/l.csv"],
        "training.data.url is on port 8443, which networkPolicy.data does not open",
    ),
    "new events by http": (
        ["ingest.schedule=@hourly", "ingest.data.kind=url", "ingest.data.url=http://logs.example.com/l.csv"],
        "ingest.data.url is on port 80",
    ),
    "a simulated shop in one's own store": (
        ["mongodb.internal=false", "mongodb.existingSecret=mine"],
        "training.data.kind is simulator",
    ),
    "a share of nothing": (
        ["scorer.resources.requests.cpu=null"],
        "scorer.resources.requests.cpu is not set",
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
    "no room for a challenger": (
        ["scorer.resources.limits.memory=384Mi"],
        "scorer.resources.limits.memory (384Mi) is below 566 Mi",
    ),
    "no room for a larger challenger": (
        ["scorer.resources.limits.memory=1G", "settings.experimentMemoryMb=700"],
        "scorer.resources.limits.memory (1G) is below 1010 Mi",
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


TAKEN = {
    "a log by http where that is open": (
        "training.data.kind=url", "training.data.url=http://logs.example.com/l.csv",
        "networkPolicy.data[0].cidrs={0.0.0.0/0}", "networkPolicy.data[0].ports={80}",
    ),
    "another port without walls": (
        "training.data.kind=url", "training.data.url=http://logs.example.com:81/l", "networkPolicy.enabled=false",
    ),
    "another port that nobody calls": ("ingest.data.kind=url", "ingest.data.url=http://logs.example.com/l"),
    "an address that is a Secret's": ("training.data.kind=url", "training.data.url=$(LOG_URL)"),
    "a simulated shop that was asked for": (
        "mongodb.internal=false", "mongodb.existingSecret=mine", "training.data.simulateIntoOwnStore=true",
    ),
    "a log whose name only looks like a key": (
        "training.data.kind=url", "training.data.url=https://logs.example.com/l?keyspace=1&tokens=2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("assignments", TAKEN.values(), ids=TAKEN)
def test_what_can_work_is_not_refused(render: Render, assignments: tuple[str, ...]) -> None:
    assert render(*assignments).of("Deployment")


OF_DAYS = [
    (),
    ("settings.latenessHours=30", "settings.burnInDays=45", "settings.driftWindows=12", "settings.experimentMode=ab"),
    ("settings.maxCutoffs=7", "settings.cutoffStrideHours=25", "settings.monitorWindowHours=25"),
]  # fmt: skip


@pytest.mark.parametrize("given", OF_DAYS, ids=["default", "more", "odd"])
def test_records_are_kept_as_long_as_the_pods_insist_on(render: Render, given: tuple[str, ...]) -> None:
    told = render(*given).one("ConfigMap", "settings")["data"]
    settings = Settings.model_validate(
        {name.removeprefix("PROPENSITY_").lower(): text for name, text in told.items()}
    )
    for name, (least, why) in least_days(settings).items():
        words = name.split("_")
        value = f"settings.{words[0]}{''.join(word.title() for word in words[1:])}"
        kept = render(*given, f"{value}={least}").one("ConfigMap", "settings")["data"]
        assert kept[f"PROPENSITY_{name.upper()}"] == str(least)
        with pytest.raises(Refused) as refusal:
            render(*given, f"{value}={least - 1}")
        assert f"{value} is {least - 1}, but {why} needs {least} days." in str(refusal.value)


@pytest.mark.parametrize("version", ["1.29.9", "1.30.2-gke.1587003", "1.37.0"])
def test_a_kubernetes_that_lacks_what_the_chart_needs_is_refused(helms: dict[str, str], version: str) -> None:
    for program in helms.values():
        if version.startswith("1.29"):
            with pytest.raises(Refused, match=r"1\.30"):
                template(program, "--kube-version", version)
        else:
            assert template(program, "--kube-version", version).of("Deployment")


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
    "settings.seed=-1",
    "settings.seed=4294967296",
    "settings.driftFalseDiscovery=1",
    "ingress.scheme=ftp",
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
