"""A challenger on trial, in the ledger: state by state, killed at each, stopped, overtaken, and nothing left behind."""

from typing import Any

import msgspec
import pytest

from propensity.errors import ExperimentUnderWay, NoExperiment, SettingsError
from propensity.lifecycle import challenge
from propensity.lifecycle.challenge import Plan, intend, plan_of, start, stop, under_way
from propensity.lifecycle.experiments import Decision, Experiments
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.requests import ask
from propensity.lifecycle.rollback import reject
from propensity.registry import PRODUCTION, Registry
from propensity.settings import Settings, read_settings
from propensity.store import Experiment, LedgerEntry, Store, open_store
from tests.lifecycle.conftest import BETTER, GOOD, NOT_A_NUMBER
from tests.lifecycle.state_kill import Killed, KilledAfter

NOW = 1_770_000_000_000_000
CANARY = Plan(mode="canary", shares=[0.01, 0.5], effect=0.01)
SHADOW = Plan(mode="shadow", shares=[0.0], effect=0.01)


class World:
    """A store and a registry, a clock that is moved by hand, and a judge that says what it is told to."""

    def __init__(self, settings: Settings, store: Store, registry: Registry) -> None:
        self.settings, self.store, self.registry = settings, store, registry
        self.time = NOW
        self.says = Decision("wait")

    def clock(self) -> int:
        self.time += 1
        return self.time

    def judge(self, _entry: LedgerEntry, _experiment: Experiment) -> Decision:
        """Say it once: what a decision leads to is judged at the next look."""
        said, self.says = self.says, Decision("wait")
        return said

    def promote(self, number: str) -> None:
        promote(number, reason="a test", store=self.store, registry=self.registry, clock=self.clock)

    def intend(self, number: str = BETTER, plan: Plan = CANARY, key: str | None = None) -> LedgerEntry | None:
        return intend(
            self.registry.version(number), plan, reason="it may be better", store=self.store, clock=self.clock, key=key
        )  # fmt: skip

    def advance(self, says: Decision | None = None, store: Store | None = None) -> LedgerEntry | None:
        self.says = says or self.says
        return Experiments(
            store=store or self.store,
            registry=self.registry,
            settings=self.settings,
            clock=self.clock,
            judge=self.judge,
        ).advance()

    def newest(self) -> LedgerEntry:
        return self.store.ledger.latest(1, challenge.KIND)[0]

    def champion(self) -> str | None:
        record = self.store.champion()
        alias = self.registry.at(PRODUCTION)
        assert (record.version if record else None) == (alias.number if alias else None)
        return record.version if record else None


@pytest.fixture
def world(settings: Settings, store: Store, versions: Registry) -> World:
    made = World(settings, store, versions)
    made.promote(GOOD)
    return made


def states(entry: LedgerEntry) -> list[str]:
    return [state for state, _ in entry.history]


def test_a_canary_grows_by_stages_and_is_promoted(world: World) -> None:
    world.intend()
    running = world.advance()
    assert running is not None
    record = world.store.experiments.current()
    assert record is not None
    assert (record.number, record.mode, record.share, record.stage) == (running.sequence, "canary", 0.01, 0)
    assert record.champion.partition("@")[0] == GOOD
    assert world.store.bundles.get(record.challenger.partition("@")[2]) is not None

    world.advance(Decision("grow", numbers={"answers": 600}))
    grown = world.store.experiments.current()
    assert grown is not None
    assert (grown.share, grown.stage, grown.seed) == (0.5, 1, record.seed)
    assert grown.stage_at > record.stage_at
    assert world.champion() == GOOD

    entry = world.advance(Decision("promote", "all is well", {"answers": 700}))
    assert entry is not None
    assert states(entry) == ["intended", "running", "running", "promoting", "promoted"]
    assert entry.evidence["passed"] == [{"share": 0.01, "since": record.stage_at, "answers": 600}]
    assert entry.evidence["numbers"] == {"answers": 700}
    assert world.champion() == BETTER
    assert world.store.experiments.current() is None
    assert world.advance() is None


def test_a_challenger_that_fails_is_rejected_and_the_champion_stays(world: World) -> None:
    world.intend()
    world.advance()
    entry = world.advance(Decision("fail", "it is slow"))
    assert entry is not None
    assert (entry.state, entry.evidence["why"]) == ("failed", "it is slow")
    assert world.registry.version(BETTER).rejected == "it is slow"
    assert (world.champion(), world.store.experiments.current()) == (GOOD, None)


def test_an_experiment_that_shows_nothing_is_stopped_and_the_challenger_no_worse_for_it(world: World) -> None:
    world.intend()
    world.advance()
    entry = world.advance(Decision("stop", "no difference"))
    assert entry is not None
    assert entry.state == "stopped"
    assert not world.registry.version(BETTER).rejected
    assert (world.champion(), world.store.experiments.current()) == (GOOD, None)


