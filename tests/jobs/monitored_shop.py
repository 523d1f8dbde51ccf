"""A shop under the monitor's eyes, in numbers that a test can choose: events by the hour, scores, a champion."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from jobs.monitor.drift.origin import key_of
from jobs.monitor.watch import Monitor
from propensity.bundle import SCHEMA, Bundle, Estimate, ModelDocument, Period, Recorded
from propensity.errors import RegistryUnavailable
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.features.definition import NAMES, VERSION
from propensity.registry import Registry
from propensity.settings import Settings
from propensity.store import Champion, MonitorWindow, Score, Store

MONDAY = 1_772_409_600_000_000
"""2 March 2026, 00:00 UTC: the first day after the training."""
NONE = Estimate(0.0, 0.0, 0.0)
SCORED_EVERY = 6 * HOUR


def document(*, recall: float = 0.9, contact_share: float = 0.4, events: int = 1_000) -> ModelDocument:
    """A champion whose test days hold 10 % buyers."""
    test = Period(
        first_cutoff=0, last_cutoff=0, cutoffs=1, rows=1_000, users=1_000, positives=100
    )  # fmt: skip
    return ModelDocument(
        schema=SCHEMA, estimator="random_forest", parameters={}, calibration="none", feature_version=VERSION,
        features=list(NAMES), threshold=0.5, recall_target=0.9, expected_recall=0.9,
        contact_share=Estimate(contact_share, contact_share, contact_share),
        metrics={"recall": Estimate(recall, recall, recall)}, baselines={}, operating_curve=[],
        periods={"test": test}, lag=0, burn_in=0, warnings=[], trained_at=MONDAY, git_commit="", data_digest="",
        events=events,
    )  # fmt: skip


def no_registry() -> Registry:
    raise RegistryUnavailable("MLflow does not answer. Try again later.")


class Jobs:
    """Starts trainings by name; the same name twice is one."""

    def __init__(self) -> None:
        self.made: dict[int, list[str]] = {}

    def start(self, number: int, triggers: Sequence[Any]) -> str:
        self.made.setdefault(number, [trigger.kind for trigger in triggers])
        return f"training-{number}"


class MonitoredShop:
    """Users with a rate of their own each, from whom rows and events are drawn."""

    def __init__(self, store: Store, settings: Settings, *, users: int = 600, seed: int = 3) -> None:
        self.store = store
        self.settings = settings
        self.chance = np.random.default_rng(seed)
        self.users = [f"u{number:05}" for number in range(users)]
        self.rates = self.chance.gamma(2.0, 1.5, size=users)
        self.jobs = Jobs()

    def make_champion(self, version: str = "1", *, events: int = 1_000, with_reference: bool = True) -> None:
        """Put a version into production, with a reference of the two weeks before MONDAY."""
        bundle = Bundle.make(
            onnx=version.encode(),
            document=document(events=events),
            recorded=Recorded(inputs=[], probabilities=[]),
        )
        self.store.bundles.put(bundle.digest, bundle.files)
        if with_reference:
            self.store.bundles.put(key_of(bundle.digest), {"reference.parquet": self._reference()})
        self.store.set_champion(
            Champion(version=version, digest=bundle.digest, verdict="promoted", promoted_at=MONDAY)
        )

    def rows(self, *, shift: float = 0.0) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Draw a row for each user; `shift` adds to the mean of cart_count."""
        rows = self.chance.poisson(self.rates[:, None], size=(len(self.users), len(NAMES))).astype(np.float32)
        if shift:
            column = NAMES.index("cart_count")
            rows[:, column] = self.chance.poisson(self.rates + shift)
        return rows

    def score(
        self,
        cutoff: int,
        *,
        shift: float = 0.0,
        version: str = "1",
        users: Sequence[str] | None = None,
        finish: bool = True,
    ) -> None:
        """Write scores of all users, or of some; and say that the cutoff is finished, as the job does at its end."""
        chosen = self.users if users is None else users
        rows = self.rows(shift=shift)
        self.store.scores.add(
            Score(
                user_id=user, cutoff=cutoff, probability=float(row[0] / (row[0] + 5)),
                prediction=int(row[0] > 2), model_version=version, feature_version=VERSION,
                features=row.astype("<f4").tobytes(),
            )
            for user, row in zip(self.users, rows, strict=True)
            if user in set(chosen)
        )  # fmt: skip
        if finish:
            self.store.scores.finish(cutoff)

    def live(self, first: int, days: int, *, shift: float = 0.0, per_hour: int = 6) -> None:
        """Let days pass from `first` days after MONDAY: events every hour, scores every six."""
        start = MONDAY + first * DAY
        self.events(start, start + days * DAY, per_hour=per_hour)
        for cutoff in range(start + SCORED_EVERY, start + days * DAY + 1, SCORED_EVERY):
            self.score(cutoff, shift=shift)

    def events(self, start: int, end: int, *, per_hour: int = 6) -> None:
        """Write views, evenly over the hours; the one at the end says that the time before it is over."""
        step = HOUR // per_hour
        self.store.events.add(
            Event(f"e{time}", self.users[time // step % len(self.users)], "view", time, price=1_000)
            for time in range(start, end + 1, step)
        )

    def monitor(
        self, *, now: int, store: Store | None = None, clock: Callable[[], int] | None = None
    ) -> MonitorWindow:
        """Run the monitor once."""
        return Monitor(
            store=store or self.store,
            settings=self.settings,
            registry=no_registry,
            start=self.jobs.start,
            clock=clock,
        ).run(now=now)

    def _reference(self) -> bytes:
        cutoffs = range(MONDAY - 14 * DAY, MONDAY, 13 * HOUR)
        content = io.BytesIO()
        pl.concat([self._reference_rows(cutoff) for cutoff in cutoffs]).write_parquet(content)
        return content.getvalue()

    def _reference_rows(self, cutoff: int) -> pl.DataFrame:
        rows = self.rows()
        score = rows[:, 0] / (rows[:, 0] + 5)
        return pl.DataFrame(
            {
                "user_id": self.users,
                "cutoff": np.full(len(self.users), cutoff, dtype=np.int64),
                "period": "test",
                "label": np.zeros(len(self.users), dtype=np.int8),
                "probability": score,
                **{name: rows[:, number] for number, name in enumerate(NAMES)},
            }
        )
