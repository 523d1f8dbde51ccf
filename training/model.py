"""A training set becomes a model: searched, calibrated, exported, thresholded, and measured on later days.

Everything that is chosen or measured after the export is chosen and measured on the answers of ONNX Runtime, because
those are served: a threshold taken from scikit-learn's doubles could lose a buyer to float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from propensity.bundle import Bundle, ModelDocument, Recorded
from propensity.engine import HERE, Engine
from propensity.model import Model
from propensity.settings import Settings
from training import artifacts, calibration, document, evaluation, export, importances, search, threshold
from training.artifacts import REFERENCE_PERIODS
from training.calibration import Calibrated
from training.dataset import TrainingSet
from training.evaluation import Evaluation, Probabilities
from training.periods import TEST, VALIDATE
from training.search import Found


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model with everything the registry, the gate and a person want to know about it."""

    bundle: Bundle
    document: ModelDocument
    pipeline: Any
    """The fitted, calibrated scikit-learn estimator, to be kept as skops."""
    parameters: dict[str, str | int | float | bool | None]
    metrics: dict[str, float]
    """Flat; each metric with `_low` and `_high`, and the baselines' as `baseline_<name>_<metric>`."""
    grid_table: pd.DataFrame
    importances: pd.DataFrame
    evaluation: Evaluation
    warnings: tuple[str, ...]
    training_set: TrainingSet
    probabilities: dict[str, Probabilities]
    """The served answers on the validation and test days."""

    def write_artifacts(self, folder: Path) -> None:
        """Write everything the registry keeps beside the bundle; see `training.artifacts`."""
        artifacts.write(self, folder)


def fit(
    training_set: TrainingSet,
    settings: Settings,
    *,
    now: int,
    git_commit: str,
    progress: Callable[[str], None],
    engine: Engine = HERE,
) -> Trained:
    """Train on a training set; `now` is written down as the time of training.

    Raises UnusableTrainingData where models can't be compared, BrokenBundle where the export does not answer as the
    model it was made from.
    """
    progress(f"Searching the {settings.search} grid on {len(training_set.fit):,} rows.")
    found = search.find(training_set.fit, settings, engine=engine)
    progress(f"Best is {found.name}; calibrating and exporting it.")
    calibrated = calibration.calibrate(
        found.pipeline, calibrate=training_set.calibrate, validate=training_set.validate
    )
    draft = document.draft(training_set, found, calibrated, settings=settings, now=now, git_commit=git_commit)
    model = _serve(export.to_onnx(calibrated.estimator), draft, settings=settings)
    parity = export.require_parity(model, calibrated.estimator, training_set.test)
    progress("Choosing the threshold on the validation days, measuring on the test days.")
    return _measured(
        model, training_set, found=found, calibrated=calibrated, parity=parity, settings=settings
    )


def _measured(
    model: Model,
    training_set: TrainingSet,
    *,
    found: Found,
    calibrated: Calibrated,
    parity: float,
    settings: Settings,
) -> Trained:
    """Choose the threshold, measure, and put the bundle together, all from the served answers."""
    answers = {name: model.probabilities(training_set.rows[name].features) for name in REFERENCE_PERIODS}
    labels = training_set.validate.labels
    choice = threshold.choose(labels, answers[VALIDATE], recall_target=settings.recall_target)
    curve = threshold.operating_curve(labels, answers[VALIDATE], chosen=choice.threshold)
    measured = evaluation.evaluate(
        training_set.test, answers[TEST], threshold=choice.threshold, settings=settings
    )
    written = document.complete(
        model.document, choice=choice, measured=measured, curve=curve, settings=settings
    )
    recorded = export.record(model, training_set.test)
    bundle = Bundle.make(onnx=model.bundle.onnx, document=written, recorded=recorded)
    Model(bundle).verify()
    return Trained(
        bundle=bundle,
        document=written,
        pipeline=calibrated.estimator,
        parameters=document.parameters(written, settings=settings),
        metrics=document.flat_metrics(written, measured, calibrated=calibrated, parity=parity),
        grid_table=found.table,
        importances=importances.importances(model, training_set.validate, seed=settings.seed),
        evaluation=measured,
        warnings=tuple(written.warnings),
        training_set=training_set,
        probabilities=answers,
    )


def _serve(onnx: bytes, draft: ModelDocument, *, settings: Settings) -> Model:
    nothing = Recorded(inputs=[], probabilities=[])
    return Model(Bundle.make(onnx=onnx, document=draft, recorded=nothing), threads=settings.workers)