def test_what_a_judge_notes_is_kept(world: World) -> None:
    world.intend(plan=Plan(mode="ab", shares=[0.5], effect=0.01))
    world.advance()
    world.advance(Decision("note", numbers={"report": {"users": 9}}))
    assert world.newest().state == "running"
    assert world.newest().evidence["report"] == {"users": 9}


def test_a_promotion_that_a_persons_experiment_ends_with_says_who(world: World) -> None:
    plan = world.registry.version(BETTER)
    intend(plan, CANARY, reason="it may be better", store=world.store, clock=world.clock, actor="ann")
    world.advance()
    world.advance(Decision("promote", "all is well"))
    (promotion,) = world.store.ledger.latest(1, "promotion")
    assert (promotion.subject, promotion.actor) == (BETTER, "ann")


@pytest.mark.parametrize("state", ["running", "promoting", "promoted"])
def test_a_run_killed_on_the_way_to_a_promotion_is_finished_by_the_next_look(
    world: World, state: str
) -> None:
    world.intend(plan=SHADOW)
    if state != "running":
        world.advance()
    kill(world, state, Decision("promote", "sound"))
    world.advance(Decision("promote", "sound"))
    assert (world.newest().state, world.champion()) == ("promoted", BETTER)
    assert world.store.experiments.current() is None
    assert len(world.store.ledger.latest(9, "promotion")) == 2


@pytest.mark.parametrize("state", ["ending", "failed"])
def test_a_run_killed_on_the_way_back_is_finished_by_the_next_look(world: World, state: str) -> None:
    world.intend(plan=SHADOW)
    world.advance()
    kill(world, state, Decision("fail", "it is slow"))
    world.advance(Decision("promote", "never asked"))
    assert (world.newest().state, world.champion()) == ("failed", GOOD)
    assert world.registry.version(BETTER).rejected == "it is slow"
    assert world.store.experiments.current() is None


def kill(world: World, state: str, says: Decision) -> None:
    with open_store(world.settings.store_uri.get_secret_value()) as dying:
        dying.ledger = KilledAfter(dying, state, kinds=[challenge.KIND])  # type: ignore[assignment]
        with pytest.raises(Killed):
            world.advance(says, store=dying)


def test_a_record_that_was_lost_or_left_behind_is_put_right(world: World) -> None:
    world.intend()
    world.advance()
    record = world.store.experiments.current()
    world.store.experiments.set_current(None)
    world.advance()
    assert world.store.experiments.current() == record
    world.advance(Decision("stop", "enough"))
    world.store.experiments.set_current(record)
    assert world.advance() is None
    assert world.store.experiments.current() is None


@pytest.mark.parametrize("by_hand", [BETTER, "4"])
def test_a_champion_promoted_by_hand_meanwhile_ends_the_experiment(world: World, by_hand: str) -> None:
    world.intend()
    world.advance()
    world.promote(by_hand)
    entry = world.advance(Decision("promote", "never asked"))
    assert entry is not None
    assert (entry.state, world.champion()) == ("stopped", by_hand)
    assert "Another version became champion" in entry.evidence["why"]
    assert world.store.experiments.current() is None


@pytest.mark.parametrize(
    ("number", "state", "why"),
    [(NOT_A_NUMBER, "failed", "not finite"), (GOOD, "stopped", "champion already")],
)
def test_what_can_not_be_tried_never_reaches_a_pod(world: World, number: str, state: str, why: str) -> None:
    world.intend(number)
    entry = world.advance()
    assert entry is not None
    assert (entry.state, world.champion()) == (state, GOOD)
    assert why in entry.evidence["why"]
    assert world.store.experiments.current() is None


def test_a_version_that_was_rolled_back_is_not_tried(world: World) -> None:
    reject(BETTER, "it sold nothing", registry=world.registry)
    world.intend()
    entry = world.advance()
    assert entry is not None
    assert entry.state == "stopped"
    assert "rolled back before" in entry.evidence["why"]


def test_of_those_that_wait_the_newest_is_tried_and_the_one_that_runs_goes_on(world: World) -> None:
    world.intend()
    world.advance()
    for number in ("4", BETTER):
        world.intend(number, key=f"training {number}")
        assert world.intend(number, key=f"training {number}") is None
    world.advance()
    assert [one.state for one in world.store.ledger.latest(3, challenge.KIND)] == [
        "intended",
        "stopped",
        "running",
    ]
    first = under_way(world.store)
    assert first is not None
    assert first.state == "running"
    world.advance(Decision("stop", "enough"))
    world.advance()
    assert [one.state for one in world.store.ledger.latest(3, challenge.KIND)] == [
        "running",
        "stopped",
        "stopped",
    ]


