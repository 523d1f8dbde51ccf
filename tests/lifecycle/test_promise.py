"""A rolled out version held to its promise: just inside, just outside, what is not its doing, and what clients make up."""

import math
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.dummy import DummyClassifier

from propensity.bundle import Estimate
from propensity.events.event import DAY
from propensity.features.definition import NAMES, VERSION
from propensity.lifecycle.answers import NOBODY, Answers, answers_to, untrue
from propensity.lifecycle.promise import complaint
from propensity.lifecycle.rollback import roll_back
from propensity.lifecycle.rollout import MINUTE, newest
from propensity.model import Model
from propensity.registry import Registry, TrainingRecord
from propensity.settings import Settings
from propensity.store import Prediction, Score, Store
from tests.lifecycle.conftest import BETTER, GOOD, bundle, bundle_by_cart, unsound_bundle
from tests.lifecycle.test_rollout import World, kill

LEAST = 40
"""What a cart must hold for BETTER to put its owner above the threshold; GOOD puts nobody there."""
ALIKE = "3"
"""A version that answers as BETTER does, but for a hair."""
UNSOUND = "4"
"""A version that has no answer for an empty cart."""
MADE_UP = ["request", "mixed", "default"]
HALF = Estimate(0.5, 0.45, 0.55)


def complained(live: Answers, *, before: Answers = NOBODY, promised_before: Estimate = HALF) -> str:
    return complaint(
        live, promised=HALF, before=before, promised_before=promised_before, least_users=200, tolerance=0.25
    )


@pytest.mark.parametrize(("positives", "holds"), [(50, False), (51, True), (349, True), (350, False)])
def test_a_share_is_held_to_the_interval_the_tolerance_and_chance(positives: int, *, holds: bool) -> None:
    said = complained(Answers(400, positives / 400))  # 0.45 and 0.55, 0.25, and three times 0.0249
    assert (said == "") is holds
    assert holds or "of 400 live users" in said


@pytest.mark.parametrize(("users", "holds"), [(199, True), (200, False)])
def test_too_few_users_break_nothing(users: int, *, holds: bool) -> None:
    assert (complained(Answers(users, 1.0)) == "") is holds


def test_what_the_traffic_did_to_the_version_before_is_not_this_ones_doing() -> None:
    all_above, none_above = Answers(400, 1.0), Answers(400, 0.0)
    assert complained(all_above, before=Answers(400, 0.9)) == ""
    assert complained(none_above, before=Answers(400, 0.1)) == ""
    assert complained(none_above, before=Answers(400, 0.9)) != ""
    assert complained(all_above, before=Answers(199, 0.9)) != ""
    assert complained(all_above, before=Answers(400, 0.9), promised_before=Estimate(0.9, 0.9, 0.9)) != ""


def row_of(number: int, *, above: bool) -> bytes:
    """The features of a user; of another number they are others."""
    values = dict.fromkeys(NAMES, 0.0) | {"views_30d": number, "cart_count": LEAST + 10 if above else 0}
    return struct.pack(f"<{len(NAMES)}f", *values.values())


def prediction(number: int, *, version: str = BETTER, above: bool = True, **changed: object) -> Prediction:
    probability = 1 / (1 + math.exp(-10 if above else LEAST)) if version != GOOD else 1 / (1 + math.exp(0.1))
    given: dict[str, object] = {
        "prediction_id": f"{version}-{number:05}", "user_id": f"u{number}", "predicted_at": number,
        "probability": probability, "prediction": int(probability >= 0.5), "threshold": 0.5,
        "model_version": version, "features_from": "store", "feature_version": VERSION,
        "features": row_of(number, above=above),
        "latency_us": 1, "pod": "p", "sequence": number, "boot": "b", "route": "predict",
    }  # fmt: skip
    return Prediction(**(given | changed))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(bundle_by_cart(LEAST))


def test_users_who_look_the_same_are_one(model: Model) -> None:
    rows = [row_of(number, above=number < 3) for number in range(4)]
    assert answers_to(rows, model=model) == Answers(4, 0.75)
    assert answers_to(rows[:1] * 9, model=model) == Answers(1, 1.0)
    assert answers_to([], model=model) == NOBODY


