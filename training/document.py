"""The model's document: written in two steps, before its first answer and after its measurement.

Serving, the dashboard and the gate read it; nothing of the training has to be there for that.
"""

from typing import Final

import msgspec
import numpy as np

from propensity.bundle import SCHEMA, Estimate, ModelDocument, OperatingPoint, Period
from propensity.events.event import DAY
from propensity.features import definition
from propensity.settings import Settings
from training.calibration import Calibrated
from training.dataset import TrainingSet
from training.evaluation import Evaluation
from training.rows import Rows
from training.search import Found
from training.threshold import Choice
from training.verdict import text

_UNKNOWN: Final = Estimate(0.0, 0.0, 0.0)


def draft(
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


def complete(
    draft: ModelDocument,
    *,
    choice: Choice,
    measured: Evaluation,
    curve: list[OperatingPoint],
    settings: Settings,
) -> ModelDocument:
    """Return the document with threshold, metrics and what a person should be warned of."""
    return msgspec.structs.replace(
        draft,
        threshold=choice.threshold,
        expected_recall=choice.expected_recall,
        contact_share=measured.contact_share,
        metrics=measured.metrics,
        baselines=measured.baselines,
        operating_curve=curve,
        warnings=[*draft.warnings, *_warnings(measured, choice, settings=settings)],
    )


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


def parameters(document: ModelDocument, *, settings: Settings) -> dict[str, str | int | float | bool | None]:
    """Return what the registry shows as the run's parameters."""
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
        "burn_in_days": round(document.burn_in / DAY, 2),
    }


def flat_metrics(
    document: ModelDocument, measured: Evaluation, *, calibrated: Calibrated, parity: float
) -> dict[str, float]:
    """Return what the registry shows as the run's metrics: numbers only, with `_low` and `_high`."""
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