def test_an_experiment_that_runs_is_the_one_that_is_on_however_many_were_asked_for_since(
    world: World,
) -> None:
    world.intend()
    running = world.advance()
    assert running is not None
    for number in range(60):
        world.intend("4", key=f"training {number}")
    world.advance()
    found = under_way(world.store)
    assert found is not None
    assert (found.sequence, found.state) == (running.sequence, "running")
    record = world.store.experiments.current()
    assert record is not None
    assert record.number == running.sequence
    assert [one.state for one in world.store.ledger.latest(61, challenge.KIND)].count("stopped") == 59


@pytest.mark.parametrize("mode", ["shadow", "canary", "ab"])
@pytest.mark.parametrize("verdict", ["refused", "not enough evidence", ""])
def test_what_the_gate_did_not_let_through_is_left_to_a_person_unless_its_users_bought_more(
    world: World, mode: str, verdict: str
) -> None:
    world.registry.tag(BETTER, {"verdict": verdict})
    world.intend(plan=msgspec.structs.replace(CANARY, mode=mode))  # type: ignore[arg-type]
    world.advance()
    entry = world.advance(Decision("promote", "It is sound."))
    assert entry is not None
    assert world.store.experiments.current() is None
    assert not world.registry.version(BETTER).rejected
    if mode == "ab":
        assert (entry.state, world.champion()) == ("promoted", BETTER)
    else:
        assert (entry.state, world.champion()) == ("stopped", GOOD)
        assert "It is sound." in entry.evidence["why"]
        assert "by hand" in entry.evidence["why"]


def test_an_ab_does_not_begin_where_its_first_answers_would_be_forgotten_before_its_end(world: World) -> None:
    world.settings = read_settings(home=world.settings.home, prediction_retention_days=20)
    with pytest.raises(SettingsError, match="PREDICTION_RETENTION_DAYS"):
        plan_of(world.settings, "ab")
    assert plan_of(world.settings, "canary").mode == "canary"
    world.intend(
        plan=Plan(mode="ab", shares=[0.5], effect=0.01)
    )  # asked for by another release, or before the change
    entry = world.advance()
    assert entry is not None
    assert (entry.state, world.champion()) == ("stopped", GOOD)
    assert "first answers" in entry.evidence["why"]
    world.settings = read_settings(home=world.settings.home, prediction_retention_days=20, experiment_days=10)
    assert plan_of(world.settings, "ab").mode == "ab"


def test_a_person_starts_and_stops_an_experiment_once(world: World) -> None:
    def begin() -> LedgerEntry:
        request = ask(
            "start experiment", reason="a hunch", store=world.store, clock=world.clock, version=BETTER
        )
        return begin_for(request)

    def begin_for(request: LedgerEntry) -> LedgerEntry:
        version = world.registry.version(BETTER)
        return start(version, CANARY, reason="a hunch", request=request, store=world.store, clock=world.clock)

    request = ask("start experiment", reason="a hunch", store=world.store, clock=world.clock, version=BETTER)
    first = begin_for(request)
    assert begin_for(request) == first
    with pytest.raises(ExperimentUnderWay, match="experiment stop"):
        begin()
    world.advance()
    ending = stop("the campaign starts", store=world.store, clock=world.clock)
    assert ending.state == "ending"
    with pytest.raises(NoExperiment):
        stop("again", store=world.store, clock=world.clock)
    entry = world.advance()
    assert entry is not None
    assert (entry.state, entry.evidence["why"]) == ("stopped", "the campaign starts")
    with pytest.raises(NoExperiment):
        stop("again", store=world.store, clock=world.clock)


def test_plans_come_from_the_settings_or_from_who_asks(settings: Settings) -> None:
    assert plan_of(settings, "canary").shares == [0.01, 0.05, 0.25, 0.5]
    assert plan_of(settings, "canary", stages="0.1,0.2").shares == [0.1, 0.2]
    assert plan_of(settings, "ab").shares == [0.5]
    assert plan_of(settings, "ab", share=0.2).shares == [0.2]
    assert plan_of(settings, "shadow").shares == [0.0]


@pytest.mark.parametrize("stages", ["0.5,0.1", "0", "1.0", "half", "0.1,0.1", "0.1,,0.2"])
def test_stages_that_do_not_grow_between_0_and_1_are_refused(settings: Settings, stages: str) -> None:
    with pytest.raises(SettingsError, match="growing shares"):
        plan_of(settings, "canary", stages=stages)


@pytest.mark.parametrize("stages", ["", "5%", "0.1 0.2", "2"])
def test_a_setting_that_is_no_list_of_shares_is_refused_at_the_door(settings: Settings, stages: Any) -> None:
    with pytest.raises(SettingsError, match="EXPERIMENT_STAGES"):
        read_settings(home=settings.home, experiment_stages=stages)
