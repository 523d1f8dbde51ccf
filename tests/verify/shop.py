"""A simulated shop as the monitor would see it: a champion's reference, and a window of scores for each later day.

Reference and scores go through a store, and come back by the monitor's own readers: users who were named otherwise in
one of them than in the other would show in the rates.
"""

import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from jobs.monitor.drift.origin import FILE, key_of, reference_of
from jobs.monitor.drift.reference import Reference
from jobs.monitor.drift.sample import Sample
from jobs.monitor.drift.trigger import limits_of
from jobs.monitor.drift.verdict import Limits, judge
from jobs.monitor.drift.window import window_sample
from propensity.errors import RegistryUnavailable
from propensity.events.event import DAY, HOUR
from propensity.features.anonymous import marked
from propensity.features.definition import HORIZON, NAMES, VERSION
from propensity.features.offline import labels, snapshots
from propensity.registry import Registry
from propensity.settings import Settings
from propensity.simulate import Drift, Scenario, simulate
from propensity.store import Champion, Score, Store, open_store
from propensity.store.findings import Drift as Finding
from training import periods

TRAINED_DAYS = 60
"""Days of events the champion is made from."""
SCORED_EVERY = 6 * HOUR
"""As the chart's schedule does by default."""
DEFAULTS = limits_of(Settings())
MAX_USERS = Settings().drift_max_users
CHAMPION = Champion(version="1", digest="sha256:champion", verdict="promoted", promoted_at=0)


@dataclass(frozen=True)
class Shop:
    """One simulated log, watched for `windows` days after the training."""

    users: int
    windows: int
    seed: int
    drift: Drift = Drift.NONE
    strength: float = 1.0
    drift_window: int = 0
    """The window on whose first instant the drift sets in."""

    @cached_property
    def scenario(self) -> Scenario:
        drift_at = None if self.drift == Drift.NONE else TRAINED_DAYS + self.drift_window
        return Scenario(
            users=self.users, days=TRAINED_DAYS + self.windows, seed=self.seed, drift=self.drift,
            drift_at=drift_at, strength=self.strength,
        )  # fmt: skip

    @cached_property
    def events(self) -> pl.DataFrame:
        return simulate(self.scenario).events().with_columns(pl.lit(None, pl.Int64).alias("ingested_at"))

    @cached_property
    def plan(self) -> periods.Plan:
        start = self.scenario.start_time
        return periods.plan(start, start + TRAINED_DAYS * DAY, settings=Settings())

    @cached_property
    def model(self) -> Pipeline:
        """Stands for the champion: fitted on some of the days it would be fitted on."""
        cutoffs = list(self.plan.periods[periods.FIT][::6])
        rows = pl.concat([self._features(cutoff) for cutoff in cutoffs])
        bought = labels(self.events, rows)["label"].to_numpy()
        model = make_pipeline(
            FunctionTransformer(_compressed), StandardScaler(), LogisticRegression(max_iter=300)
        )
        model.fit(rows.select(NAMES).to_numpy(), bought)
        return model

    @cached_property
    def folder(self) -> "tempfile.TemporaryDirectory[str]":
        """Holds the store for as long as the shop is there."""
        return tempfile.TemporaryDirectory(prefix="shop-")

    @cached_property
    def store(self) -> Store:
        """Where the champion's reference is, and the scores of the windows that were asked for."""
        return open_store(f"sqlite:///{Path(self.folder.name) / 'store.db'}")

    def close(self) -> None:
        """Take the store away; the shop can be asked nothing more."""
        self.store.close()
        self.folder.cleanup()

    @cached_property
    def reference(self) -> Reference:
        """The rows of the validation and test days, as a training leaves them and the monitor reads them."""
        cutoffs = (*self.plan.periods[periods.VALIDATE], *self.plan.periods[periods.TEST])
        rows = pl.concat([self._answered(cutoff) for cutoff in cutoffs])
        content = io.BytesIO()
        marked(rows, digest=CHAMPION.digest).write_parquet(content)
        self.store.bundles.put(key_of(CHAMPION.digest), {FILE: content.getvalue()})
        found = reference_of(CHAMPION, store=self.store, registry=_no_registry, max_users=MAX_USERS)
        assert found is not None
        return found

    @cached_property
    def seen(self) -> dict[int, Sample]:
        """Windows that were asked for, by number."""
        return {}

    def window(self, number: int) -> Sample:
        """Return the scores of the window that ends `number + 1` days after the training."""
        if number not in self.seen:
            self.seen[number] = self._window(number)
        return self.seen[number]

    def _window(self, number: int) -> Sample:
        start = self.scenario.start_time + (TRAINED_DAYS + number) * DAY
        for cutoff in range(start + SCORED_EVERY, start + DAY + 1, SCORED_EVERY):
            self.store.scores.add(_scores(self._answered(cutoff)))
            self.store.scores.finish(cutoff)
        return window_sample(
            self.store, version=CHAMPION.version, digest=CHAMPION.digest, start=start, end=start + DAY, max_users=MAX_USERS
        )  # fmt: skip

    def verdicts(self, *, limits: Limits = DEFAULTS) -> list[Finding]:
        """Judge the windows one after the other, each with those before it."""
        found: list[Finding] = []
        for number in range(self.windows):
            found.append(judge(self.window(number), self.reference, before=found, limits=limits))
        return found

    def _answered(self, cutoff: int) -> pl.DataFrame:
        """Return all active users' rows at a cutoff, and what the model says of them."""
        rows = self._features(cutoff)
        answers = self.model.predict_proba(rows.select(NAMES).to_numpy())[:, 1].astype(np.float32)
        return rows.with_columns(pl.Series("probability", answers))

    def _features(self, cutoff: int) -> pl.DataFrame:
        near = pl.col("event_time").is_between(cutoff - HORIZON, cutoff)
        return snapshots(self.events.filter(near), [cutoff], lag=0)


def _compressed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    squeezed: NDArray[np.float64] = np.sign(rows) * np.log1p(np.abs(rows))
    return squeezed


def _scores(rows: pl.DataFrame) -> Iterator[Score]:
    packed = rows.select(NAMES).to_numpy().astype("<f4", order="C")
    answers = rows.select("user_id", "cutoff", "probability").iter_rows()
    for (user_id, cutoff, probability), row in zip(answers, packed, strict=True):
        yield Score(
            user_id=user_id, cutoff=cutoff, probability=probability, prediction=0, model_version=CHAMPION.version,
            feature_version=VERSION, features=row.tobytes(),
        )  # fmt: skip


def _no_registry() -> Registry:
    raise RegistryUnavailable("The store has the reference. There is no registry here.")
