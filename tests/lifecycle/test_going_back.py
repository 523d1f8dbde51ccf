"""The operator goes back: to what was served well, whatever is lost, killed, promoted or moved by hand meanwhile."""

from collections.abc import Collection

import pytest

from jobs.operate import PATIENCE
from propensity.bundle import Bundle
from propensity.errors import BrokenBundle
from propensity.lifecycle.requests import ask
from propensity.lifecycle.rollout import MINUTE
from propensity.registry import PREVIOUS, PRODUCTION, REJECTED, Registry, Version
from propensity.settings import Settings
from propensity.store import Store
from tests.jobs.test_operate import World
from tests.lifecycle.conftest import BETTER, GOOD, NOT_A_NUMBER, THIRD


class LosingRegistry(Registry):
    """The real registry, which has lost the bundles of some versions."""

    lost: Collection[str] = ()

    def bundle(self, version: Version) -> Bundle:
        if version.number in self.lost:
            raise BrokenBundle(f"The registry has lost the bundle of version {version.number}.")
        return super().bundle(version)


class LosingBundles:
    """The store's bundles, but for those that it has lost."""

    def __init__(self, real: Store, lost: Collection[str]) -> None:
        self._real, self._lost = real.bundles, lost

    def get(self, digest: str) -> dict[str, bytes] | None:
        return None if digest in self._lost else self._real.get(digest)

    def put(self, digest: str, files: dict[str, bytes]) -> None:
        self._real.put(digest, files)


@pytest.fixture
def world(settings: Settings, store: Store, versions: Registry) -> World:
    return World(settings, store, versions)


def lose(world: World, *numbers: str, everywhere: bool) -> None:
    """Lose bundles in the registry, or in the store as well."""
    registry = LosingRegistry(world.settings.tracking_uri, artifacts=world.settings.home / "artifacts")
    registry.lost = numbers
    if everywhere:
        digests = [registry.version(number).digest for number in numbers]
        world.store.bundles = LosingBundles(world.store, digests)
    world.registry = registry


def looks(world: World, count: int = 4) -> None:
    for _ in range(count):
        world.time += PATIENCE
        world.look()


def test_what_the_store_still_holds_is_gone_back_to_without_the_registrys_bundle(world: World) -> None:
    world.asked("promote", GOOD)
    lose(world, GOOD, everywhere=False)
    world.promote(NOT_A_NUMBER)
    looks(world)
    assert world.settled() == (GOOD, GOOD, GOOD)
    assert world.newest("rollout").state == "rolled back"


def test_a_version_before_that_is_lost_everywhere_blocks_no_later_one(world: World) -> None:
    world.asked("promote", GOOD)
    lose(world, GOOD, everywhere=True)
    world.promote(NOT_A_NUMBER)
    looks(world)
    rollout = world.newest("rollout")
    assert (rollout.subject, rollout.state, rollout.evidence["back_to"]) == (
        NOT_A_NUMBER,
        "rolled back",
        None,
    )
    before = len(world.store.ledger.latest(99))
    looks(world)
    assert len(world.store.ledger.latest(99)) == before
    world.promote(BETTER)
    looks(world)
    assert world.settled() == (BETTER, BETTER, BETTER)


@pytest.mark.parametrize("by_hand", [False, True])
def test_where_the_version_before_is_lost_the_one_before_that_is_gone_back_to(
    world: World, by_hand: bool
) -> None:
    world.asked("promote", THIRD)
    world.asked("promote", GOOD)
    lose(world, GOOD, everywhere=True)
    if by_hand:
        world.asked("promote", BETTER)
        assert world.asked("roll back").evidence["result"] == f"Back to version {THIRD}."
    else:
        world.promote(NOT_A_NUMBER)
    looks(world)
    assert world.settled() == (THIRD, THIRD, THIRD)
    states = [(one.subject, one.state) for one in world.store.ledger.latest(9, "rollback")]
    assert states == [(THIRD, "done"), (GOOD, "failed")]


BACK = [
    ("rollout", "rolling back"),
    ("rollback", "intended"),
    ("promotion", "intended"),
    ("promotion", "bundled"),
    ("promotion", "alias set"),
    ("promotion", "done"),
]


@pytest.mark.parametrize(("kind", "state"), BACK)
@pytest.mark.parametrize("by", ["request", "gate", "alias"])
def test_what_is_promoted_while_a_way_back_is_interrupted_holds(
    world: World,
    kind: str,
    state: str,
    by: str,
) -> None:
    world.asked("promote", GOOD)
    world.promote(NOT_A_NUMBER)
    world.kill(kind, state)
    if by == "request":
        assert world.asked("promote", BETTER).state == "done"
    elif by == "gate":
        world.promote(BETTER)
    else:
        world.registry.set_alias(PRODUCTION, BETTER)
        world.time += PATIENCE  # a promotion that was left behind comes first
    looks(world)
    if by == "alias" and (kind, state) in BACK[2:5]:
        assert world.settled() in {(GOOD, GOOD, GOOD), (BETTER, BETTER, BETTER)}
    else:
        assert world.settled() == (BETTER, BETTER, BETTER)
    assert world.registry.version(NOT_A_NUMBER).rejected
    assert {one.state for one in world.store.ledger.latest(9, "rollback")} <= {"done", "superseded"}
    assert {one.state for one in world.store.ledger.latest(9, "rollout")} <= {
        "done",
        "rolled back",
        "superseded",
    }


