"""The whole story, on one machine: a shop's users change, and the system notices, retrains, proves, rolls out, and says why.

test_journey goes once round the loop; here the loop closes by itself. The store, the registry, the training's process,
the operator and the service under load are the real ones; only the days pass faster, so the monitor is told the time.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner

from jobs.ingest import ingest
from jobs.monitor.drift import report
from jobs.operate import operate
from jobs.score import score
from propensity.cli import door, operation, state, training, watch
from propensity.events.event import DAY, HOUR
from propensity.events.formats import FORMATS
from propensity.features.definition import FEATURES
from propensity.lifecycle.champion import bundle_of, champion_of
from propensity.model import Model
from propensity.settings import Settings, read_settings
from propensity.simulate import Drift, Scenario, Simulation, simulate
from propensity.store import MonitorWindow, Score, Store, open_store
from tests.load import Load
from tests.scorer.conftest import served, wait_for

TRAINED_DAYS = 45
CHANGE = TRAINED_DAYS + 3
"""The day from which users behave differently, after three quiet ones."""
SCENARIO = Scenario(users=800, days=CHANGE + 4, seed=5, drift=Drift.MIX, drift_at=CHANGE)
SETTINGS = {
    "PROPENSITY_SEARCH": "quick",
    "PROPENSITY_WORKERS": "1",
    "PROPENSITY_CUTOFF_STRIDE_HOURS": "11",
    "PROPENSITY_BOOTSTRAP_ROUNDS": "100",
    "PROPENSITY_MIN_POSITIVES": "50",
    "PROPENSITY_GATE_MARGIN": "0.05",
    "PROPENSITY_VOLUME_GROWTH": "1",
    "PROPENSITY_RETRAIN_COOLDOWN_HOURS": "0",
    "PROPENSITY_OPERATE_INTERVAL_SECONDS": "0.3",
}
"""Small data: a margin that its wide intervals can clear, and no rest, because these days last seconds."""


class Town:
    """A shop whose days pass one after the other, and the parts that watch over it."""

    def __init__(self, settings: Settings, store: Store, simulation: Simulation) -> None:
        self.settings, self.store = settings, store
        self.events = simulation.events().with_columns(
            pl.from_epoch("event_time", time_unit="us").alias("at")
        )

    def day(self, number: int) -> int:
        """The first instant of a day."""
        return SCENARIO.start_time + number * DAY

    def live(self, first: int, until: int) -> None:
        """Take in what happened, up to the first hour of the day after, as a feed would bring it."""
        begin, end = self.day(first) + HOUR * bool(first), self.day(until) + HOUR
        log = self.settings.home / f"days-{first}-{until}.parquet"
        happened = self.events.filter(pl.col("event_time").is_between(begin, end, closed="left"))
        happened.with_columns(
            pl.col("at").dt.replace_time_zone("UTC").alias("event_time"), pl.col("price") / 100
        ).drop("at").write_parquet(log)
        ingest([str(log)], log_format=FORMATS["propensity"], store=self.store, now=end, max_refused_share=0.0)

    def score(self, day: int) -> None:
        """Score all active users every six hours of a day, as the schedule does."""
        champion = champion_of(self.store)
        model = Model(bundle_of(self.store, champion.digest))
        for cutoff in range(self.day(day) + 6 * HOUR, self.day(day + 1) + 1, 6 * HOUR):
            score(self.store, model, model_version=champion.version, cutoff=cutoff, lag=0)

    def watch(self, day: int) -> MonitorWindow:
        """Run the monitor in the first hour after a day."""
        return watch.watch(self.settings, now=self.day(day + 1) + HOUR)

    def pass_day(self, day: int) -> MonitorWindow:
        """Let a day pass: events, scores, monitor."""
        self.live(day, day + 1)
        self.score(day)
        return self.watch(day)

    def trainings(self) -> list[str]:
        """What became of all trainings, oldest first."""
        return [entry.state for entry in self.store.ledger.latest(50, "training")][::-1]

    def refused(self) -> bool:
        """Whether the newest training ended without a new champion."""
        newest = self.store.ledger.latest(1, "training")[0]
        return newest.state == "failed" or newest.evidence.get("verdict") in {
            "refused",
            "not enough evidence",
        }

    def told(self) -> str:
        """What `propensity ledger` prints."""
        return CliRunner().invoke(state.ledger, ["--limit", "100"]).stdout

    @contextmanager
    def operated(self) -> Iterator[None]:
        """Let the operator look again and again."""
        stop = threading.Event()
        hands = operation.hands_for(self.settings, self.store)
        thread = threading.Thread(
            target=operate, args=(hands,), kwargs={"stop": stop, "health": self.settings.home / "health"}
        )
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=30)


def as_request(score: Score) -> str:
    """Ask for a user with the features of a score, as an app does that knows its shoppers."""
    row = np.frombuffer(score.features, dtype="<f4").tolist()
    given = {
        feature.name: int(value) if feature.integer else value
        for feature, value in zip(FEATURES, row, strict=True)
        if feature.window != "cutoff"
    }
    return json.dumps({"user_id": score.user_id, **given})


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently takes seconds; test_monitor_report draws one."""
    monkeypatch.setattr(report, "_html", lambda *_: b"<html></html>")


