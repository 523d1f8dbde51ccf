"""What a window is judged on: the scores that a version gave within it, with their feature rows, users thinned.

Only cutoffs that the score job finished: it writes user by user, and those it has not come to are not missing by chance.
"""

import numpy as np

from jobs.monitor.drift.sample import COLUMNS, Sample, is_kept
from propensity.features.definition import NAMES, VERSION
from propensity.features.marks import marks
from propensity.store import Score, Store

CUTOFFS = 1_000
"""Newest cutoffs looked at: a score every hour for six weeks."""
_FEATURES = [NAMES.index(name) for name in COLUMNS[:-1]]


def window_sample(store: Store, *, version: str, digest: str, start: int, end: int, max_users: int) -> Sample:
    """Return the rows of cutoffs in `(start, end]`: a score at the window's end describes what went before.

    Users are named as in the reference of the version, whose bundle has this digest.
    """
    cutoffs = [cutoff for cutoff in reversed(store.scores.finished(CUTOFFS)) if start < cutoff <= end]
    share = min(1.0, max_users / max([1, *(store.scores.count(cutoff) for cutoff in cutoffs)]))
    parts = [
        _belonging(chunk, version=version, digest=digest, share=share)
        for cutoff in cutoffs
        for chunk in store.scores.scan(cutoff)
    ]
    return _as_sample([one for part in parts for one in part])


def _as_sample(found: list[tuple[str, Score]]) -> Sample:
    scores = [score for _, score in found]
    packed = np.frombuffer(b"".join(one.features for one in scores), dtype="<f4").reshape(-1, len(NAMES))
    score = np.array([one.probability for one in scores], dtype=np.float32)
    return Sample(
        users=np.array([mark for mark, _ in found], dtype=np.str_),
        cutoffs=np.array([one.cutoff for one in scores], dtype=np.int64),
        values=np.column_stack([packed[:, _FEATURES], score]),
    )


def _belonging(chunk: list[Score], *, version: str, digest: str, share: float) -> list[tuple[str, Score]]:
    """Return the scores of a version, each with the mark of its user."""
    ours = [one for one in chunk if one.model_version == version and one.feature_version == VERSION]
    named = zip(marks((one.user_id for one in ours), digest=digest), ours, strict=True)
    return [(mark, one) for mark, one in named if is_kept(mark, share=share)]
