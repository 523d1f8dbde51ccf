"""The operator, look by look: requests, trainings left behind, an alias moved by hand, and what is away."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient

from jobs.operate import PATIENCE, Hands, operate, step
from propensity.events.event import DAY, HOUR
from propensity.lifecycle.audit import acts
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.requests import ask
from propensity.lifecycle.trainings import recent_trainings
from propensity.registry import MODEL_NAME, PRODUCTION, REJECTED, Registry
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store
from tests.lifecycle.conftest import (
    BETTER,
    GOOD,
    NOT_A_NUMBER,
    OTHER_ANSWERS,
    registered,  # noqa: F401 - fixtures
    store,  # noqa: F401
    versions,  # noqa: F401
)
from tests.lifecycle.ground import MemoryPlatform
from tests.lifecycle.state_kill import KilledAfter

NOW = 1_770_000_000_000_000


class World:
    """What the operator works with, and short words for what people do."""

    def __init__(self, settings: Settings, store: Store, registry: Registry) -> None:  # noqa: F811
        self.settings, self.store, self.registry = settings, store, registry
        self.platform = MemoryPlatform()
        self.time = NOW

    def clock(self) -> int:
        self.time += 1
        return self.time

    def look(self) -> None:
        step(self.hands())

    def hands(self) -> Hands:
        return Hands(self.store, self.registry, self.platform, self.settings, self.clock)

    def asked(self, *action: str, force: bool = False) -> LedgerEntry:
        word, version = (*action, None)[:2]
        entry = ask(
            word,  # type: ignore[arg-type]
            reason="a person says so",
            version=version,
            force=force,
            store=self.store,
            clock=self.clock,
        )
        self.look()
        found = self.store.ledger.get(entry.sequence)
        assert found is not None
        return found

    def kill(self, kind: str, state: str) -> None:
        """Look, and end as a process does that is killed when an entry of this kind has come to a state."""
        real = self.store.ledger
        self.store.ledger = KilledAfter(self.store, state, kinds=(kind,))  # type: ignore[assignment]
        self.look()
        self.store.ledger = real

    def promote(self, number: str, *, force: bool = False) -> None:
        """Promote as the gate does, at once."""
        promote(
            number, reason="better", store=self.store, registry=self.registry, clock=self.clock, force=force
        )

    def newest(self, kind: str) -> LedgerEntry:
        return self.store.ledger.latest(1, kind)[0]

    def settled(self) -> tuple[str | None, str | None, str]:
        """Who is champion by the record, by the alias, and by what the service was told."""
        alias, (record, told) = self.registry.at(PRODUCTION), self.served()
        return record, alias.number if alias else None, told

    def served(self) -> tuple[str | None, str]:
        champion = self.store.champion()
        return champion.version if champion else None, self.platform.annotated().partition("@")[0]


@pytest.fixture
def world(settings: Settings, store: Store, versions: Registry) -> World:  # noqa: F811
    return World(settings, store, versions)


def test_with_nothing_to_do_a_look_changes_nothing(world: World) -> None:
    world.look()
    assert world.store.ledger.latest(5) == []
    assert world.platform.told == []


def test_a_request_to_retrain_starts_one_training(world: World) -> None:
    request = world.asked("retrain")
    assert (request.state, request.evidence["result"]) == ("done", "retrain: training-1")
    again = world.asked("retrain")
    assert again.evidence["result"] == "asked before: training-1"
    assert list(world.platform.started) == [1]


@pytest.mark.parametrize(("micros", "state"), [(DAY - 1, "done"), (DAY, "refused")])
def test_a_request_that_nobody_took_up_for_a_day_is_not_carried_out(
    world: World, micros: int, state: str
) -> None:
    request = ask("retrain", reason="of long ago", store=world.store, clock=world.clock)
    world.time = request.at + micros
    world.look()
    found = world.store.ledger.get(request.sequence)
    assert found is not None
    assert found.state == state
    assert bool(world.platform.started) is (state == "done")


def test_a_request_that_this_release_does_not_know_is_refused(world: World) -> None:
    world.asked("promote", GOOD)
    world.asked("promote", BETTER)
    request = world.asked("dance")
    assert (request.state, world.served()) == ("refused", (BETTER, BETTER))


def test_a_request_to_promote_ends_with_the_version_served(world: World) -> None:
    assert world.asked("promote", GOOD).state == "done"
    assert world.served() == (GOOD, GOOD)


def test_what_comes_of_a_request_says_who_asked_for_it(world: World) -> None:
    world.asked("promote", GOOD)
    for action, version in (("promote", BETTER), ("roll back", None)):
        ask(
            action,  # type: ignore[arg-type]
            reason="so they say",
            version=version,
            actor="ann",
            store=world.store,
            clock=world.clock,
        )
        world.look()
    told = [(one.kind, one.subject, one.actor) for one in reversed(acts(world.store, 99))]
    assert told == [
        ("request", BETTER, "ann"),
        ("promotion", BETTER, "ann"),
        ("request", None, "ann"),
        ("rollback", GOOD, "ann"),
        ("promotion", GOOD, "ann"),
    ]
    assert [one.sequence for one in acts(world.store, 2)] == [one.sequence for one in acts(world.store, 99)][
        :2
    ]


def test_a_training_that_a_person_asked_for_says_who(world: World) -> None:
    ask("retrain", reason="the summer collection", actor="ann", store=world.store, clock=world.clock)
    world.look()
    told = [(one.kind, one.actor) for one in reversed(acts(world.store, 9))]
    assert told == [("request", "ann"), ("training", "ann")]


def test_a_request_that_can_not_be_done_says_why(world: World) -> None:
    assert "no version 77" in world.asked("promote", "77").evidence["result"]
    assert world.asked("promote", "77").state == "refused"
    assert world.asked("roll back").state == "refused"


def test_a_version_that_can_not_be_is_refused_and_holds_nobody_up(world: World) -> None:
    for number in ("", "0", "-1", "1.0", " 1", "9" * 30, "1\0", "\u0663", "1/2", "one"):
        assert world.asked("promote", number).state == "refused", number
    assert world.asked("promote", GOOD).state == "done"


def delete(world: World, number: str) -> None:
    """Delete a version as people do in MLflow's pages."""
    MlflowClient(tracking_uri=world.registry.tracking_uri).delete_model_version(MODEL_NAME, number)


