"""What people ask for, many at once and some of it nonsense: nobody's request holds up another's, and none is lost."""

import pytest
from click.testing import CliRunner

from propensity.cli import model
from propensity.errors import RegistryUnavailable
from propensity.lifecycle.requests import ask
from propensity.registry import Registry, Version
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store
from tests.jobs.test_operate import DAY, World
from tests.lifecycle.conftest import (
    BETTER,
    GOOD,
    registered,  # noqa: F401 - fixtures
    store,  # noqa: F401
    versions,  # noqa: F401
)
from tests.lifecycle.ground import MemoryPlatform


class AwayRegistry(Registry):
    """The real registry, which does not answer about versions so many times."""

    away = 0

    def version(self, number: str) -> Version:
        self.away -= 1
        if self.away >= 0:
            raise RegistryUnavailable("MLflow does not answer. Check that it is up.")
        return super().version(number)


class CrashingPlatform(MemoryPlatform):
    def start_training(self, *_: object) -> str:
        raise ZeroDivisionError


@pytest.fixture
def world(settings: Settings, store: Store, versions: Registry) -> World:  # noqa: F811
    return World(settings, store, versions)


def away(world: World, *, times: int) -> None:
    registry = AwayRegistry(world.settings.tracking_uri, artifacts=world.settings.home / "artifacts")
    registry.away = times
    world.registry = registry


def asked(world: World, action: str, **more: object) -> int:
    """Write a request; return its number."""
    return ask(action, reason="so they say", store=world.store, clock=world.clock, **more).sequence  # type: ignore[arg-type]


def found(world: World, sequence: int) -> LedgerEntry:
    entry = world.store.ledger.get(sequence)
    assert entry is not None
    return entry


def test_a_request_that_waits_for_mlflow_holds_up_no_training_and_says_at_last_why(world: World) -> None:
    away(world, times=9_999)
    promote, retrain = asked(world, "promote", version=GOOD), asked(world, "retrain")
    for _ in range(3):
        world.look()
    assert [found(world, one).state for one in (promote, retrain)] == ["asked", "done"]
    assert [state for state, _ in found(world, promote).history] == ["asked", "asked"]
    world.time += DAY
    world.look()
    refused = found(world, promote)
    assert (refused.state, "MLflow does not answer" in refused.evidence["result"]) == ("refused", True)
    assert "no operator" not in refused.evidence["result"]


def test_a_request_that_nobody_looked_at_says_that_no_operator_ran(world: World) -> None:
    request = asked(world, "promote", version=GOOD)
    world.time += 2 * DAY
    world.look()
    assert "no operator ran" in found(world, request).evidence["result"]


def test_what_is_asked_of_versions_is_done_in_the_order_it_was_asked_in(world: World) -> None:
    world.asked("promote", GOOD)
    away(world, times=1)
    promote, back = asked(world, "promote", version=BETTER), asked(world, "roll back")
    world.look()
    assert [found(world, one).state for one in (promote, back)] == ["asked", "asked"]
    world.look()
    assert [found(world, one).state for one in (promote, back)] == ["done", "done"]
    assert world.served() == (GOOD, GOOD)
    assert world.registry.version(BETTER).rejected


def test_an_open_request_is_answered_however_many_were_since(world: World) -> None:
    request = asked(world, "retrain")
    for _ in range(100):
        world.store.ledger.claim(kind="request", state="refused", at=world.time, reason="another")
    world.look()
    assert found(world, request).state == "done"


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ({"mode": "shadow"}, "no plan"),
        (None, "no plan"),
        ({"mode": "canary", "shares": [], "effect": 0.01}, "growing ones"),
        ({"mode": "canary", "shares": [0.5, 0.1], "effect": 0.01}, "growing ones"),
        ({"mode": "ab", "shares": [1.5], "effect": 0.01}, "growing ones"),
    ],
)
def test_a_request_that_says_nonsense_is_refused_and_stops_nothing(
    world: World, plan: dict[str, object] | None, why: str
) -> None:
    world.promote(GOOD)
    request = asked(world, "start experiment", version=BETTER, plan=plan)
    world.look()
    refused = found(world, request)
    assert (refused.state, why in refused.evidence["result"]) == ("refused", True)
    assert world.served() == (GOOD, GOOD)


def test_a_request_without_an_action_is_refused(world: World) -> None:
    entry = world.store.ledger.claim(
        kind="request", state="asked", at=world.clock(), reason="by another release"
    )
    assert entry is not None
    world.look()
    assert found(world, entry.sequence).state == "refused"


def test_a_crash_over_one_request_stops_neither_the_others_nor_the_rest_of_the_look(world: World) -> None:
    world.platform = CrashingPlatform()
    crashing, promote = asked(world, "retrain"), asked(world, "promote", version=GOOD)
    with pytest.raises(ZeroDivisionError):
        world.look()
    assert [found(world, one).state for one in (crashing, promote)] == ["asked", "done"]
    assert world.served() == (GOOD, GOOD)


def test_promote_at_the_terminal_is_a_request_that_is_done_at_once_on_a_laptop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_HOME", str(world.settings.home))
    done = CliRunner().invoke(model.promote, [GOOD, "--reason", "the campaign was tested on it"])
    assert (done.exit_code, "request to promote is done" in done.stdout) == (0, True)
    request, rollout = world.newest("request"), world.newest("rollout")
    assert (request.subject, request.state, bool(request.actor)) == (GOOD, "done", True)
    assert (rollout.subject, rollout.state) == (GOOD, "done")
    world.registry.tag(BETTER, {"rejected": "it sees nonsense"})
    assert CliRunner().invoke(model.promote, [BETTER]).exit_code == 1
    assert CliRunner().invoke(model.promote, [BETTER, "--force"]).exit_code == 0
    champion = world.store.champion()
    assert champion is not None
    assert champion.version == BETTER
