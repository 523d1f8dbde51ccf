"""What a window is judged on: the scores that a version gave within it, with their feature rows, users thinned."""

import numpy as np

from jobs.monitor.drift.sample import COLUMNS, Sample, is_kept
from propensity.features.definition import NAMES, VERSION
from propensity.store import Score, Store

CUTOFFS = 1_000
"""Newest cutoffs looked at: a score every hour for six weeks."""
_FEATURES = [NAMES.index(name) for name in COLUMNS[:-1]]


def window_sample(store: Store, *, version: str, start: int, end: int, max_users: int) -> Sample:
    """Return the rows of cutoffs in `(start, end]`: a score at the window's end describes what went before."""
    cutoffs = [cutoff for cutoff in reversed(store.scores.cutoffs(CUTOFFS)) if start < cutoff <= end]
    share = min(1.0, max_users / max([1, *(store.scores.count(cutoff) for cutoff in cutoffs)]))
    parts = [
        [one for one in chunk if _belongs(one, version=version, share=share)]
        for cutoff in cutoffs
        for chunk in store.scores.scan(cutoff)
    ]
    return as_sample([one for part in parts for one in part])


def as_sample(scores: list[Score]) -> Sample:
    """Return scores as a sample."""
    packed = np.frombuffer(b"".join(one.features for one in scores), dtype="<f4").reshape(-1, len(NAMES))
    score = np.array([one.probability for one in scores], dtype=np.float32)
    return Sample(
        users=np.array([one.user_id for one in scores], dtype=np.str_),
        cutoffs=np.array([one.cutoff for one in scores], dtype=np.int64),
        values=np.column_stack([packed[:, _FEATURES], score]),
    )


def _belongs(score: Score, *, version: str, share: float) -> bool:
    is_ours = score.model_version == version and score.feature_version == VERSION
    return is_ours and is_kept(score.user_id, share=share)