def test_a_champion_that_was_deleted_in_mlflow_stands_in_no_later_ones_way(world: World) -> None:
    world.asked("promote", GOOD)
    delete(world, GOOD)
    world.look()
    assert world.served() == (GOOD, GOOD)
    assert world.asked("promote", BETTER).state == "done"
    assert world.served() == (BETTER, BETTER)


def test_a_champion_that_was_deleted_in_mlflow_can_be_gone_back_from(world: World) -> None:
    world.asked("promote", GOOD)
    world.asked("promote", BETTER)
    delete(world, BETTER)
    assert world.asked("roll back").evidence["result"] == f"Back to version {GOOD}."
    assert world.served() == (GOOD, GOOD)


@pytest.mark.parametrize(("reason", "tag"), [("  ", "No reason was given."), ("x" * 200_000, "x" * 1_000)])
def test_whatever_the_reason_what_was_rolled_back_is_rejected(world: World, reason: str, tag: str) -> None:
    world.asked("promote", GOOD)
    world.asked("promote", BETTER)
    ask("roll back", reason=reason, store=world.store, clock=world.clock)
    world.look()
    assert world.registry.version(BETTER).rejected == tag
    assert world.asked("promote", BETTER).state == "refused"
    assert world.served() == (GOOD, GOOD)


def test_a_request_to_roll_back_ends_with_the_version_before_served(world: World) -> None:
    world.asked("promote", GOOD)
    world.asked("promote", BETTER)
    assert world.served() == (BETTER, BETTER)
    request = world.asked("roll back")
    assert (request.state, request.evidence["result"]) == ("done", f"Back to version {GOOD}.")
    assert world.served() == (GOOD, GOOD)
    refused = world.asked("promote", BETTER)
    assert (refused.state, "--force" in refused.evidence["result"]) == ("refused", True)
    assert world.asked("promote", BETTER, force=True).state == "done"
    assert world.served() == (BETTER, BETTER)


def test_an_alias_moved_by_hand_is_followed(world: World) -> None:
    world.asked("promote", GOOD)
    world.registry.set_alias(PRODUCTION, BETTER)
    world.look()
    assert world.served() == (BETTER, BETTER)


def test_an_alias_moved_by_hand_to_what_was_rejected_is_put_back(world: World) -> None:
    world.asked("promote", GOOD)
    world.registry.tag(BETTER, {REJECTED: "it sees nonsense"})
    world.registry.set_alias(PRODUCTION, BETTER)
    world.look()
    assert world.served() == (GOOD, GOOD)
    assert world.registry.champion().number == GOOD


