"""The gate: may the challenger become champion? A pure decision on cutoffs that neither model has seen.

The rules, in order:

    too few buyers in the period        not enough evidence   the champion stays (a first model: unproven)
    a champion, and clearly not worse   promoted              lower 95 % bound of the difference in average
      and recall holds                                        precision above -margin
    a champion, otherwise               refused
    no champion, baselines beaten       promoted              lower 95 % bound of the lead above 0
      and recall holds
    no champion, otherwise              unproven              it serves and says so; `strict_first` refuses it

Recall holds when the upper end of its interval reaches the honest expectation. Both models answer through their own
ONNX and both are resampled with the same draws of users.
"""

import logging

import msgspec
import numpy as np
from numpy.typing import NDArray

from propensity import metrics
from propensity.bundle import Bundle, Estimate, ModelDocument
from propensity.errors import BrokenBundle
from propensity.features.definition import LABEL_WINDOW
from propensity.metrics import Ranking, Resampling
from propensity.model import Model
from propensity.settings import Settings
from training import baselines, periods
from training.dataset import TrainingSet
from training.rows import Rows
from training.verdict import NOT_ENOUGH, PROMOTED, REFUSED, UNPROVEN, Verdict, Word, text

__all__ = ["Verdict", "decide", "gate_rows", "judge"]

Probabilities = NDArray[np.float32]
logger = logging.getLogger(__name__)


def judge(
    training_set: TrainingSet, *, challenger: Bundle, champion: Bundle | None, settings: Settings
) -> Verdict:
    """Let both models answer as they would be served, and decide.

    A champion that this release can't load can't be served either: the challenger is then judged as a first model.
    """
    mine, other = Model(challenger, threads=settings.workers), _loaded(champion, settings=settings)
    rows = gate_rows(training_set, other.document if other else None, mine.document)
    return decide(
        rows,
        challenger=_answers(mine, rows),
        champion=_answers(other, rows) if other else None,
        threshold=mine.document.threshold,
        expected_recall=mine.document.expected_recall,
        settings=settings,
    )


def gate_rows(
    training_set: TrainingSet, champion: ModelDocument | None, challenger: ModelDocument | None = None
) -> Rows:
    """Return the test rows whose label windows neither model was fitted, calibrated or thresholded on.

    A challenger from an earlier run of its training was made from another training set than this one.
    """
    documents = [document for document in (champion, challenger) if document]
    used = [
        period.last_cutoff
        for document in documents
        for name, period in document.periods.items()
        if name != periods.TEST
    ]
    if not used:
        return training_set.test
    return training_set.test.later_than(max(used) + LABEL_WINDOW)


def decide(
    rows: Rows,
    *,
    challenger: Probabilities,
    champion: Probabilities | None,
    threshold: float,
    expected_recall: float,
    settings: Settings,
) -> Verdict:
    """Decide from both models' probabilities for the same rows."""
    empty = Verdict(
        word=UNPROVEN,
        reason="",
        positives=rows.positives,
        rows=len(rows),
        first_cutoff=int(rows.cutoffs[0]) if len(rows) else None,
        last_cutoff=int(rows.cutoffs[-1]) if len(rows) else None,
        expected_recall=expected_recall,
    )
    verdict = empty
    if 0 < rows.positives < len(rows):
        answers = challenger >= threshold
        draws = Resampling(rows.user_codes, rounds=settings.bootstrap_rounds, seed=settings.seed)
        verdict = _measured(empty, rows, challenger, champion, answers=answers, draws=draws)
    word, reason = _word(verdict, has_champion=champion is not None, settings=settings)
    return msgspec.structs.replace(verdict, word=word, reason=reason)


def _loaded(champion: Bundle | None, *, settings: Settings) -> Model | None:
    try:
        return Model(champion, threads=settings.workers) if champion else None
    except BrokenBundle as error:
        logger.warning("the champion can't be loaded and is not compared with", extra={"why": str(error)})
        return None


def _answers(model: Model, rows: Rows) -> Probabilities:
    """Return the model's probabilities, from the features it knows in the order it knows them."""
    if not len(rows):
        return np.empty(0, dtype=np.float32)
    return model.probabilities(rows.matrix(model.document.features))


def _measured(
    verdict: Verdict,
    rows: Rows,
    challenger: Probabilities,
    champion: Probabilities | None,
    *,
    answers: NDArray[np.bool_],
    draws: Resampling,
) -> Verdict:
    """Add recall, lead and difference, all on the same draws."""
    best = baselines.best(rows)
    mine = Ranking(rows.labels, challenger)
    others = {"lead": Ranking(rows.labels, best.score(rows))}
    if champion is not None:
        others["difference"] = Ranking(rows.labels, champion)

    def measure(weights: metrics.Floats) -> dict[str, metrics.Floats]:
        average_precision = mine.average_precision(weights)
        _, recall, _ = metrics.precision_recall_f1(rows.labels, answers, weights=weights)
        ahead = {name: average_precision - other.average_precision(weights) for name, other in others.items()}
        return {"recall": recall, **ahead}

    return msgspec.structs.replace(verdict, best_baseline=best.name, **draws.estimates(measure))


def _word(verdict: Verdict, *, has_champion: bool, settings: Settings) -> tuple[Word, str]:
    if verdict.positives < settings.min_positives or not verdict.recall or not verdict.lead:
        return _too_few(verdict, has_champion=has_champion, settings=settings)
    if verdict.recall.high < verdict.expected_recall:
        failed = (
            f"Recall does not hold: {text(verdict.recall)} on later days, "
            f"{verdict.expected_recall:.3f} was to be expected."
        )
        return (REFUSED, failed) if has_champion else _first(failed, settings=settings)
    if verdict.difference:
        return _against_champion(verdict, verdict.difference, settings=settings)
    if verdict.lead.low > 0:
        return PROMOTED, (
            f"It beats the best baseline, {verdict.best_baseline}, by {text(verdict.lead)} in average precision, "
            "and recall holds."
        )
    return _first(
        f"It does not beat the best baseline, {verdict.best_baseline}, beyond noise: lead {text(verdict.lead)} in "
        "average precision.",
        settings=settings,
    )


def _against_champion(verdict: Verdict, difference: Estimate, *, settings: Settings) -> tuple[Word, str]:
    """Compare with the champion; what takes its place without beating the baselines stays `unproven`."""
    said = f"Average precision differs from the champion's by {text(difference)}"
    if difference.low <= -settings.gate_margin:
        return REFUSED, f"{said}; the lower end is not above the margin of -{settings.gate_margin:g}."
    said += f", above the margin of -{settings.gate_margin:g}, and recall holds"
    if verdict.lead and verdict.lead.low <= 0:
        return UNPROVEN, (
            f"{said}; but it does not beat the best baseline, {verdict.best_baseline}, beyond noise: "
            f"lead {text(verdict.lead)}."
        )
    return PROMOTED, f"{said}."


def _too_few(verdict: Verdict, *, has_champion: bool, settings: Settings) -> tuple[Word, str]:
    few = (
        f"The days neither model was made from hold {verdict.positives} buyers; "
        f"{settings.min_positives} are needed to judge."
    )
    if has_champion or settings.strict_first:
        return NOT_ENOUGH, few
    return UNPROVEN, few


def _first(why: str, *, settings: Settings) -> tuple[Word, str]:
    """There is no champion: something is better than nothing, unless set otherwise."""
    return (REFUSED, why) if settings.strict_first else (UNPROVEN, why)
