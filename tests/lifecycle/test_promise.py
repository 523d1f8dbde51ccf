"""Live answers held to the promise of the test days: just inside, just outside, and what is not the model's doing."""

import pytest

from propensity.bundle import Estimate
from propensity.features.definition import VERSION
from propensity.lifecycle.promise import NOBODY, Answers, answers_of, complaint
from propensity.lifecycle.rollback import roll_back
from propensity.lifecycle.rollout import MINUTE, newest
from propensity.registry import Registry
from propensity.settings import Settings
from propensity.store import Prediction, Store
from tests.lifecycle.conftest import BETTER, GOOD
from tests.lifecycle.test_rollout import World, kill

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


def prediction(number: int, *, version: str = BETTER, positive: bool = True, **changed: object) -> Prediction:
    given: dict[str, object] = {
        "prediction_id": f"{version}-{number:05}", "user_id": f"u{number}", "predicted_at": number,
        "probability": 0.5, "prediction": int(positive), "threshold": 0.5, "model_version": version,
        "features_from": "store", "feature_version": VERSION, "features": number.to_bytes(4, "little"),
        "latency_us": 1, "pod": "p", "sequence": number, "boot": "b", "route": "predict",
    }  # fmt: skip
    return Prediction(**(given | changed))  # type: ignore[arg-type]


def test_a_user_who_asks_again_counts_once_by_the_newest_answer() -> None:
    asked = [prediction(3, user_id="u1", positive=False), prediction(2), prediction(1)]
    assert answers_of(BETTER, asked) == Answers(2, 0.5)


def test_users_who_look_the_same_are_one_and_unknown_ones_none() -> None:
    alike = [prediction(number, features=b"same") for number in range(9)]
    assert answers_of(BETTER, alike) == Answers(1, 1.0)
    unknown = [prediction(number, features_from="default") for number in range(9)]
    assert answers_of(BETTER, unknown) == NOBODY


def test_other_versions_and_earlier_answers_do_not_count() -> None:
    given = [prediction(2), prediction(1, positive=False), prediction(0, version=GOOD)]
    assert answers_of(BETTER, given) == Answers(2, 0.5)
    assert answers_of(BETTER, given, since=2) == Answers(1, 1.0)


class Watched(World):
    """A world whose service answers: the versions here promise that nobody lies above the threshold."""

    def __init__(self, settings: Settings, store: Store, registry: Registry) -> None:
        super().__init__(settings, store, registry)
        self.answered = 0

    def answer(self, version: str, *, above: int, users: int = 200) -> None:
        """Answer so many users, of whom some lie above the threshold."""
        first = self.answered
        self.answered += users
        self.store.predictions.add(
            [
                prediction(
                    first + number, version=version, positive=number < above, predicted_at=self.time + number
                )
                for number in range(users)
            ]
        )

    def look(self) -> str:
        """Look once; return the newest rollout's state."""
        self.advance()
        found = newest(self.store)
        assert found is not None
        return found.state


@pytest.fixture
def world(settings: Settings, store: Store, versions: Registry) -> Watched:
    made = Watched(settings, store, versions)
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


@pytest.mark.parametrize(("micros", "state"), [(0, "rolled back"), (1, "done")])
def test_answers_are_watched_for_as_long_as_is_set(world: Watched, micros: int, state: str) -> None:
    world.answer(BETTER, above=200)
    world.time += round(world.settings.rollout_watch_minutes * MINUTE) + micros
    assert world.look() == state


def test_a_first_model_has_nothing_to_go_back_to_and_is_not_watched(
    settings: Settings, store: Store, versions: Registry
) -> None:
    world = Watched(settings, store, versions)
    world.serve(GOOD)
    world.answer(GOOD, above=200)
    assert world.look() == "done"


def test_a_version_that_a_person_went_back_to_stays(world: Watched) -> None:
    roll_back("it sees nonsense", key="one", store=world.store, registry=world.registry, clock=world.clock)
    assert world.look() == "done"
    world.answer(GOOD, above=200)
    assert world.look() == "done"
    assert world.settled() == (GOOD, GOOD, GOOD)


@pytest.mark.parametrize("state", ["rolling back", "intended", "done", "rolled back"])
def test_a_broken_promise_that_was_found_by_a_run_that_died_is_acted_on_by_the_next(
    world: Watched, state: str
) -> None:
    world.answer(BETTER, above=200)
    kill(world, state)
    assert world.look() == "rolled back"
    assert world.settled() == (GOOD, GOOD, GOOD)
    assert len(world.store.ledger.latest(10, "rollback")) == 1
