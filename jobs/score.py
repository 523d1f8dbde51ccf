"""The score job: the champion's answer for every active user at one fixed cutoff, written to the store.

*Users to target*, drift and performance read these rows. The first score of a user at a cutoff stays, so the job may
run twice, be killed half-way and run again.
"""

import logging
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from propensity.features.definition import NAMES, VERSION
from propensity.features.offline import feature_rows
from propensity.model import Model
from propensity.store import Score, Store

logger = logging.getLogger(__name__)

_ROW_TYPE: Final = np.dtype("<f4")
"""How a feature row travels in a Score."""


class ScoreSummary(NamedTuple):
    """What one run of the score job did."""

    users: int
    """Users active at the cutoff, all of whom were scored."""
    new: int
    """Scores that were not in the store before."""
    positives: int
    """Users at or above the model's threshold."""
    cutoff: int


def score(
    store: Store, model: Model, *, model_version: str, cutoff: int, lag: int, batch_rows: int = 50_000
) -> ScoreSummary:
    """Score all users active at the cutoff, `batch_rows` at a time, from what was known then.

    BrokenBundle where an answer is no probability: of that batch nothing is written.
    """
    users = new = positives = 0
    for rows in feature_rows(store, [cutoff], lag=lag, with_labels=False):
        for batch in rows.iter_slices(batch_rows):
            scores = list(_scores(batch, model=model, model_version=model_version))
            users += len(scores)
            new += store.scores.add(scores)
            positives += sum(one.prediction for one in scores)
    summary = ScoreSummary(users=users, new=new, positives=positives, cutoff=cutoff)
    logger.info("scored all active users", extra={"model_version": model_version, **summary._asdict()})
    return summary


def _scores(rows: pl.DataFrame, *, model: Model, model_version: str) -> Iterator[Score]:
    document = model.document
    probabilities = model.sound_probabilities(
        rows.select(document.features).to_numpy().astype(np.float32, order="C")
    ).tolist()
    packed = rows.select(NAMES).to_numpy().astype(_ROW_TYPE, order="C")
    for user_id, cutoff, probability, row in zip(
        rows["user_id"], rows["cutoff"], probabilities, packed, strict=True
    ):
        yield Score(
            user_id=user_id,
            cutoff=cutoff,
            probability=probability,
            prediction=int(probability >= document.threshold),
            model_version=model_version,
            feature_version=VERSION,
            features=row.tobytes(),
        )
