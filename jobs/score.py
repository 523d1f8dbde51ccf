"""The score job: the champion's answer for every active user at one fixed cutoff, written to the store.

*Users to target*, drift and performance read these rows. The first score of a user at a cutoff stays, so the job may
run twice, be killed half-way and run again. A cutoff is marked as finished when everybody has a score: nothing is judged
on one that is half written.
"""

import logging
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from propensity.engine import HERE, Engine, feature_rows_of
from propensity.features.definition import NAMES, VERSION
from propensity.lifecycle.champion import bundle_of
from propensity.model import Model
from propensity.store import Score, Store, UserRange

logger = logging.getLogger(__name__)

_ROW_TYPE: Final = np.dtype("<f4")
"""How a feature row travels in a Score."""
EVENTS_AT_ONCE: Final = 500_000
"""Events that a call on another machine works on; what it answers are counts alone."""


class ScoreSummary(NamedTuple):
    """What one run of the score job did."""

    users: int
    """Users active at the cutoff, all of whom were scored."""
    new: int
    """Scores that were not in the store before; not counted are those of a Dask worker that died before it said so."""
    positives: int
    """Users at or above the model's threshold."""
    cutoff: int


def score(
    store: Store,
    model: Model,
    *,
    model_version: str,
    cutoff: int,
    lag: int,
    batch_rows: int = 50_000,
    engine: Engine = HERE,
) -> ScoreSummary:
    """Score all users active at the cutoff, `batch_rows` at a time, from what was known then.

    BrokenBundle where an answer is no probability: of that batch nothing is written.
    """
    given = model if engine.is_here else model.bundle.digest
    work = partial(
        _score_users, model=given, model_version=model_version, cutoff=cutoff, lag=lag, batch_rows=batch_rows
    )
    users = new = positives = 0
    for batch in engine.over_users(work, store, events_at_once=EVENTS_AT_ONCE):
        users, new, positives = users + batch.users, new + batch.new, positives + batch.positives
    store.scores.finish(cutoff)
    summary = ScoreSummary(users=users, new=new, positives=positives, cutoff=cutoff)
    logger.info("scored all active users", extra={"model_version": model_version, **summary._asdict()})
    return summary


def _score_users(
    store: Store,
    users: UserRange,
    *,
    model: Model | str,
    model_version: str,
    cutoff: int,
    lag: int,
    batch_rows: int,
) -> Iterator[ScoreSummary]:
    """Score some users and yield what each batch came to; a model's digest stands for the one in the store."""
    if isinstance(model, str):
        model = Model(bundle_of(store, model))
    for rows in feature_rows_of(store, users, cutoffs=[cutoff], lag=lag, with_labels=False):
        for batch in rows.iter_slices(batch_rows):
            scores = list(_scores(batch, model=model, model_version=model_version))
            yield ScoreSummary(
                users=len(scores),
                new=store.scores.add(scores),
                positives=sum(one.prediction for one in scores),
                cutoff=cutoff,
            )


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
