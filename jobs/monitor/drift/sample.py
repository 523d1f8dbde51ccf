"""Feature rows with the score, of some users at some cutoffs: what the verdict compares.

Large shops are thinned by a hash of the user, so that the same users stay in at every cutoff.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from propensity.features.definition import FEATURES

SCORE: Final = "score"
COLUMNS: Final = (*(feature.name for feature in FEATURES if feature.window != "cutoff"), SCORE)
"""All features of the user, and the score; the hour and the weekday of a cutoff are nobody's."""
HASHES: Final = 1 << 32


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Rows of users at cutoffs."""

    users: NDArray[np.str_]
    cutoffs: NDArray[np.int64]
    values: NDArray[np.float32]
    """Shape (rows, len(COLUMNS))."""

    def __len__(self) -> int:
        return len(self.cutoffs)

    @property
    def user_count(self) -> int:
        """How many different users."""
        return len(np.unique(self.users))

    def at(self, cutoffs: Sequence[int]) -> Self:
        """Return the rows of some cutoffs."""
        return self._only(np.isin(self.cutoffs, np.asarray(cutoffs, dtype=np.int64)))

    def thinned(self, share: float) -> Self:
        """Return the rows of this share of the users."""
        if share >= 1:
            return self
        return self._only(np.array([is_kept(user, share=share) for user in self.users], dtype=np.bool_))

    def _only(self, kept: NDArray[np.bool_]) -> Self:
        return type(self)(
            users=self.users[kept], cutoffs=self.cutoffs[kept], values=np.ascontiguousarray(self.values[kept])
        )


def is_kept(user_id: str, *, share: float) -> bool:
    """Whether a user is among this share of all; those of a smaller share are among those of a larger one."""
    return zlib.crc32(user_id.encode()) < share * HASHES
