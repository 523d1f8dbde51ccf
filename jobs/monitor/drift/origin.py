"""Where a champion's reference rows come from: its training's `reference.parquet`, copied once into the store.

With the copy a monitor needs no registry, as a scorer needs none; and the rows stay those the champion was tested on.
The copy names no user, also where the file of an early release did, and lacks the rows of those who were forgotten after
it was made: erasing drops it, and leaves word of whose rows are not to be copied again.
"""

import io
import logging
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from jobs.monitor.drift.reference import Reference
from jobs.monitor.drift.sample import COLUMNS, SCORE, Sample
from propensity.features.anonymous import marked
from propensity.features.marks import COPY, MARK, row_of
from propensity.store import Champion, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from propensity.registry import Registry

logger = logging.getLogger(__name__)

FILE: Final = "reference.parquet"


def reference_of(
    champion: Champion, *, store: Store, registry: "Callable[[], Registry]", max_users: int
) -> Reference | None:
    """Return a champion's reference, or None where its training kept none.

    `registry` is opened only where the store has no copy yet; RegistryUnavailable where it does not answer then.
    """
    key = key_of(champion.digest)
    kept = store.bundles.get(key)
    if kept is None:
        opened = registry()
        content = opened.artifact(opened.version(champion.version), FILE)
        if content is None:
            logger.warning("no reference for drift", extra={"version": champion.version})
            return None
        kept = {FILE: _to_keep(content, digest=champion.digest, store=store)}
        store.bundles.put(key, kept)
    rows = _without_ids(kept[FILE], digest=champion.digest)
    return Reference(_sample(rows, max_users=max_users))


def key_of(digest: str) -> str:
    """Return under which digest the store keeps the copy of a bundle's reference."""
    return f"{COPY}{digest}"


def _to_keep(content: bytes, *, digest: str, store: Store) -> bytes:
    rows = pl.read_parquet(io.BytesIO(_without_ids(content, digest=digest)))
    names = {row_of(mark, digest=digest): mark for mark in rows[MARK].unique()}
    gone = [names[name] for name in store.forgotten.current().among(names)]
    return _written(rows.filter(~pl.col(MARK).is_in(gone)))


def _without_ids(content: bytes, *, digest: str) -> bytes:
    rows = pl.read_parquet(io.BytesIO(content))
    if MARK in rows.columns:
        return content
    return _written(marked(rows, digest=digest))


def _written(rows: pl.DataFrame) -> bytes:
    written = io.BytesIO()
    rows.write_parquet(written)
    return written.getvalue()


def _sample(content: bytes, *, max_users: int) -> Sample:
    rows = pl.read_parquet(io.BytesIO(content)).rename({"probability": SCORE})
    sample = Sample(
        users=rows[MARK].to_numpy().astype(np.str_),
        cutoffs=rows["cutoff"].to_numpy().astype(np.int64),
        values=rows.select(COLUMNS).to_numpy().astype(np.float32),
    )
    return sample.thinned(max_users / max(1, sample.user_count))
