"""A simulated shop as the monitor would see it: a champion's reference, and a window of scores for each later day."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from jobs.monitor.drift.reference import Reference
from jobs.monitor.drift.sample import COLUMNS, Sample
from jobs.monitor.drift.trigger import limits_of
from jobs.monitor.drift.verdict import Limits, judge
from propensity.events.event import DAY, HOUR
from propensity.features.definition import HORIZON, NAMES
from propensity.features.offline import labels, snapshots
from propensity.settings import Settings
from propensity.simulate import Drift, Scenario, simulate
from propensity.store.findings import Drift as Finding
from training import periods

TRAINED_DAYS = 60
"""Days of events the champion is made from."""
SCORED_EVERY = 6 * HOUR
"""As the chart's schedule does by default."""
DEFAULTS = limits_of(Settings())


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
    def reference(self) -> Reference:
        cutoffs = (*self.plan.periods[periods.VALIDATE], *self.plan.periods[periods.TEST])
        return Reference(self.sample(list(cutoffs)))

    def window(self, number: int) -> Sample:
        """Return the scores of the window that ends `number + 1` days after the training."""
        start = self.scenario.start_time + (TRAINED_DAYS + number) * DAY
        return self.sample(list(range(start + SCORED_EVERY, start + DAY + 1, SCORED_EVERY)))

    def verdicts(self, *, limits: Limits = DEFAULTS) -> list[Finding]:
        """Judge the windows one after the other, each with those before it."""
        found: list[Finding] = []
        for number in range(self.windows):
            found.append(judge(self.window(number), self.reference, before=found, limits=limits))
        return found

    def sample(self, cutoffs: list[int]) -> Sample:
        """Return all active users' rows at some cutoffs."""
        rows = pl.concat([self._features(cutoff) for cutoff in cutoffs])
        features = rows.select(COLUMNS[:-1]).to_numpy().astype(np.float32)
        score = self.model.predict_proba(rows.select(NAMES).to_numpy())[:, 1].astype(np.float32)
        return Sample(
            users=rows["user_id"].to_numpy().astype(np.str_),
            cutoffs=rows["cutoff"].to_numpy(),
            values=np.column_stack([features, score]),
        )

    def _features(self, cutoff: int) -> pl.DataFrame:
        near = pl.col("event_time").is_between(cutoff - HORIZON, cutoff)
        return snapshots(self.events.filter(near), [cutoff], lag=0)


def _compressed(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    squeezed: NDArray[np.float64] = np.sign(rows) * np.log1p(np.abs(rows))
    return squeezed
