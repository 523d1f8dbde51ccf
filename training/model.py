"""A training set becomes a model: searched, calibrated, exported, thresholded, and measured on later days.

Everything that is chosen or measured after the export is chosen and measured on the answers of ONNX Runtime, because
those are served: a threshold taken from scikit-learn's doubles could lose a buyer to float32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pandas as pd

from propensity.bundle import SCHEMA, Bundle, Estimate, ModelDocument, Period, Recorded
from propensity.features import definition
from propensity.model import Model
from propensity.settings import Settings
from training import artifacts, calibration, evaluation, export, importances, search, threshold
from training.calibration import Calibrated
from training.dataset import TrainingSet
from training.evaluation import Evaluation, Probabilities
from training.rows import Rows
from training.search import Found
from training.threshold import Choice
from training.verdict import text

_UNKNOWN: Final = Estimate(0.0, 0.0, 0.0)


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
) -> Trained:
    """Train on a training set; `now` is written down as the time of training.

    Raises UnusableTrainingData where models can't be compared, BrokenBundle where the export does not answer as the
    model it was made from.
    """
    progress(f"Searching the {settings.search} grid on {len(training_set.fit):,} rows.")
    found = search.find(training_set.fit, settings)
    progress(f"Best is {found.name}; calibrating and exporting it.")
    calibrated = calibration.calibrate(
        found.pipeline, calibrate=training_set.calibrate, validate=training_set.validate
    )
    draft = _draft(training_set, found, calibrated, settings=settings, now=now, git_commit=git_commit)
    onnx = export.to_onnx(calibrated.estimator)
    model = _serve(onnx, draft, settings=settings)
    parity = export.require_parity(model, calibrated.estimator, training_set.test)
    probabilities = {
        name: model.probabilities(training_set.rows[name].features) for name in artifacts.REFERENCE_PERIODS
    }
    progress("Choosing the threshold on the validation days, measuring on the test days.")
    labels = training_set.validate.labels
    choice = threshold.choose(labels, probabilities["validate"], recall_target=settings.recall_target)
    measured = evaluation.evaluate(
        training_set.test, probabilities["test"], threshold=choice.threshold, settings=settings
    )
    curve = threshold.operating_curve(labels, probabilities["validate"], chosen=choice.threshold)
    document = msgspec.structs.replace(
        draft,
        threshold=choice.threshold,
        expected_recall=choice.expected_recall,
        contact_share=measured.contact_share,
        metrics=measured.metrics,
        baselines=measured.baselines,
        operating_curve=curve,
        warnings=[*draft.warnings, *_warnings(measured, choice, settings=settings)],
    )
    bundle = Bundle.make(onnx=onnx, document=document, recorded=export.record(model, training_set.test))
    Model(bundle).verify()
    return Trained(
        bundle=bundle,
        document=document,
        pipeline=calibrated.estimator,
        parameters=_parameters(document, settings=settings),
        metrics=_flat(document, measured, calibrated=calibrated, parity=parity),
        grid_table=found.table,
        importances=importances.importances(model, training_set.validate, seed=settings.seed),
        evaluation=measured,
        warnings=tuple(document.warnings),
        training_set=training_set,
        probabilities=probabilities,
    )


def _draft(
    training_set: TrainingSet,
    found: Found,
    calibrated: Calibrated,
    *,
    settings: Settings,
    now: int,
    git_commit: str,
) -> ModelDocument:
    """Return what is known of the model before its first answer."""
    return ModelDocument(
        schema=SCHEMA,
        estimator=found.name,
        parameters=found.parameters,
        calibration=calibrated.method,
        feature_version=definition.VERSION,
        features=list(definition.NAMES),
        threshold=1.0,
        recall_target=settings.recall_target,
        expected_recall=0.0,
        contact_share=_UNKNOWN,
        metrics={},
        baselines={},
        operating_curve=[],
        periods={name: _period(rows) for name, rows in training_set.rows.items()},
        lag=training_set.lag,
        burn_in=training_set.plan.burn_in,
        warnings=list(training_set.warnings),
        trained_at=now,
        git_commit=git_commit,
        data_digest=training_set.digest,
        events=training_set.window.events,
    )


def _serve(onnx: bytes, draft: ModelDocument, *, settings: Settings) -> Model:
    nothing = Recorded(inputs=[], probabilities=[])
    return Model(Bundle.make(onnx=onnx, document=draft, recorded=nothing), threads=settings.workers)


def _period(rows: Rows) -> Period:
    cutoffs = np.unique(rows.cutoffs)
    return Period(
        first_cutoff=int(cutoffs[0]),
        last_cutoff=int(cutoffs[-1]),
        cutoffs=len(cutoffs),
        rows=len(rows),
        users=rows.users,
        positives=rows.positives,
    )


def _warnings(measured: Evaluation, choice: Choice, *, settings: Settings) -> list[str]:
    found = []
    if measured.contact_share.value > settings.max_contact_share:
        found.append(
            f"{measured.contact_share.value:.0%} of users lie above the threshold: the price of a recall target of "
            f"{settings.recall_target:g} is to contact nearly everybody. The operating curve shows other points."
        )
    if measured.metrics["recall"].high < choice.expected_recall:
        found.append(f"Recall did not hold on the test days: {text(measured.metrics['recall'])}.")
    if measured.lead.low <= 0:
        found.append(
            f"The model does not beat the best baseline, {measured.best_baseline}, beyond noise: lead "
            f"{text(measured.lead)} in average precision."
        )
    return found


def _parameters(document: ModelDocument, *, settings: Settings) -> dict[str, str | int | float | bool | None]:
    return {
        "estimator": document.estimator,
        **document.parameters,
        "calibration": document.calibration,
        "recall_target": document.recall_target,
        "threshold": document.threshold,
        "search": settings.search,
        "seed": settings.seed,
        "feature_version": document.feature_version,
        "cutoff_stride_hours": settings.cutoff_stride_hours,
        "burn_in_days": round(document.burn_in / (24 * 3_600_000_000), 2),
    }


def _flat(
    document: ModelDocument, measured: Evaluation, *, calibrated: Calibrated, parity: float
) -> dict[str, float]:
    estimates = {**document.metrics, "lead_over_best_baseline": measured.lead}
    for baseline, numbers in document.baselines.items():
        estimates |= {f"baseline_{baseline}_{name}": estimate for name, estimate in numbers.items()}
    flat = {
        "threshold": document.threshold,
        "expected_recall": document.expected_recall,
        "onnx_parity": parity,
        "events": float(document.events),
    }
    flat |= {f"validate_brier_{method}": value for method, value in calibrated.brier.items()}
    flat |= {f"{name}_rows": float(period.rows) for name, period in document.periods.items()}
    flat |= {f"{name}_positives": float(period.positives) for name, period in document.periods.items()}
    for name, estimate in estimates.items():
        flat |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return flat