def test_a_promotion_left_behind_is_finished_after_a_while(world: World) -> None:
    digest = world.registry.version(GOOD).digest
    world.store.ledger.claim(
        kind="promotion", state="intended", at=NOW, reason="better", subject=GOOD, key="promotion:after:0",
        evidence={"digest": digest, "verdict": "promoted", "previous": None},
    )  # fmt: skip
    world.look()
    assert world.served() == (None, "")
    world.time += PATIENCE
    world.look()
    assert world.served() == (GOOD, GOOD)


def test_the_same_bundle_registered_again_is_as_rejected_as_the_first(world: World) -> None:
    world.asked("promote", GOOD)
    world.registry.tag(OTHER_ANSWERS, {REJECTED: "it sees nonsense"})
    digest = world.registry.version(OTHER_ANSWERS).digest
    world.registry.tag(BETTER, {"digest": digest})
    world.registry.set_alias(PRODUCTION, BETTER)
    world.look()
    assert world.registry.champion().number == GOOD
    assert world.served() == (GOOD, GOOD)


def test_a_promotion_that_can_not_be_done_is_given_up_and_the_alias_followed_again(world: World) -> None:
    def found() -> list[tuple[str | None, str]]:
        return [(one.subject, one.state) for one in world.store.ledger.latest(5, "promotion")]

    world.asked("promote", GOOD)
    world.registry.tag(BETTER, {"digest": f"sha256:{'0' * 64}"})
    world.registry.set_alias(PRODUCTION, BETTER)
    for _ in range(3):
        world.look()
        world.time += PATIENCE
    world.look()
    assert found() == [(BETTER, "failed"), (GOOD, "done")]
    assert "was asked for" in world.store.ledger.latest(1, "promotion")[0].evidence["why"]
    world.registry.set_alias(PRODUCTION, NOT_A_NUMBER)
    world.look()
    assert (NOT_A_NUMBER, "done") in found()
    assert world.store.ledger.latest(1, "rollout")[0].subject == NOT_A_NUMBER


def test_a_training_that_hangs_gives_up_its_slot_at_a_look(world: World) -> None:
    world.asked("retrain")
    world.time += round(world.settings.training_deadline_hours * HOUR)
    world.look()
    assert recent_trainings(world.store)[0].state == "failed"


def test_with_the_cluster_away_requests_wait_and_are_done_later(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.platform.is_away = True
    waiting = world.asked("retrain")
    assert waiting.state == "asked"
    assert "to be tried again" in caplog.text
    world.platform.is_away = False
    world.look()
    done = world.store.ledger.get(waiting.sequence)
    assert done is not None
    assert (done.state, done.evidence["result"]) == ("done", "retrain: training-1")
    assert list(world.platform.started) == [1]


def test_with_the_registry_away_the_service_still_takes_up_its_champion(
    world: World, settings: Settings
) -> None:
    promote(GOOD, reason="first", store=world.store, registry=world.registry, clock=world.clock)
    world.registry = Registry("http://127.0.0.1:9", artifacts=settings.home, retries=0, timeout=1)
    world.look()
    assert world.served() == (GOOD, GOOD)


def test_the_loop_touches_its_health_file_goes_on_after_a_failure_and_stops_when_told(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop, looks = threading.Event(), []

    class Failing(MemoryPlatform):
        def annotated(self) -> str:
            looks.append(1)
            if len(looks) > 1:
                stop.set()
            raise ZeroDivisionError

    promote(GOOD, reason="first", store=world.store, registry=world.registry, clock=world.clock)
    world.platform = Failing()
    world.settings = world.settings.model_copy(update={"operate_interval_seconds": 0.01})
    operate(world.hands(), stop=stop, health=tmp_path / "health")
    assert len(looks) == 2
    assert caplog.text.count("a look failed") == 2
    assert (tmp_path / "health").exists()


def test_the_operator_as_a_process_ends_cleanly_when_told(world: World) -> None:
    home = world.settings.home
    process = subprocess.Popen(
        [sys.executable, "-m", "propensity", "operate"],
        env={**os.environ, "PROPENSITY_HOME": str(home), "PROPENSITY_OPERATE_INTERVAL_SECONDS": "0.2"},
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 90
    while not (home / "operator-health").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert (home / "operator-health").exists(), said
    assert process.returncode == 0, said
