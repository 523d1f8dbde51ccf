"""A version's answers, taken again: to feature rows that somebody recorded, by the bundle itself.

A bundle is all there is to an answer, so whoever holds it can tell what a row must get, and whether a pod said so.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from propensity.features.definition import NAMES
from propensity.model import TOLERANCE, Model, Rows
from propensity.store import Prediction, Score

UNTRUE_SHARE: Final = 0.01
"""Share of answers that may be another's: a record or two may be damaged, a pod that answers otherwise gives more."""


class Answers(NamedTuple):
    """How a version answers, one answer for each user."""

    users: int
    """Different ones: users whose features are all the same are one."""
    share: float
    """At or above the threshold."""


NOBODY: Final = Answers(0, 0.0)


def untrue(given: Iterable[Prediction], *, model: Model, least: int) -> str:
    """Say in a sentence that recorded answers are not the model's own; empty where they are, or are too few."""
    answers = [one for one in given if _is_readable(one, model=model)]
    if len(answers) < least:
        return ""
    own = model.probabilities(_columns([one.features for one in answers], model=model))
    said = np.array([one.probability for one in answers])
    verdicts = np.array([one.prediction for one in answers])
    is_own = (np.abs(said - own) <= TOLERANCE) & (verdicts == (said >= model.document.threshold))
    wrong = int((~is_own).sum())
    if wrong <= UNTRUE_SHARE * len(answers):
        return ""
    return f"{wrong:,} of {len(answers):,} live answers are not those that its bundle gives for the same features."


def answers_to(rows: Sequence[bytes], *, model: Model) -> Answers:
    """Sum up what a model answers to packed feature rows, one for each user; BrokenBundle if no probability."""
    if not rows:
        return NOBODY
    above = model.sound_probabilities(_columns(rows, model=model)) >= model.document.threshold
    return Answers(len(set(rows)), float(above.mean()))


def packed_rows(found: Iterable[Score | Prediction], *, model: Model) -> list[bytes]:
    """Return the feature rows of those that were made by the definitions this model reads."""
    return [one.features for one in found if _is_readable(one, model=model)]


def _is_readable(one: Score | Prediction, *, model: Model) -> bool:
    return one.feature_version == model.document.feature_version and len(one.features) == 4 * len(NAMES)


def _columns(rows: Sequence[bytes], *, model: Model) -> Rows:
    """Return packed rows as the model wants them: its own features, in its order."""
    values = np.frombuffer(b"".join(rows), dtype="<f4").reshape(-1, len(NAMES))
    return np.ascontiguousarray(values[:, [NAMES.index(name) for name in model.document.features]])
