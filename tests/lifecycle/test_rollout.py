"""A champion on its way to the service, and back: killed at each state, not ready in time, broken, overtaken."""

import pytest
from mlflow import MlflowClient

from propensity.errors import NothingBefore, VersionRejected
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.rollback import roll_back
from propensity.lifecycle.rollout import MINUTE, Rollouts, newest
from propensity.registry import MODEL_NAME, PREVIOUS, PRODUCTION, Registry
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store, open_store
from tests.lifecycle.conftest import BETTER, GOOD, NOT_A_NUMBER, OTHER_ANSWERS
from tests.lifecycle.ground import MemoryPlatform
from tests.lifecycle.state_kill import Killed, KilledAfter

NOW = 1_770_000_000_000_000


class World:
    """A store, a registry and a platform, and a clock that is moved by hand."""

    def __init__(self, settings: Settings, store: Store, registry: Registry) -> None:
        self.settings, self.store, self.registry = settings, store, registry
        self.platform = MemoryPlatform()
        self.time = NOW

    def clock(self) -> int:
        return self.time

    def promote(self, number: str, *, force: bool = False) -> None:
        promote(
            number, reason="better", store=self.store, registry=self.registry, clock=self.clock, force=force
        )

    def advance(self, store: Store | None = None) -> LedgerEntry | None:
        return Rollouts(
            store=store or self.store,
            registry=self.registry,
            platform=self.platform,
            settings=self.settings,
            clock=self.clock,
        ).advance()

    def serve(self, number: str) -> None:
        self.promote(number)
        entry = self.advance()
        assert entry is not None
        assert entry.state == "done"

    def reference(self, number: str) -> str:
        return f"{number}@{self.registry.version(number).digest}"

    def settled(self) -> tuple[str | None, str | None, str]:
        """Who is champion by the record, by the alias, and by what the service was told."""
        record, alias = self.store.champion(), self.registry.at(PRODUCTION)
        told = self.platform.annotated().partition("@")[0]
        return record.version if record else None, alias.number if alias else None, told


@pytest.fixture
def world(settings: Settings, store: Store, versions: Registry) -> World:
    return World(settings, store, versions)


def test_a_champion_reaches_the_service_state_by_state(world: World) -> None:
    world.promote(GOOD)
    entry = world.advance()
    assert entry is not None
    assert [state for state, _ in entry.history] == ["intended", "alias set", "annotated", "ready", "done"]
    assert world.settled() == (GOOD, GOOD, GOOD)
    assert world.platform.told == [world.reference(GOOD)]


def test_where_the_champion_is_served_nothing_happens(world: World) -> None:
    assert world.advance() is None
    world.serve(GOOD)
    before = world.store.ledger.latest(10)
    done = world.advance()
    assert done is None
    assert world.store.ledger.latest(10) == before


def kill(world: World, state: str) -> None:
    with open_store(world.settings.store_uri.get_secret_value()) as dying:
        dying.ledger = KilledAfter(dying, state, kinds=("rollout", "rollback"))  # type: ignore[assignment]
        with pytest.raises(Killed):
            world.advance(dying)


@pytest.mark.parametrize("state", ["intended", "alias set", "annotated", "ready", "done"])
def test_a_rollout_killed_at_any_state_is_finished_by_the_next_look(world: World, state: str) -> None:
    world.serve(GOOD)
    world.promote(BETTER)
    kill(world, state)
    world.advance()
    found = newest(world.store)
    assert found is not None
    assert (found.subject, found.state) == (BETTER, "done")
    assert world.settled() == (BETTER, BETTER, BETTER)
    assert world.platform.told == [world.reference(GOOD), world.reference(BETTER)]


def test_a_service_that_does_not_become_ready_in_time_goes_back_by_itself(world: World) -> None:
    world.serve(GOOD)
    world.platform.unready.add(world.reference(BETTER))
    world.promote(BETTER)
    waiting = world.advance()
    assert waiting is not None
    assert waiting.state == "annotated"
    world.time += round(world.settings.rollout_deadline_minutes * MINUTE)
    assert world.advance() == waiting
    world.time += 1
    entry = world.advance()
    assert entry is not None
    assert entry.state == "rolled back"
    assert "did not become ready" in entry.evidence["why"]
    assert world.settled() == (GOOD, GOOD, GOOD)
    assert world.advance() is None


