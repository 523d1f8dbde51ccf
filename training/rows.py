"""Feature rows of one period as arrays, and how they are collected from a stream without growing with the log.

A period with too many rows keeps whole users, drawn by a seeded hash of their id: which ones does not depend on the
order in which rows arrive, and a user's rows stay together, as the bootstrap by user needs.
"""

from collections.abc import Collection, Sequence
from functools import cached_property

import numpy as np
import polars as pl
import polars_hash as plh
from numpy.typing import NDArray

from propensity.features.definition import NAMES

_HASH = "user_hash"


class Rows:
    """`user_id, cutoff, *NAMES, label`, ordered by cutoff and user."""

    def __init__(self, frame: pl.DataFrame) -> None:
        """Take a frame with these columns."""
        self.frame = frame

    def __len__(self) -> int:
        return self.frame.height

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """The model's input, shape (rows, features): float32, because that is what is served."""
        return self.matrix(NAMES)

    @cached_property
    def labels(self) -> NDArray[np.int8]:
        """1 where the user bought in the 24 hours from the cutoff."""
        return self.frame["label"].to_numpy().astype(np.int8)

    @cached_property
    def cutoffs(self) -> NDArray[np.int64]:
        """Microseconds since the epoch."""
        return self.frame["cutoff"].to_numpy()

    @cached_property
    def user_codes(self) -> NDArray[np.int64]:
        """A number per user, to resample by."""
        return self.frame["user_id"].rank("dense").to_numpy().astype(np.int64)

    @property
    def users(self) -> int:
        """How many different users."""
        return self.frame["user_id"].n_unique()

    @property
    def positives(self) -> int:
        """How many rows are followed by a purchase."""
        return int(self.labels.sum())

    def matrix(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Return some features, in the order they are asked for."""
        return np.ascontiguousarray(self.frame.select(names).to_numpy(), dtype=np.float32)

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one feature."""
        return self.frame[name].to_numpy().astype(np.float64)

    def later_than(self, cutoff: int) -> "Rows":
        """Return the rows with a cutoff at or after this one."""
        return Rows(self.frame.filter(pl.col("cutoff") >= cutoff))

    def thinned(self, limit: int, *, seed: int) -> "Rows":
        """Return the rows of as many whole users as fit into the limit."""
        if len(self) <= limit:
            return self
        return Rows(_thin(self.frame.with_columns(_hash(seed)), limit=limit).drop(_HASH))


class Collector:
    """Keeps the rows of some cutoffs from a stream of chunks of whole users, at most `limit` in the end."""

    def __init__(self, cutoffs: Collection[int], *, limit: int, seed: int) -> None:
        self._cutoffs = list(cutoffs)
        self._limit = limit
        self._seed = seed
        self._parts: list[pl.DataFrame] = []
        self._kept = 0
        self.seen = 0
        """Rows of these cutoffs in all chunks so far."""

    def add(self, chunk: pl.DataFrame) -> None:
        """Take the rows that belong here."""
        part = chunk.filter(pl.col("cutoff").is_in(self._cutoffs)).with_columns(
            pl.col(NAMES).cast(pl.Float32), _hash(self._seed)
        )
        self._parts.append(part)
        self._kept += part.height
        self.seen += part.height
        if self._kept > 2 * self._limit:
            self._thin()

    def rows(self) -> Rows:
        """Return what was kept, ordered by cutoff and user."""
        if not self._parts:
            schema = {"user_id": pl.String, "cutoff": pl.Int64, **dict.fromkeys(NAMES, pl.Float32)}
            return Rows(pl.DataFrame(schema={**schema, "label": pl.Int8}))
        self._thin()
        return Rows(self._parts[0].drop(_HASH).sort("cutoff", "user_id"))

    def _thin(self) -> None:
        """Users once left out stay out whoever comes later, so the result does not depend on the order."""
        self._parts = [_thin(pl.concat(self._parts), limit=self._limit)]
        self._kept = self._parts[0].height


def _hash(seed: int) -> pl.Expr:
    hashed: pl.Expr = plh.col("user_id").nchash.xxhash64(seed=seed).alias(_HASH)
    return hashed


def _thin(frame: pl.DataFrame, *, limit: int) -> pl.DataFrame:
    if frame.height <= limit:
        return frame
    sizes = frame.group_by(_HASH).len().sort(_HASH).with_columns(pl.col("len").cum_sum().alias("rows"))
    kept = sizes.filter(pl.col("rows") <= limit)[_HASH].max()
    return frame.filter(pl.col(_HASH) <= kept)