@pytest.mark.parametrize(("wrong", "said"), [(2, ""), (3, "3 of 200 live answers are not those")])
def test_answers_are_the_bundles_own_but_for_one_in_a_hundred(model: Model, wrong: int, said: str) -> None:
    given = [prediction(number, above=number % 2 == 0) for number in range(200)]
    assert untrue(given, model=model, least=200) == ""
    for changed in ({"probability": 0.7}, {"prediction": 0}):
        others = [prediction(number, **changed) for number in range(wrong)]
        assert untrue(others + given[wrong:], model=model, least=200).startswith(said)
        assert (untrue(others + given[wrong:], model=model, least=200) == "") is (said == "")
        assert untrue(others + given[wrong:], model=model, least=201) == ""


class Watched(World):
    """A world whose service answers: the versions here promise that nobody lies above the threshold."""

    def __init__(self, settings: Settings, store: Store, registry: Registry) -> None:
        super().__init__(settings, store, registry)
        self.answered = 0

    def answer(self, version: str, *, above: int, users: int = 200, **changed: object) -> None:
        """Answer so many users, of whom some have what puts them above the threshold."""
        first = self.answered
        self.answered += users
        self.store.predictions.add(
            [
                prediction(
                    first + number,
                    version=version,
                    above=number < above,
                    **({"predicted_at": self.time + number} | changed),
                )
                for number in range(users)
            ]
        )

    def score(self, *, above: int, users: int = 200, age: int = 0) -> None:
        """Score so many users by the version before."""
        self.store.scores.add(
            Score(
                user_id=f"s{number:04}", cutoff=self.time - age, probability=0.4, prediction=0,
                model_version=GOOD, feature_version=VERSION, features=row_of(number, above=number < above),
            )
            for number in range(users)
        )  # fmt: skip

    def look(self) -> str:
        """Look once; return the newest rollout's state."""
        self.advance()
        found = newest(self.store)
        assert found is not None
        return found.state