@pytest.fixture
def town(
    tmp_path: Path, empty_registry: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Town]:
    """An installed system: embedded store and registry, and nothing in them."""
    assert settings.platform == "embedded"
    for name, value in (SETTINGS | {"PROPENSITY_HOME": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "mlflow.db").write_bytes(empty_registry.read_bytes())
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        yield Town(read_settings(), store, simulate(SCENARIO))


@pytest.mark.journey
@pytest.mark.timeout(600)
def test_a_shop_whose_users_change_gets_a_new_model_without_a_person_and_without_a_failed_request(
    town: Town,
) -> None:
    town.live(0, TRAINED_DAYS)
    first = training.run_training(
        town.settings, registry=door.open_registry(town.settings), reason="the shop opens"
    )
    assert (first.version.number, first.verdict.promotes) == ("1", True)

    for day in range(TRAINED_DAYS, CHANGE):
        window = town.pass_day(day)
        assert (window.decision, window.drift.judged) == ("not needed", True), window.reason
        assert "none for long enough" in window.reason
    assert town.trainings() == ["done"]

    home = town.settings.home
    bodies = [as_request(score) for score in town.store.scores.top(town.day(CHANGE), 500)]
    with town.operated(), served(home, PROPENSITY_HOME=str(home)) as service:
        wait_for(lambda: service.answers("/readyz"), seconds=60)
        with Load(service, bodies) as load:
            wait_for(lambda: load.answered["1"] > 100, seconds=30)
            decisions = [town.pass_day(CHANGE + day).decision for day in range(3)]
            assert decisions == ["not needed", "not needed", "retrain"]  # drift has to persist
            assert (
                town.watch(CHANGE + 2).decision == "retrain"
            )  # again: the same answer, and no second training
            wait_for(lambda: load.answered["2"] > 100 or town.refused(), seconds=300)
        assert load.failed == []
        assert load.answered.keys() == {"1", "2"}, town.told()
        assert service.client.get("/model").json()["version"] == "2"
        wait_for(lambda: "rollout version 2: done" in town.told(), seconds=20)

    assert town.trainings() == ["done", "done"]
    assert re.findall(r"UTC  (.*?)(?:, by [^—]*)?  — ", town.told())[::-1] == [
        "training 1: done",
        "promotion version 1: done",
        *["decision: not needed"] * 3,
        "rollout version 1: done",
        *["decision: not needed"] * 2,
        "training 2: done",
        f"decision {home}/trainings/training-2.log: retrain",
        "promotion version 2: done",
        "rollout version 2: done",
    ]
    assert "have drifted from the reference days, and stay so" in town.told()
    assert "Average precision differs from the champion's by" in town.told()