@pytest.mark.parametrize(("kind", "state"), BACK[1:])
def test_a_version_that_is_forced_while_it_is_gone_back_from_stays(
    world: World, kind: str, state: str
) -> None:
    world.asked("promote", GOOD)
    world.asked("promote", BETTER)
    asked = ask("roll back", reason="it sees nonsense", store=world.store, clock=world.clock)
    world.kill(kind, state)
    world.promote(BETTER, force=True)
    looks(world)
    assert world.settled() == (BETTER, BETTER, BETTER)
    assert world.registry.version(BETTER).rejected == ""
    answered = world.store.ledger.get(asked.sequence)
    assert answered is not None
    assert (answered.state, "promoted meanwhile" in answered.evidence["result"]) == ("refused", True)


def test_a_first_model_that_was_given_up_is_tried_again_by_force(world: World) -> None:
    world.platform.unready.add(reference(world, BETTER))
    world.asked("promote", BETTER)
    too_late(world)
    assert world.newest("rollout").state == "rolled back"
    world.platform.unready.clear()
    assert world.asked("promote", BETTER, force=True).state == "done"
    looks(world)
    assert (world.newest("rollout").state, world.registry.version(BETTER).rejected) == ("done", "")


def reference(world: World, number: str) -> str:
    return f"{number}@{world.registry.version(number).digest}"


def too_late(world: World) -> None:
    """Let the time go by in which a service has to become ready."""
    world.look()
    world.time += round(world.settings.rollout_deadline_minutes * MINUTE) + 1
    world.look()


@pytest.fixture
def never_ready(world: World) -> World:
    """A service that serves GOOD and was told BETTER three minutes ago, with which it never gets ready."""
    world.asked("promote", GOOD)
    world.platform.unready.add(reference(world, BETTER))
    world.asked("promote", BETTER)
    world.time += 3 * MINUTE
    world.look()
    assert world.newest("rollout").state == "annotated"
    return world


def test_a_person_goes_back_to_what_was_served_not_to_what_never_was_ready(never_ready: World) -> None:
    never_ready.asked("promote", THIRD)
    looks(never_ready)
    assert never_ready.settled() == (THIRD, THIRD, THIRD)
    previous = never_ready.registry.at(PREVIOUS)
    assert previous is not None
    assert previous.number == GOOD
    never_ready.asked("roll back")
    looks(never_ready, 20)
    assert never_ready.settled() == (GOOD, GOOD, GOOD)


def test_a_broken_model_after_one_that_never_was_ready_goes_back_to_what_was_served(
    never_ready: World,
) -> None:
    never_ready.promote(NOT_A_NUMBER)
    looks(never_ready)
    assert never_ready.settled() == (GOOD, GOOD, GOOD)
    rollout = never_ready.newest("rollout")
    assert (rollout.subject, rollout.state) == (GOOD, "done")


def test_a_champion_that_was_told_but_never_served_gets_its_deadline(never_ready: World) -> None:
    never_ready.promote(GOOD)
    never_ready.look()
    never_ready.promote(BETTER)
    too_late(never_ready)
    looks(never_ready)
    assert never_ready.settled() == (GOOD, GOOD, GOOD)
    assert "did not become ready" in never_ready.registry.version(BETTER).rejected


def test_a_person_can_go_back_as_far_as_there_were_good_ones(world: World) -> None:
    for number in (GOOD, BETTER, THIRD):
        world.asked("promote", number)
    for number in (BETTER, GOOD):
        assert world.asked("roll back").evidence["result"] == f"Back to version {number}."
        assert world.settled() == (number, number, number)
    assert world.asked("roll back").state == "refused"
    assert [world.registry.version(number).rejected != "" for number in (GOOD, BETTER, THIRD)] == [
        False,
        True,
        True,
    ]


def test_where_no_operator_ran_what_was_champion_before_can_be_gone_back_to(world: World) -> None:
    for number in (GOOD, BETTER, THIRD):
        world.promote(number)
    assert world.asked("roll back").evidence["result"] == f"Back to version {BETTER}."
    looks(world)
    assert world.settled() == (BETTER, BETTER, BETTER)


def test_a_rejected_version_stays_out_of_production_also_where_its_promotion_has_failed(world: World) -> None:
    world.asked("promote", GOOD)
    ask("promote", version=BETTER, reason="a person says so", store=world.store, clock=world.clock)
    world.kill("promotion", "intended")
    world.registry.tag(BETTER, {REJECTED: "it sees nonsense"})
    looks(world)
    assert world.newest("promotion").state == "failed"
    world.registry.set_alias(PRODUCTION, BETTER)
    looks(world, 3)
    assert world.settled() == (GOOD, GOOD, GOOD)


def test_a_person_goes_back_from_what_is_served_not_from_where_the_alias_was_just_moved(world: World) -> None:
    world.asked("promote", GOOD)
    world.asked("promote", BETTER)
    world.registry.set_alias(PRODUCTION, THIRD)
    assert world.asked("roll back").evidence["result"] == f"Back to version {GOOD}."
    looks(world)
    assert world.settled() == (GOOD, GOOD, GOOD)
    assert [bool(world.registry.version(number).rejected) for number in (BETTER, THIRD)] == [True, False]
