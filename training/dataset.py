"""From the store to a training set: feature rows and labels of each period, or a clear refusal.

A training set that can't teach anything is refused here, with exit code 3, before minutes are spent on it: a Job that
ends so is not retried, because the same data would fail again.
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import polars as pl

from propensity.engine import HERE, Engine, feature_rows_of
from propensity.errors import UnusableTrainingData
from propensity.events.event import MICROS
from propensity.settings import Settings
from propensity.store import Store
from training import periods
from training.periods import Plan
from training.rows import Collector, Rows
from training.window import Window, find_window

MIN_USERS: Final = 50
"""Fewer users than this are a test of the import, not of a model."""
MIN_CLASS: Final = {periods.FIT: 30, periods.CALIBRATE: 10, periods.VALIDATE: 10, periods.TEST: 10}
"""Buyers, and others, that each period must hold."""
CELLS_AT_ONCE: Final = 6_000_000
"""Events times cutoffs that a call on another machine works on: its rows travel, and are some 100 MB before compression."""
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Everything a model is made from: rows by period, and where they came from."""

    rows: dict[str, Rows]
    plan: Plan
    window: Window
    lag: int
    """Microseconds after which a back-filled event counts as known."""
    digest: str
    """`sha256:…` over all rows: the same data give the same digest."""
    warnings: tuple[str, ...]

    @property
    def fit(self) -> Rows:
        """What models are fitted on."""
        return self.rows[periods.FIT]

    @property
    def calibrate(self) -> Rows:
        """What probabilities are calibrated on."""
        return self.rows[periods.CALIBRATE]

    @property
    def validate(self) -> Rows:
        """What the threshold and the calibration are chosen on."""
        return self.rows[periods.VALIDATE]

    @property
    def test(self) -> Rows:
        """What nothing is chosen on."""
        return self.rows[periods.TEST]


def build(store: Store, settings: Settings, *, now: int, engine: Engine = HERE) -> TrainingSet:
    """Read a training set from the store; UnusableTrainingData where nothing can be learned from it."""
    window = find_window(store.events, now=now)
    plan = periods.plan(window.first, window.last, settings=settings)
    lag = settings.feature_lag_minutes * 60 * MICROS
    work = partial(feature_rows_of, cutoffs=plan.cutoffs, lag=lag, with_labels=True)
    chunks = engine.over_users(work, store, events_at_once=max(1, CELLS_AT_ONCE // len(plan.cutoffs)))
    return assemble(chunks, plan=plan, window=window, lag=lag, settings=settings)


def assemble(
    chunks: Iterable[pl.DataFrame], *, plan: Plan, window: Window, lag: int, settings: Settings
) -> TrainingSet:
    """Sort feature rows into their periods, thinning by user where there are too many."""
    limits = dict.fromkeys(periods.NAMES, settings.max_training_rows)
    limits |= {name: max(1_000, settings.max_training_rows // 4) for name in periods.SHARES}
    collectors = {
        name: Collector(plan.periods[name], limit=limits[name], seed=settings.seed) for name in periods.NAMES
    }
    for chunk in chunks:
        for collector in collectors.values():
            collector.add(chunk)
    rows = {name: collector.rows() for name, collector in collectors.items()}
    _check(rows)
    thinned = [
        f"The {name} days hold {collector.seen:,} rows; whole users drawn by a seeded hash, {len(rows[name]):,} "
        "rows, are used."
        for name, collector in collectors.items()
        if collector.seen > len(rows[name])
    ]
    _logger.info("training set built", extra={"rows": {name: len(part) for name, part in rows.items()}})
    return TrainingSet(
        rows=rows,
        plan=plan,
        window=window,
        lag=lag,
        digest=_digest(rows),
        warnings=(*window.warnings, *plan.warnings, *thinned),
    )


def _check(rows: dict[str, Rows]) -> None:
    for name, part in rows.items():
        users, buyers = part.users, part.positives
        if users < MIN_USERS:
            raise UnusableTrainingData(
                f"The {name} days hold {users} active users; at least {MIN_USERS} are needed. "
                "Ingest the log of more users."
            )
        least = MIN_CLASS[name]
        if buyers < least:
            raise UnusableTrainingData(
                f"In the {name} days {buyers} of {len(part)} rows are followed by a purchase within 24 h; at least "
                f"{least} are needed. Check that purchases are ingested as `purchase`, or add more days."
            )
        if len(part) - buyers < least:
            raise UnusableTrainingData(
                f"In the {name} days {buyers} of {len(part)} rows are followed by a purchase within 24 h, so there is "
                "nobody to tell buyers from. Ingest the events of users who did not buy, too."
            )


def _digest(rows: dict[str, Rows]) -> str:
    total = hashlib.sha256()
    for name in periods.NAMES:
        part = rows[name]
        total.update("\0".join(part.frame["user_id"]).encode())
        for values in (part.cutoffs, part.labels, part.features):
            total.update(np.ascontiguousarray(values).tobytes())
    return f"sha256:{total.hexdigest()}"