@pytest.fixture(scope="module")
def watched_versions(empty_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry's database with GOOD, BETTER, ALIKE and UNSOUND as they are here."""
    folder = tmp_path_factory.mktemp("watched")
    shutil.copy(empty_registry, folder / "mlflow.db")
    registry = Registry(f"sqlite:///{folder}/mlflow.db", artifacts=folder / "artifacts")
    pipeline = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    (folder / "nothing").mkdir()
    for one in (bundle(-0.1), bundle_by_cart(LEAST), bundle_by_cart(LEAST + 0.01), unsound_bundle()):
        registry.record(TrainingRecord({}, {}, {"verdict": "promoted"}, one, pipeline, folder / "nothing"))
    return folder / "mlflow.db"


@pytest.fixture
def new_world(settings: Settings, store: Store, watched_versions: Path) -> Callable[[], Watched]:
    def make() -> Watched:
        settings.home.mkdir(parents=True, exist_ok=True)
        shutil.copy(watched_versions, settings.home / "mlflow.db")
        return Watched(
            settings, store, Registry(settings.tracking_uri, artifacts=settings.home / "artifacts")
        )

    return make


@pytest.fixture
def world(new_world: Callable[[], Watched]) -> Watched:
    made = new_world()
    made.serve(GOOD)
    made.answer(GOOD, above=0)
    made.time += 10 * MINUTE
    made.serve(BETTER)
    return made


def test_a_model_whose_live_answers_break_its_promise_is_taken_back_by_itself(world: Watched) -> None:
    world.answer(BETTER, above=51)
    assert world.look() == "rolled back"
    assert world.settled() == (GOOD, GOOD, GOOD)
    rejected = world.registry.version(BETTER).rejected
    assert rejected.startswith("It puts 26% of 200 live users at or above its threshold")
    assert world.look() == "rolled back"
    assert world.platform.told == [world.reference(number) for number in (GOOD, BETTER, GOOD)]


def test_a_model_whose_live_answers_keep_its_promise_stays(world: Watched) -> None:
    world.answer(BETTER, above=50)
    assert world.look() == "done"
    assert world.settled() == (BETTER, BETTER, BETTER)


def test_a_model_without_a_probability_for_users_we_scored_is_taken_back(world: Watched) -> None:
    world.time += 10 * MINUTE
    world.serve(UNSOUND)
    world.score(above=197)
    assert world.look() == "rolled back"
    assert "answers to 3 of 200 users are no probabilities" in world.registry.version(UNSOUND).rejected
    assert world.settled() == (BETTER, BETTER, BETTER)


@pytest.mark.parametrize("features_from", MADE_UP)
def test_features_that_clients_make_up_take_no_model_back(world: Watched, features_from: str) -> None:
    world.answer(BETTER, above=1_000, users=1_000, features_from=features_from)
    assert world.look() == "done"
    assert world.settled() == (BETTER, BETTER, BETTER)


@pytest.mark.parametrize("features_from", MADE_UP)
def test_answers_that_are_not_the_bundles_own_take_it_back_whoever_asked(
    world: Watched, features_from: str
) -> None:
    world.answer(BETTER, above=0, features_from=features_from, probability=0.49)
    assert world.look() == "rolled back"
    assert "200 of 200 live answers are not those" in world.registry.version(BETTER).rejected


def test_with_scores_who_is_asked_for_takes_no_model_back(world: Watched) -> None:
    world.score(above=10)
    world.answer(BETTER, above=1_000, users=1_000)
    assert world.look() == "done"


@pytest.mark.parametrize(("above", "state"), [(50, "done"), (51, "rolled back")])
def test_the_promise_is_held_to_the_newest_scores(world: Watched, above: int, state: str) -> None:
    world.score(above=200, age=DAY)
    world.score(above=above)
    assert world.look() == state


def test_scores_of_other_days_say_nothing_of_this_one(world: Watched) -> None:
    world.score(above=200, age=2 * DAY + 10 * MINUTE)
    assert world.look() == "done"
    world.answer(BETTER, above=200)
    assert world.look() == "rolled back"


def test_users_whom_the_version_before_puts_there_too_excuse_this_one(world: Watched) -> None:
    world.time += 10 * MINUTE
    world.serve(ALIKE)
    world.score(above=200)
    assert world.look() == "done"
    assert world.settled() == (ALIKE, ALIKE, ALIKE)


def test_a_user_who_asks_again_counts_once_by_the_newest_answer(world: Watched) -> None:
    world.answer(BETTER, above=0)
    for _ in range(4):
        world.answer(BETTER, above=200, user_id="u1")
    assert world.look() == "done"


def test_other_versions_and_earlier_answers_do_not_count(world: Watched) -> None:
    world.answer(GOOD, above=200)
    world.answer(BETTER, above=200, predicted_at=world.time - 1)
    assert world.look() == "done"


@pytest.mark.parametrize(("micros", "state"), [(0, "rolled back"), (1, "done")])
def test_answers_are_watched_for_as_long_as_is_set(world: Watched, micros: int, state: str) -> None:
    world.answer(BETTER, above=200)
    world.time += round(world.settings.rollout_watch_minutes * MINUTE) + micros
    assert world.look() == state


def test_a_first_model_has_nothing_to_go_back_to_and_is_not_watched(new_world: Callable[[], Watched]) -> None:
    world = new_world()
    world.serve(BETTER)
    world.answer(BETTER, above=200)
    assert world.look() == "done"


def test_a_version_that_a_person_went_back_to_stays(new_world: Callable[[], Watched]) -> None:
    world = new_world()
    world.serve(BETTER)
    world.serve(GOOD)
    roll_back("it sees nonsense", key="one", store=world.store, registry=world.registry, clock=world.clock)
    assert world.look() == "done"
    world.answer(BETTER, above=200)
    assert world.look() == "done"
    assert world.settled() == (BETTER, BETTER, BETTER)


@pytest.mark.parametrize("state", ["rolling back", "intended", "done", "rolled back"])
def test_a_broken_promise_that_was_found_by_a_run_that_died_is_acted_on_by_the_next(
    world: Watched, state: str
) -> None:
    world.answer(BETTER, above=200)
    kill(world, state)
    assert world.look() == "rolled back"
    assert world.settled() == (GOOD, GOOD, GOOD)
    assert len(world.store.ledger.latest(10, "rollback")) == 1
