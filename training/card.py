"""The model card: what a person should know of a version before trusting it, in Markdown."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from propensity.bundle import Estimate, ModelDocument
from propensity.events.event import DAY, MICROS
from propensity.features.definition import LABEL_WINDOW
from training import periods
from training.baselines import BASELINES
from training.verdict import text

if TYPE_CHECKING:
    from training.model import Trained

METRICS = {
    "average_precision": "Average precision",
    "roc_auc": "ROC AUC",
    "roc_auc_within_cutoffs": "ROC AUC within one cutoff",
    "f1": "F1",
    "recall": "Recall",
    "precision": "Precision",
    "lift_at_10": "Lift in the best 10 %",
    "contact_share": "Share of users contacted",
    "brier": "Brier score",
    "calibration_error": "Calibration error",
}


def write(trained: "Trained") -> str:
    """Return the card."""
    document = trained.document
    parts = [
        f"# Who buys in the next {LABEL_WINDOW // DAY * 24} hours: {document.estimator.replace('_', ' ')}",
        _what(document),
        _warnings(trained.warnings),
        "## Data",
        _data(trained),
        "## On the test days, which nothing was chosen on",
        _metrics(trained),
        "## Threshold",
        _threshold(document),
        "## Calibration on the test days",
        _calibration(trained),
        "## What the model leans on",
        _importances(trained),
        "## Limits",
        _limits(document),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def moment(micros: int) -> str:
    """Return a time as a person reads it."""
    return f"{datetime.fromtimestamp(micros // MICROS, UTC):%Y-%m-%d %H:%M} UTC"


def _what(document: ModelDocument) -> str:
    parameters = ", ".join(f"{name} {value}" for name, value in document.parameters.items())
    return (
        f"Answers, for one user at one instant, how probable a purchase within the next 24 hours is. A "
        f"{document.estimator.replace('_', ' ')} ({parameters}; calibration: {document.calibration}) over "
        f"{len(document.features)} features of version {document.feature_version}, trained "
        f"{moment(document.trained_at)} from commit `{document.git_commit or 'unknown'}`."
    )


def _warnings(warnings: tuple[str, ...]) -> str:
    return (
        "\n".join(["**Read this first**", "", *(f"- {warning}" for warning in warnings)]) if warnings else ""
    )


def _data(trained: "Trained") -> str:
    document, window = trained.document, trained.training_set.window
    rows = [
        f"| {name} | {moment(period.first_cutoff)} | {moment(period.last_cutoff)} | {period.cutoffs} | "
        f"{period.rows:,} | {period.users:,} | {period.positives:,} ({period.positives / period.rows:.1%}) |"
        for name, period in ((name, document.periods[name]) for name in periods.NAMES)
    ]
    return "\n".join(
        [
            f"{document.events:,} events from {moment(window.first)} to {moment(window.last)}; "
            f"{document.burn_in / DAY:.1f} days of history before the first cutoff. Digest `{document.data_digest}`.",
            "",
            "| period | first cutoff | last cutoff | cutoffs | rows | users | buy within 24 h |",
            "|---|---|---|---|---|---|---|",
            *rows,
        ]
    )


def _metrics(trained: "Trained") -> str:
    document = trained.document
    names = list(document.baselines)
    head = ["", "model (95 % by user)", *(name.replace("_", " ") for name in names)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for metric, title in METRICS.items():
        others = [_value(document.baselines[name].get(metric)) for name in names]
        lines.append(f"| {title} | {text(document.metrics[metric])} | {' | '.join(others)} |")
    evaluation = trained.evaluation
    lead = (
        f"Lead over the best baseline, {evaluation.best_baseline.replace('_', ' ')}, in average precision: "
        f"{text(evaluation.lead)}, paired."
    )
    rules = [f"- *{one.name.replace('_', ' ')}*: {one.description}" for one in BASELINES]
    return "\n".join([*lines, "", lead, "", *rules])


def _value(estimate: Estimate | None) -> str:
    return f"{estimate.value:.3f}" if estimate else ""


def _threshold(document: ModelDocument) -> str:
    buyers = document.periods[periods.VALIDATE].positives
    return (
        f"The answer is 1 from a probability of {document.threshold:.6f}: the highest threshold that catches "
        f"{document.recall_target:.0%} of the {buyers:,} buyers of the validation days. Later days can be expected to "
        f"show a recall of {document.expected_recall:.4f} ({buyers}/{buyers + 1} of the target), not of "
        f"{document.recall_target:g}: the next buyer may rank below every one seen. The test days show "
        f"{text(document.metrics['recall'])}, with a precision of {text(document.metrics['precision'])}, and "
        f"contact {document.contact_share.value:.1%} of users. `operating_curve.csv` holds the other points."
    )


def _calibration(trained: "Trained") -> str:
    table = trained.evaluation.calibration
    rows = [
        f"| {row.rows:,} | {row.said:.3f} | {row.happened:.3f} |" for row in table.itertuples(index=False)
    ]
    return "\n".join(["| rows | said | happened |", "|---|---|---|", *rows])


def _importances(trained: "Trained") -> str:
    best = trained.importances.head(10).itertuples(index=False)
    rows = [f"| {row.feature} | {row.importance:.4f} | {row.spread:.4f} |" for row in best]
    head = ["| feature | average precision lost when shuffled | spread |", "|---|---|---|"]
    return "\n".join([*head, *rows])


def _limits(document: ModelDocument) -> str:
    return "\n".join(
        [
            "- Predicts who buys, not whom a campaign would make buy: measure that against a control group.",
            "- Knows users by their last 30 days; somebody new gets the answer of an empty history.",
            f"- Holds for days like those above. Seen from {document.periods[periods.TEST].cutoffs} test cutoffs; weekdays, "
            "seasons and sales outside the data window are unknown to it.",
            "- Features that tell the same story share their importance.",
        ]
    )