@pytest.mark.parametrize("broken", [NOT_A_NUMBER, OTHER_ANSWERS])
def test_a_bundle_that_does_not_verify_never_reaches_a_pod(world: World, broken: str) -> None:
    world.serve(GOOD)
    world.promote(broken)
    entry = world.advance()
    assert entry is not None
    assert (entry.state, entry.evidence["back_to"]) == ("rolled back", GOOD)
    assert world.platform.told == [world.reference(GOOD)]
    assert world.settled() == (GOOD, GOOD, GOOD)
    assert world.registry.version(broken).rejected == entry.evidence["why"]


def test_a_bundle_of_another_digest_is_taken_back(world: World) -> None:
    world.serve(GOOD)
    world.promote(BETTER)
    files = world.registry.bundle(world.registry.version(GOOD)).files
    champion = world.store.champion()
    assert champion is not None
    bundles = world.store.bundles

    class Altered:
        def get(self, digest: str) -> dict[str, bytes] | None:
            return files if digest == champion.digest else bundles.get(digest)

        put = staticmethod(bundles.put)

    world.store.bundles = Altered()
    entry = world.advance()
    assert entry is not None
    assert entry.state == "rolled back"
    assert world.settled() == (GOOD, GOOD, GOOD)


@pytest.mark.parametrize("state", ["rolling back", "intended of the way back", "done", "rolled back"])
def test_a_way_back_killed_at_any_state_is_finished_by_the_next_look(world: World, state: str) -> None:
    world.serve(GOOD)
    world.promote(NOT_A_NUMBER)
    if state == "intended of the way back":
        kill(world, "rolling back")
        state = "intended"
    kill(world, state)
    world.advance()
    found = newest(world.store)
    assert found is not None
    assert (found.subject, found.state) == (NOT_A_NUMBER, "rolled back")
    assert world.settled() == (GOOD, GOOD, GOOD)
    assert len(world.store.ledger.latest(10, "rollback")) == 1


def test_a_broken_model_that_is_deleted_on_its_way_back_holds_up_no_later_one(world: World) -> None:
    world.serve(GOOD)
    world.promote(NOT_A_NUMBER)
    kill(world, "rolling back")
    MlflowClient(tracking_uri=world.registry.tracking_uri).delete_model_version(MODEL_NAME, NOT_A_NUMBER)
    entry = world.advance()
    assert entry is not None
    assert (entry.state, entry.evidence["back_to"]) == ("rolled back", GOOD)
    assert world.settled() == (GOOD, GOOD, GOOD)
    world.serve(BETTER)


def test_a_first_model_that_is_broken_is_given_up_once(world: World) -> None:
    world.promote(NOT_A_NUMBER)
    entry = world.advance()
    assert entry is not None
    assert (entry.state, entry.evidence["back_to"]) == ("rolled back", None)
    assert world.advance() is None
    assert world.platform.told == []
    world.serve(GOOD)


def test_what_was_rolled_back_is_promoted_again_only_by_force(world: World) -> None:
    world.serve(GOOD)
    world.serve(BETTER)
    roll_back("it sees nonsense", key="one", store=world.store, registry=world.registry, clock=world.clock)
    with pytest.raises(VersionRejected, match=r"it sees nonsense.*--force"):
        world.promote(BETTER)
    world.promote(BETTER, force=True)
    assert world.registry.version(BETTER).rejected == ""
    assert world.settled()[:2] == (BETTER, BETTER)


def test_a_champion_that_comes_meanwhile_overtakes(world: World) -> None:
    world.platform.unready.add(world.reference(GOOD))
    world.promote(GOOD)
    world.advance()
    world.promote(BETTER)
    overtaken = world.advance()
    assert overtaken is not None
    assert overtaken.state == "superseded"
    entry = world.advance()
    assert entry is not None
    assert (entry.subject, entry.state) == (BETTER, "done")
    assert world.settled() == (BETTER, BETTER, BETTER)


def test_a_rollback_goes_back_one_and_not_to_what_was_rejected(world: World) -> None:
    def back(key: str) -> LedgerEntry:
        return roll_back("worse", key=key, store=world.store, registry=world.registry, clock=world.clock)

    world.serve(GOOD)
    world.serve(BETTER)
    entry = back("one")
    assert (entry.state, entry.subject, entry.evidence) == ("done", GOOD, {"from": BETTER, "actor": ""})
    assert back("one") == entry
    world.advance()
    assert world.settled() == (GOOD, GOOD, GOOD)
    previous = world.registry.at(PREVIOUS)
    assert previous is not None
    assert previous.number == GOOD
    with pytest.raises(NothingBefore):
        back("two")
