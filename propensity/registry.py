"""The model registry: the one module that knows MLflow.

A training becomes one run with everything about it and one version of the registered model `propensity`. The alias
`production` is the champion, `challenger` the newest trained version, `previous` the champion before. The registry is
the truth about versions; serving does not need it, because promotion copies the bundle into the store.
"""

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import mlflow
import mlflow.sklearn
from mlflow import MlflowClient, environment_variables
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models.model import ModelInfo
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from propensity.bundle import Bundle
from propensity.errors import BrokenBundle, NoChampion, RegistryUnavailable, VersionNotFound

MODEL_NAME: Final = "propensity"
EXPERIMENT: Final = "propensity"
PRODUCTION: Final = "production"
CHALLENGER: Final = "challenger"
PREVIOUS: Final = "previous"
REJECTED: Final = "rejected"
"""Tag of a version that was rolled back; it says why."""
BUNDLE_FOLDER: Final = "bundle"

TRUSTED_TYPES: Final = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.frozen._frozen.FrozenEstimator",
    "sklearn.tree._tree.Tree",
]
"""What skops may rebuild of our own pipelines; pinned here, never taken from an artefact."""

_UNKNOWN: Final = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"}
"""MLflow answers a missing alias with INVALID_PARAMETER_VALUE (FACTS: read in 3.17)."""
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


class Version(NamedTuple):
    """One version of the registered model."""

    number: str
    run_id: str
    digest: str
    """`sha256:…` of its bundle."""
    verdict: str
    """The gate's word, empty before it was asked."""
    created_at: int
    """Microseconds since the epoch."""
    tags: dict[str, str]

    @property
    def rejected(self) -> str:
        """Why it was rolled back; empty where it was not."""
        return self.tags.get(REJECTED, "")


class TrainingRecord(NamedTuple):
    """What a training hands to the registry."""

    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    bundle: Bundle
    pipeline: Any
    """The fitted scikit-learn estimator; logged in the skops format."""
    artifacts: Path
    """Folder whose content becomes the run's artefacts."""


