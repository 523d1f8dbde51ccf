"""Challengers beside a champion under load: tried on copies, on halves and by growing shares, taken up or taken back."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from jobs.operate import Hands, operate
from propensity.cli import door
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.features.definition import NAMES, VERSION
from propensity.lifecycle.challenge import KIND, plan_of
from propensity.lifecycle.embedded import EmbeddedPlatform
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.requests import ask
from propensity.registry import PRODUCTION, Registry, TrainingRecord
from propensity.settings import Settings, read_settings
from propensity.store import Arm, LedgerEntry, Score, Store, open_store
from propensity.store.experiments import Mode
from tests.lifecycle.conftest import bundle, unsound_bundle
from tests.load import Load
from tests.scorer.conftest import Served, served, wait_for

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]
FIRST, SECOND, UNSOUND, THIRD = "1", "2", "3", "4"
USERS = 60
ARMS: tuple[Arm, Arm] = ("champion", "challenger")


class Shop:
    """A service under load, an operator that looks again and again, and a clock that can be put forward."""

    def __init__(
        self, store: Store, registry: Registry, settings: Settings, service: Served, load: Load
    ) -> None:
        self.store, self.registry, self.settings = store, registry, settings
        self.service, self.load = service, load
        self.ahead = 0

    def clock(self) -> int:
        return door.now() + self.ahead

    def begin(self, mode: Mode, version: str) -> None:
        plan = plan_of(self.settings, mode, stages="0.3,0.7")
        ask("start experiment", reason="a test", store=self.store, clock=self.clock, version=version,
            plan={"mode": plan.mode, "shares": plan.shares, "effect": plan.effect})  # fmt: skip
        wait_for(lambda: self.experiment().subject == version, seconds=60)

    def experiment(self) -> LedgerEntry:
        found = self.store.ledger.latest(1, KIND)
        return (
            found[0] if found else LedgerEntry(sequence=0, kind=KIND, state="", at=0, updated_at=0, reason="")
        )

    def ended(self) -> LedgerEntry:
        ends = {"promoted", "stopped", "failed"}
        wait_for(lambda: self.experiment().state in ends, seconds=120)
        return self.experiment()

    def settle(self, champion: str) -> None:
        """Wait until a champion alone answers, in no arm, and nothing is left of the experiment."""

        def is_settled() -> bool:
            answer = httpx.post(f"{self.service.url}/predict", json={"user_id": "u1"}).json()
            return "arm" not in answer and answer["model_version"] == champion

        wait_for(is_settled, seconds=60)
        record, alias = self.store.champion(), self.registry.at(PRODUCTION)
        assert record is not None
        assert alias is not None
        assert record.version == alias.number == champion
        assert self.store.experiments.current() is None
        assert self.load.failed == []


def score(user: int, *, at: int) -> Score:
    """What the nightly job wrote of a user: by it the promise is judged, as clients send their own features here."""
    row = np.ones(len(NAMES), dtype="<f4")
    row[NAMES.index("cart_count")] = 1 + user
    return Score(
        user_id=f"u{user}",
        cutoff=at,
        probability=0.4,
        prediction=0,
        model_version=FIRST,
        feature_version=VERSION,
        features=row.tobytes(),
    )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Iterator[Shop]:
    home = tmp_path_factory.mktemp("challengers")
    shutil.copy(empty_registry, home / "mlflow.db")
    settings = read_settings(
        home=home,
        tracking_uri=f"sqlite:///{home}/mlflow.db",
        operate_interval_seconds=0.2,
        experiment_shadow_answers=100,
        experiment_stage_answers=60,
        experiment_stage_minutes=0,
        experiment_look_hours=0,
        experiment_latency_ratio=100,
        experiment_effect=0.1,  # a plan that 60 users can end: an A/B planned for 31,000 waits for more of them
    )
    registry = Registry(settings.tracking_uri, artifacts=home / "artifacts")
    (home / "nothing").mkdir()
    pipeline = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    for one in [bundle(-0.1), bundle(-0.2), unsound_bundle(), bundle(-0.3)]:
        registry.record(TrainingRecord({}, {}, {"verdict": "promoted"}, one, pipeline, home / "nothing"))
    with open_store(f"sqlite:///{home}/store.db") as store:
        promote(FIRST, reason="the first", store=store, registry=registry, clock=door.now)
        store.events.add(
            [Event(f"e{user}", f"u{user}", "cart", door.now() - HOUR, "p") for user in range(USERS)]
        )
        now = door.now()
        store.scores.add([score(user, at=now) for user in range(settings.rollout_watch_users)])
        bodies = [f'{{"user_id": "u{number}", "cart_count": {number % 3}}}' for number in range(USERS)]
        stop = threading.Event()
        with served(home, PROPENSITY_HOME=str(home)) as service:
            wait_for(lambda: service.answers("/readyz"), seconds=60)
            with Load(service, bodies) as load:
                made = Shop(store, registry, settings, service, load)
                hands = Hands(store, registry, EmbeddedPlatform(home), settings, made.clock)
                operator = threading.Thread(
                    target=operate, args=(hands,), kwargs={"stop": stop, "health": home / "health"}
                )
                operator.start()
                try:
                    yield made
                finally:
                    stop.set()
                    operator.join(timeout=60)


def test_a_shadow_is_promoted_after_enough_copies_and_changed_no_answer(shop: Shop) -> None:
    shop.settle(FIRST)
    before = shop.load.answered[SECOND]
    shop.begin("shadow", SECOND)
    wait_for(lambda: shop.store.shadows.count() >= 100, seconds=60)
    entry = shop.ended()
    assert (entry.state, entry.evidence["numbers"]["unsound"]) == ("promoted", 0)
    assert before == 0
    shop.settle(SECOND)
    assert {one.model_version for one in shop.store.shadows.latest(5_000)} == {SECOND}
    assert "shadow" not in {one.route for one in shop.store.predictions.latest(5_000)}


def test_a_canary_of_a_challenger_that_answers_nonsense_goes_back_by_itself(shop: Shop) -> None:
    shop.settle(SECOND)
    shop.begin("canary", UNSOUND)
    entry = shop.ended()
    assert entry.state == "failed"
    assert "the champion had to answer" in entry.evidence["why"]
    assert shop.registry.version(UNSOUND).rejected == entry.evidence["why"]
    shop.settle(SECOND)
    logged = [one for one in shop.store.predictions.latest(5_000) if one.arm == "challenger"]
    assert logged
    assert all(0 <= one.probability <= 1 for one in logged)


def test_an_ab_whose_challenger_sells_more_ends_with_its_promotion(shop: Shop) -> None:
    shop.settle(SECOND)
    shop.begin("ab", THIRD)
    record = wait_for(shop.store.experiments.current)
    start = record.started_at

    def joined() -> int:
        arms = (shop.store.predictions.first_answers(arm, since=start, until=shop.clock()) for arm in ARMS)
        return sum(map(len, arms))

    wait_for(lambda: joined() == USERS, seconds=60)
    theirs = shop.store.predictions.first_answers("challenger", since=start, until=shop.clock())
    assert 15 < len(theirs) < 45
    bought = [Event(f"b{user}", user, "purchase", at + HOUR, "p") for user, at in theirs.items()]
    shop.store.events.add([*bought, Event("end", "nobody", "view", shop.clock() + 2 * DAY, "p")])
    shop.ahead = 2 * DAY
    entry = shop.ended()
    assert entry.state == "promoted"
    assert entry.evidence["why"].startswith("Its users bought more: +100")
    shop.settle(THIRD)


def test_what_a_person_starts_a_person_can_stop(shop: Shop) -> None:
    shop.settle(THIRD)
    shop.begin("ab", FIRST)
    wait_for(lambda: shop.load.answered[FIRST] > 0, seconds=60)
    before = shop.load.answered[FIRST]
    wait_for(lambda: shop.load.answered[FIRST] > before, seconds=60)
    ask("stop experiment", reason="enough", store=shop.store, clock=shop.clock)
    entry = shop.ended()
    assert (entry.state, entry.evidence["why"]) == ("stopped", "enough")
    shop.settle(THIRD)
