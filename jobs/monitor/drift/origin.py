"""Where a champion's reference rows come from: its training's `reference.parquet`, copied once into the store.

With the copy a monitor needs no registry, as a scorer needs none; and the rows stay those the champion was tested on.
The copy names no user, also where the file of an early release did: who is forgotten must not be found in it.
"""

import io
import logging
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from jobs.monitor.drift.reference import Reference
from jobs.monitor.drift.sample import COLUMNS, SCORE, Sample
from propensity.features.anonymous import MARK, marked
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
        kept = {FILE: _without_ids(content, digest=champion.digest)}
        store.bundles.put(key, kept)
    rows = _without_ids(kept[FILE], digest=champion.digest)
    return Reference(_sample(rows, max_users=max_users))


def key_of(digest: str) -> str:
    """Return under which digest the store keeps the copy of a bundle's reference."""
    return f"rows of {digest}"


def _without_ids(content: bytes, *, digest: str) -> bytes:
    rows = pl.read_parquet(io.BytesIO(content))
    if MARK in rows.columns:
        return content
    written = io.BytesIO()
    marked(rows, digest=digest).write_parquet(written)
    return written.getvalue()


def _sample(content: bytes, *, max_users: int) -> Sample:
    rows = pl.read_parquet(io.BytesIO(content)).rename({"probability": SCORE})
    sample = Sample(
        users=rows[MARK].to_numpy().astype(np.str_),
        cutoffs=rows["cutoff"].to_numpy().astype(np.int64),
        values=rows.select(COLUMNS).to_numpy().astype(np.float32),
    )
    return sample.thinned(max_users / max(1, sample.user_count))