class Registry:
    """MLflow behind a tracking URI; raises RegistryUnavailable, VersionNotFound and NoChampion only."""

    def __init__(self, tracking_uri: str, *, artifacts: Path, retries: int = 1, timeout: int = 10) -> None:
        """Connect lazily: `artifacts` is where an embedded registry (SQLite) keeps files, a server keeps its own.

        MLflow's own default is to retry for about four minutes, which a person or a pod should not wait for.
        """
        environment_variables.MLFLOW_HTTP_REQUEST_MAX_RETRIES.set(retries)
        environment_variables.MLFLOW_HTTP_REQUEST_TIMEOUT.set(timeout)
        environment_variables.MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)
        for noisy in ("mlflow", "alembic", "urllib3"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        self.tracking_uri = tracking_uri
        self._artifacts = artifacts
        self._embedded = not tracking_uri.startswith("http")
        if tracking_uri.startswith("sqlite:///"):
            _make_folder(Path(tracking_uri.removeprefix("sqlite:///")).parent)
        with self._translated():
            self._client = MlflowClient(tracking_uri=tracking_uri)

    @property
    def address(self) -> str:
        """The tracking URI without a password."""
        return _without_password(self.tracking_uri)

    def ping(self) -> None:
        """Raise RegistryUnavailable unless MLflow answers a read now."""
        with self._translated():
            self._client.search_registered_models(max_results=1)

    def record(self, training: TrainingRecord) -> Version:
        """Log a training as a run and register its version; the alias `challenger` goes to it."""
        with self._translated(), mlflow.start_run(run_id=self._new_run(training.tags)) as run:
            run_id: str = run.info.run_id
            self._client.log_dict(run_id, dict(training.parameters), "parameters.json")
            mlflow.log_params(dict(training.parameters))
            mlflow.log_metrics(dict(training.metrics))
            self._client.log_artifacts(run_id, str(training.artifacts))
            with tempfile.TemporaryDirectory() as folder:
                training.bundle.save(Path(folder))
                self._client.log_artifacts(run_id, folder, BUNDLE_FOLDER)
            model = mlflow.sklearn.log_model(
                training.pipeline,
                name="pipeline",
                serialization_format="skops",
                skops_trusted_types=TRUSTED_TYPES,
                pip_requirements=["scikit-learn", "skops"],
            )
            number = self._register(model, run_id, training)
        self.set_alias(CHALLENGER, number)
        return self.version(number)

    def version(self, number: str) -> Version:
        """Return one version; VersionNotFound where there is none."""
        missing = VersionNotFound(f"There is no version {number}. List them with `propensity models`.")
        if not _NUMBER.fullmatch(number):  # MLflow's answer to such a one depends on its database
            raise missing
        with self._translated(missing=missing):
            return _as_version(self._client.get_model_version(MODEL_NAME, number))

    def at(self, alias: str) -> Version | None:
        """Return the version an alias points to, or None."""
        missing = VersionNotFound(alias)
        try:
            with self._translated(missing=missing):
                return _as_version(self._client.get_model_version_by_alias(MODEL_NAME, alias))
        except VersionNotFound:
            return None

    def champion(self) -> Version:
        """Return the version in production; NoChampion where there is none."""
        champion = self.at(PRODUCTION)
        if champion is None:
            raise NoChampion("No model is in production. Train one with `propensity train`.")
        return champion

    def versions(self, limit: int) -> list[Version]:
        """Return the newest versions, newest first."""
        with self._translated():
            found = self._client.search_model_versions(
                f"name='{MODEL_NAME}'", max_results=limit, order_by=["version_number DESC"]
            )
            return [_as_version(one) for one in found]

    def rejected(self, digest: str) -> list[Version]:
        """Return the versions with this bundle that were rolled back, newest first."""
        with self._translated():
            found = self._client.search_model_versions(
                f"name='{MODEL_NAME}' and tag.digest='{digest}'", order_by=["version_number DESC"]
            )
        return [version for version in map(_as_version, found) if version.rejected]

    def metrics(self, version: Version) -> dict[str, float]:
        """Return the metrics of the run that made a version."""
        with self._translated():
            return dict(self._client.get_run(version.run_id).data.metrics)

    def bundle(self, version: Version) -> Bundle:
        """Fetch a version's bundle and check its digest; BrokenBundle where they differ."""
        lost = BrokenBundle(
            f"The registry has lost the bundle of version {version.number}. Train again, or restore its artefacts."
        )
        with self._translated(missing=lost), tempfile.TemporaryDirectory() as folder:
            path = self._client.download_artifacts(version.run_id, BUNDLE_FOLDER, folder)
            bundle = Bundle.load(Path(path))
        bundle.expect(version.digest)
        return bundle

    def artifact(self, version: Version, name: str) -> bytes | None:
        """Return a file that the training of a version logged, or None where there is none of that name."""
        missing = VersionNotFound(name)
        try:
            with self._translated(missing=missing), tempfile.TemporaryDirectory() as folder:
                return Path(self._client.download_artifacts(version.run_id, name, folder)).read_bytes()
        except VersionNotFound:
            return None

    def set_alias(self, alias: str, number: str) -> None:
        """Point an alias to a version."""
        with self._translated():
            self._client.set_registered_model_alias(MODEL_NAME, alias, number)

    def tag(self, number: str, tags: Mapping[str, str]) -> None:
        """Set tags on a version."""
        with self._translated():
            for key, value in tags.items():
                self._client.set_model_version_tag(MODEL_NAME, number, key, value)

    def _new_run(self, tags: Mapping[str, str]) -> str:
        _name_server(self.tracking_uri)
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        if experiment is None:
            location = (self._artifacts / EXPERIMENT).as_uri() if self._embedded else None
            experiment_id = self._client.create_experiment(EXPERIMENT, artifact_location=location)
        else:
            experiment_id = experiment.experiment_id
        run = self._client.create_run(experiment_id, tags=dict(tags))
        return str(run.info.run_id)

    def _register(self, model: ModelInfo, run_id: str, training: TrainingRecord) -> str:
        with contextlib.suppress(MlflowException):  # it is there already, or the next call says what is wrong
            self._client.create_registered_model(MODEL_NAME)
        tags = {**training.tags, "digest": training.bundle.digest}
        made = self._client.create_model_version(
            MODEL_NAME,
            source=model.model_uri,
            run_id=run_id,
            tags=tags,
            model_id=model.model_id,  # a server refuses the source without it; a local database does not ask
        )
        return str(made.version)

    @contextlib.contextmanager
    def _translated(self, missing: Exception | None = None) -> Iterator[None]:
        """Turn what MLflow raises into ours; `missing` is raised where the thing asked for does not exist."""
        try:
            yield
        except MlflowException as error:
            if missing is not None and error.error_code in _UNKNOWN:
                raise missing from error
            raise self._unavailable(error) from error
        except (RequestException, SQLAlchemyError, OSError) as error:
            if missing is not None and isinstance(error, FileNotFoundError):
                raise missing from error
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> RegistryUnavailable:
        if isinstance(error, RequestException) or "Max retries exceeded" in str(error):
            return RegistryUnavailable(
                f"MLflow at {self.address} does not answer. Check MLFLOW_TRACKING_URI and that the server is up."
            )
        first_line = _without_password(str(error).strip().partition("\n")[0])
        return RegistryUnavailable(
            f"MLflow at {self.address} did not do what was asked: {first_line[:300].rstrip('.')}. Look at its log."
        )


def _name_server(uri: str) -> None:
    """Tell MLflow's own calls where to write, and leave the environment as it was.

    MLflow writes the address into MLFLOW_TRACKING_URI for its children; settings that are read later would take it for
    what a person set.
    """
    name = environment_variables.MLFLOW_TRACKING_URI.name
    before = os.environ.get(name)
    mlflow.set_tracking_uri(uri)
    if before is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = before


def _without_password(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", uri)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RegistryUnavailable(
            f"The registry's folder {folder} can't be made ({error}). Set PROPENSITY_HOME."
        ) from error


def _as_version(found: ModelVersion) -> Version:
    tags = dict(found.tags)
    return Version(
        number=str(found.version),
        run_id=str(found.run_id),
        digest=tags.get("digest", ""),
        verdict=tags.get("verdict", ""),
        created_at=int(found.creation_timestamp) * 1000,
        tags=tags,
    )
