"""A shop that has been running for a while, for the dashboard to show: two trainings, scores, a monitor, live traffic.

Everything is made by the real parts on a simulated log that ends at `now`; only the service's answers are made up.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import SecretStr

from jobs.monitor import performance
from jobs.monitor.drift.origin import reference_of
from jobs.monitor.look import Eyes
from jobs.monitor.outcomes import join_outcomes, mature_until
from jobs.monitor.volume import count_volume
from jobs.score import score
from propensity.campaign.selection import Control, select, top
from propensity.campaign.target_list import record
from propensity.events import MICROS, Event, Refusal
from propensity.events.event import DAY, HOUR
from propensity.lifecycle.champion import bundle_of, champion_of
from propensity.lifecycle.retraining import record_decision
from propensity.model import Model
from propensity.registry import Registry
from propensity.settings import Settings
from propensity.simulate import Scenario, simulate
from propensity.store import MonitorWindow, Prediction, Store, open_store
from propensity.store.findings import Drift
from training.train import Training

DAYS = 40
REPORT = b"<html><body><h1>Drift of 44 columns</h1></body></html>"
LIVE_DAYS = 8
"""The last days, on which nothing was trained, so that scores have outcomes."""


def settings_of(home: Path, *, store_uri: str = "") -> Settings:
    """Settings under which a training takes seconds."""
    return Settings(
        home=home,
        store_uri=SecretStr(store_uri or f"sqlite:///{home}/store.db"),
        search="quick",
        bootstrap_rounds=60,
        min_positives=50,
        workers=2,
        cutoff_stride_hours=13,
        drift_min_users=100,
    )


def open_a_shop(home: Path, *, now: int, users: int = 900, store_uri: str = "") -> None:
    """Fill a home with a registry and a store, its own where no other is named, whose log ends at `now`."""
    settings = settings_of(home, store_uri=store_uri)
    first = datetime.fromtimestamp(now // HOUR * HOUR // MICROS, UTC) - timedelta(days=DAYS)
    scenario = Scenario(start=first, users=users, days=DAYS, seed=5)
    registry = Registry(settings.tracking_uri, artifacts=home / "artifacts")
    events = simulate(scenario).events()
    live_from = now // HOUR * HOUR - LIVE_DAYS * DAY
    with open_store(settings.store_uri.get_secret_value()) as store:
        _take_in(events.filter(pl.col("event_time") < live_from), store)
        _train(settings, store, registry, at=live_from, reason="the first model")
        _take_in(events.filter(pl.col("event_time") >= live_from), store)
        _live(settings, store, now=now)
        _train(settings, store, registry, at=now, reason="a week of new events")
        _serve(store, now=now)


def _take_in(events: pl.DataFrame, store: Store) -> None:
    store.events.add(Event(**row) for row in events.iter_rows(named=True))


def _train(settings: Settings, store: Store, registry: Registry, *, at: int, reason: str) -> None:
    Training(
        settings, store=store, registry=registry, clock=lambda: at, git_commit="abc", say=lambda _: None
    ).run(reason)


def _live(settings: Settings, store: Store, *, now: int) -> None:
    """Score twice a day with the first model, and watch each day when it is over."""
    store.refused.add(_refusals(now))
    champion = champion_of(store)
    model = Model(bundle_of(store, champion.digest))
    for cutoff in range(now // HOUR * HOUR - (LIVE_DAYS - 1) * DAY, now, 12 * HOUR):
        score(store, model, model_version=champion.version, cutoff=cutoff, lag=0)
    _contact(store, at=now - 5 * DAY)
    join_outcomes(store, watermark=now, settings=settings, now=now)
    _watch(settings, store, now=now)


def _contact(store: Store, *, at: int) -> None:
    """Record a campaign's list from the scores of its day."""
    cutoff = next(one for one in store.scores.cutoffs(100) if one <= at)
    chosen = select(store, top(300), control=Control(seed=7, share=0.2), cutoff=cutoff)
    record(store, chosen, name="autumn sale", by="operator", at=at)


def _watch(settings: Settings, store: Store, *, now: int) -> None:
    """Write what the monitor finds on each day, without drawing Evidently's report, which takes ten seconds."""
    champion = champion_of(store)
    reference = reference_of(champion, store=store, registry=lambda: _registry(settings), max_users=2_000)
    eyes = Eyes(
        store=store, settings=settings, version=champion.version, digest=champion.digest, reference=reference
    )
    document = bundle_of(store, champion.digest).document
    before: list[Drift] = []
    for days_ago in reversed(range(LIVE_DAYS - 1)):
        end = now // DAY * DAY - days_ago * DAY
        found = eyes.look(end, before=before[-2:], watermark=now, now=end + HOUR)
        mature = mature_until(end, settings=settings)
        live = performance.measure(
            store, version=champion.version, document=document, since=mature - 7 * DAY, until=mature,
            settings=settings, silence=found.silence,
        )  # fmt: skip
        before.append(found.drift)
        name = f"drift-{champion.version}-{end // HOUR}.html"
        store.reports.put(name, REPORT, at=end)
        entry = record_decision(
            "not needed", window_end=end, reason="Nothing has drifted.", evidence={}, store=store, clock=lambda at=end: at
        )  # fmt: skip
        store.windows.add(
            MonitorWindow(
                version=champion.version, start=found.start, end=end, at=end + HOUR, quality=found.quality,
                drift=found.drift, performance=live, decision=entry.state, reason=entry.reason,
                volume=count_volume(store, document=document, end=end), sequence=entry.sequence, report=name,
            )
        )  # fmt: skip


def _registry(settings: Settings) -> Registry:
    return Registry(settings.tracking_uri, artifacts=settings.home / "artifacts")


def _refusals(now: int) -> list[Refusal]:
    reasons = ("bad_time", "unknown_type", "missing_user", "bad_time")
    return [
        Refusal(
            refusal_id=f"r{number}", source="csv", file="shop.csv", line=number + 2,
            reason=reasons[number % len(reasons)], raw="=cmd()|<b>bold</b>,view", user_id=None,
            refused_at=now - number * HOUR,
        )
        for number in range(40)
    ]  # fmt: skip


def _serve(store: Store, *, now: int, requests: int = 3_000) -> None:
    """Write answers of the last day, busier in its second half."""
    chance = np.random.default_rng(5)
    champion = champion_of(store)
    times = np.sort(now - (chance.beta(2, 1.3, requests) * DAY).astype(np.int64))
    latencies = chance.lognormal(6.2, 0.5, requests).astype(int)
    probabilities = chance.beta(0.6, 8, requests)
    store.predictions.add(
        [
            Prediction(
                prediction_id=f"p{number}", user_id=f"u{number % 700}", predicted_at=int(times[number]),
                probability=float(probabilities[number]), prediction=int(probabilities[number] >= 0.02), threshold=0.02,
                model_version=champion.version, features_from=("store", "request", "mixed")[number % 3],
                feature_version=1, features=b"", latency_us=int(latencies[number]), pod=f"pod-{number % 2}",
                sequence=number // 2, boot="b", route="predict" if number % 5 else "batch",
            )
            for number in range(requests)
        ]
    )  # fmt: skip
