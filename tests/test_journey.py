"""Once round the loop, on one machine: read this test first.

A shop's log comes in, a model is trained, gated and promoted, scores are written, the service answers, a shopper's
live events change the answer, and a retraining meets the champion at the gate. Everything in it is the real thing.
"""

import asyncio
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest

from jobs.ingest import ingest
from jobs.score import score
from propensity.errors import NothingNew
from propensity.events.event import DAY, HOUR
from propensity.events.formats import FORMATS
from propensity.lifecycle.champion import bundle_of, champion_of
from propensity.lifecycle.erasure import forget
from propensity.metrics import roc_auc
from propensity.model import Model
from propensity.registry import CHALLENGER, PREVIOUS, PRODUCTION, Registry
from propensity.settings import Settings
from propensity.simulate import Scenario, Simulation, simulate
from propensity.store import Store, open_store
from training.train import Outcome, Training

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # bentoml's own, at import
    from bentos.scorer.assembly import Assembly
    from bentos.scorer.front import Front

pytestmark = pytest.mark.journey

SCENARIO = Scenario(users=1_500, days=40, seed=11)
END = SCENARIO.end_time


class Journey:
    """What the stages of the loop pass on."""

    settings: Settings
    store: Store
    registry: Registry
    simulation: Simulation
    first: Outcome
    second: Outcome


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Iterator[Journey]:
    """Take a log in and train twice; each test looks at one stretch of the way."""
    made = Journey()
    home = tmp_path_factory.mktemp("journey")
    made.settings = Settings(home=home, search="quick", bootstrap_rounds=100, min_positives=100, workers=2)
    (home / "mlflow.db").write_bytes(empty_registry.read_bytes())
    made.registry = Registry(f"sqlite:///{home}/mlflow.db", artifacts=home / "artifacts")
    made.simulation = simulate(SCENARIO)
    made.simulation.write(home / "shop.csv")
    with open_store(f"sqlite:///{home}/store.db") as made.store:
        take_in(made)
        made.first = trained(made, reason="the first", at=END + HOUR)
        made.second = trained(made, reason="asked for by hand", at=END + 2 * HOUR)
        yield made


def take_in(journey: Journey) -> None:
    log = str(journey.settings.home / "shop.csv")
    ingest([log], log_format=FORMATS["propensity"], store=journey.store, now=END, max_refused_share=0.0)


def trained(journey: Journey, *, reason: str, at: int) -> Outcome:
    training = Training(
        journey.settings,
        store=journey.store,
        registry=journey.registry,
        clock=lambda: at,
        git_commit="abc",
        say=lambda _: None,
    )
    return training.run(reason)


def test_the_log_is_in_the_store_and_the_same_log_again_changes_nothing(journey: Journey) -> None:
    before = journey.store.events.summary()
    assert before.events == journey.simulation.events().height
    with pytest.raises(NothingNew):
        take_in(journey)
    assert journey.store.events.summary() == before


def test_the_first_model_beats_the_baselines_and_goes_into_production(journey: Journey) -> None:
    assert journey.first.verdict.word == "promoted"
    document = journey.first.trained.document
    best = max(baseline["average_precision"].value for baseline in document.baselines.values())
    assert document.metrics["average_precision"].low > best


def test_a_retraining_is_a_challenger_that_the_gate_compares_with_the_champion(journey: Journey) -> None:
    verdict = journey.second.verdict
    assert verdict.difference is not None
    assert verdict.promotes
    at_alias = {alias: journey.registry.at(alias) for alias in (PRODUCTION, CHALLENGER, PREVIOUS)}
    numbers = {alias: found.number if found else None for alias, found in at_alias.items()}
    assert numbers == {PRODUCTION: "2", CHALLENGER: "2", PREVIOUS: "1"}


def test_the_ledger_tells_the_story(journey: Journey) -> None:
    told = [(entry.kind, entry.state) for entry in reversed(journey.store.ledger.latest(10))]
    assert told == [("training", "done"), ("promotion", "done")] * 2


def test_scores_order_shoppers_nearly_as_well_as_their_true_probabilities(journey: Journey) -> None:
    champion = champion_of(journey.store)
    model = Model(bundle_of(journey.store, champion.digest))
    cutoff = END - DAY
    for _ in range(2):  # the second run changes nothing
        score(journey.store, model, model_version=champion.version, cutoff=cutoff, lag=0)
    scores = pl.DataFrame(
        [(one.user_id, one.probability) for one in journey.store.scores.top(cutoff, 10_000)],
        schema=["user_id", "score"],
        orient="row",
    )
    bought = journey.simulation.events().filter(
        (pl.col("event_type") == "purchase") & pl.col("event_time").is_between(cutoff, END, closed="left")
    )
    truth = journey.simulation.truth([cutoff]).join(scores, on="user_id")
    labels = truth["user_id"].is_in(bought["user_id"].unique().implode()).cast(pl.Int8).to_numpy()
    assert truth.height == scores.height == journey.store.scores.count(cutoff)
    reached = roc_auc(labels, truth["score"].to_numpy().astype(np.float64))
    assert reached > roc_auc(labels, truth["probability"].to_numpy()) - 0.06


def ask(assembly: Assembly, path: str, body: Any) -> httpx.Response:
    async def nothing_behind(*_: Any) -> None:
        raise AssertionError

    async def post() -> httpx.Response:
        app = Front(nothing_behind, assembly=lambda: assembly)
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://scorer") as client:
            return await client.post(path, json=body)

    return asyncio.run(post())


def test_a_shopper_who_fills_a_cart_becomes_likelier_to_buy(journey: Journey) -> None:
    assembly = Assembly(journey.settings, now=lambda: END + HOUR)
    assembly.start()
    try:
        assembly.keeper.ready(wait_seconds=20)
        quiet = journey.store.scores.top(END - DAY, 10_000)[-1].user_id
        before = ask(assembly, "/predict", {"user_id": quiet}).json()
        events = [
            {"event_id": f"live-{n}", "user_id": quiet, "event_type": kind, "event_time": END + n * 60_000_000,
             "product_id": f"p{n % 3}", "price": 19.9}
            for n, kind in enumerate(["view"] * 12 + ["favorite", "cart", "cart", "cart"])
        ]  # fmt: skip
        assert ask(assembly, "/events", events).status_code == 202
        after = ask(assembly, "/predict", {"user_id": quiet}).json()
    finally:
        assembly.stop()
    assert (before["features_from"], after["model_version"]) == ("store", "2")
    assert after["probability"] > before["probability"]
    logged = {one.prediction_id for one in journey.store.predictions.latest(10)}
    assert {before["prediction_id"], after["prediction_id"]} <= logged


def test_a_shopper_who_asks_to_be_forgotten_is_in_no_file_and_the_models_that_learned_are_named(
    journey: Journey,
) -> None:
    user = journey.store.scores.top(END - DAY, 1)[0].user_id
    said = forget(
        user,
        reason="asked by letter",
        actor="ann",
        store=journey.store,
        clock=lambda: END + 3 * HOUR,
        salt=b"s" * 32,
    )
    assert said.learned.versions == ["2", "1"]
    assert {"events", "scores"} <= said.found.keys()
    home = journey.settings.home
    files = [*home.glob("store.db*"), *home.glob("spool/*"), home / "mlflow.db", *home.glob("artifacts/**/*")]
    assert [str(path) for path in files if path.is_file() and user.encode() in path.read_bytes()] == []
    references = list(home.glob("artifacts/**/reference.parquet"))
    assert len(references) == 2
    assert not any("user_id" in pl.read_parquet(path).columns for path in references)
    assert user.startswith("u")
