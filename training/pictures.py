"""The curves of a training as PNG files, drawn without pyplot, whose global state outlives a figure.

Colours are Okabe and Ito's (Color Universal Design, 2008): told apart with any colour vision.
"""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from training import curves
from training.curves import Scores

if TYPE_CHECKING:
    from training.model import Trained

BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
GREY: Final = "#7F7F7F"


def draw(trained: "Trained") -> dict[str, bytes]:
    """Return each picture's PNG by name."""
    drawings = {
        "roc": _roc,
        "precision_recall": _precision_recall,
        "operating_curve": _operating_curve,
        "calibration": _calibration,
        "confusion_matrix": _confusion_matrix,
        "importances": _importances,
    }
    return {name: _png(trained, drawing) for name, drawing in drawings.items()}


def _png(trained: "Trained", drawing: Callable[[Axes, "Trained"], None]) -> bytes:
    figure = Figure(figsize=(6, 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    drawing(figure.add_subplot(), trained)
    target = io.BytesIO()
    figure.savefig(target, format="png", metadata={"Software": None})
    return target.getvalue()


def _scores(trained: "Trained") -> dict[str, tuple[str, Scores]]:
    """Return what is drawn beside each other, each with its colour."""
    found = curves.scores(trained).items()
    return {
        name.replace("_", " "): (colour, scores)
        for (name, scores), colour in zip(found, (BLUE, ORANGE), strict=True)
    }


def _roc(axes: Axes, trained: "Trained") -> None:
    labels = trained.training_set.test.labels
    for name, (colour, scores) in _scores(trained).items():
        false_positives, recall, _ = roc_curve(labels, scores)
        axes.plot(false_positives, recall, color=colour, label=name)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="by lot")
    _label(axes, title="ROC, test days", x="others contacted (share)", y="buyers caught (share)")


def _precision_recall(axes: Axes, trained: "Trained") -> None:
    labels = trained.training_set.test.labels
    for name, (colour, scores) in _scores(trained).items():
        precision, recall, _ = precision_recall_curve(labels, scores)
        axes.plot(recall, precision, color=colour, label=name, drawstyle="steps-post")
    axes.axhline(float(labels.mean()), color=GREY, linestyle=":", label="by lot")
    _label(axes, title="Precision and recall, test days", x="recall", y="precision")


def _operating_curve(axes: Axes, trained: "Trained") -> None:
    points = trained.document.operating_curve
    shares = [point.share for point in points]
    axes.plot(shares, [point.recall for point in points], color=BLUE, label="recall")
    axes.plot(shares, [point.precision for point in points], color=ORANGE, linestyle="--", label="precision")
    chosen = next(point for point in points if point.threshold == trained.document.threshold)
    axes.axvline(chosen.share, color=GREEN, linestyle="-.", label="threshold")
    _label(axes, title="Operating curve, validation days", x="users contacted (share)", y="share")


def _calibration(axes: Axes, trained: "Trained") -> None:
    table = trained.evaluation.calibration
    top = 1.05 * float(max(table["said"].max(), table["happened"].max()))
    axes.plot([0, top], [0, top], color=GREY, linestyle=":", label="perfect")
    axes.plot(table["said"], table["happened"], color=BLUE, marker="o", label="model")
    _label(axes, title="Calibration, test days", x="probability said", y="share that bought")


def _confusion_matrix(axes: Axes, trained: "Trained") -> None:
    labels = trained.training_set.test.labels
    answers = trained.probabilities["test"] >= trained.document.threshold
    counts = np.array(
        [[np.sum((labels == truth) & (answers == said)) for said in (0, 1)] for truth in (0, 1)]
    )
    axes.imshow(counts, cmap="Blues", vmin=0)
    for (row, column), count in np.ndenumerate(counts):
        dark = count > counts.max() / 2
        axes.text(column, row, f"{count:,}", ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks([0, 1], ["no", "yes"])
    axes.set_yticks([0, 1], ["did not buy", "bought"])
    axes.set_title("Confusion matrix, test days")
    axes.set_xlabel("answer")


def _importances(axes: Axes, trained: "Trained") -> None:
    best = trained.importances.head(15).iloc[::-1]
    axes.barh(best["feature"], best["importance"], xerr=best["spread"], color=BLUE, ecolor=GREY)
    axes.set_title("Average precision lost when shuffled, validation days")


def _label(axes: Axes, *, title: str, x: str, y: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, color="#DDDDDD")
    axes.legend()
