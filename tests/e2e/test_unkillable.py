"""Monitor and operator are killed with SIGKILL at every state they write, in their own pods, and run again: the same end.

It registers a version and makes a training, so it runs after what counts them. What the states are, and every side effect
between two of them, is tried in `tests/lifecycle/test_killed.py`; here it is the release's database, registry and API server.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

from tests.e2e.cluster import until
from tests.e2e.jobs import ended, said, start, training_names
from tests.e2e.load import Load
from tests.e2e.people import is_at_rest, ledger, propensity, registered
from tests.e2e.release import ROLLOUT_SECONDS, Release
from tests.lifecycle.conftest import bundle

Start = Callable[..., AbstractContextManager[Load]]
MORTAL = """
import multiprocessing, os, signal, sys, time
from propensity.cli import door
from propensity.lifecycle.platform import open_platform

class Mortal:
    def __init__(self, real, last):
        self.real, self.last = real, last
    def __getattr__(self, name):
        return getattr(self.real, name)
    def claim(self, **given):
        return self.survived(self.real.claim(**given))
    def move(self, sequence, **given):
        return self.survived(self.real.move(sequence, **given))
    def survived(self, entry):
        if entry is not None and f"{entry.kind}: {entry.state}" == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        return entry

def live(part, last):
    settings = door.settle()
    with door.opened_store(settings) as store:
        store.ledger = Mortal(store.ledger, last)
        part(store, settings)

def die(part, last):
    process = multiprocessing.get_context("fork").Process(target=live, args=(part, last))
    process.start()
    process.join(240)
    print("KILLED" if process.exitcode == -signal.SIGKILL else "SURVIVED", last, flush=True)
    process.kill()
"""
"""A process that ends right after it wrote its last word, `kind: state`."""
ASK = f"""{MORTAL}
from propensity.lifecycle.retraining import request_retraining
from propensity.lifecycle.trigger import Trigger

trigger = Trigger(kind="manual", reason="Somebody pulls plugs.", window_end=int(sys.argv[1]))

def ask(store, settings):
    platform = open_platform(settings)
    entry = request_retraining([trigger], store=store, settings=settings, clock=door.now,
                               start=platform.start_training, is_gone=platform.training_is_gone)
    print("ANSWER", entry.state, entry.subject, flush=True)

for last in sys.argv[2:]:
    die(ask, last)
live(ask, "")
"""
LOOK = f"""{MORTAL}
import jobs.operate
from propensity.lifecycle.requests import ask

jobs.operate.PATIENCE = 0  # nobody else is at work on what was left behind

def look(store, settings):
    hands = jobs.operate.Hands(store, door.open_registry(settings), open_platform(settings), settings, door.now)
    while True:
        jobs.operate.step(hands)
        time.sleep(1)

with door.opened_store(door.settle()) as store:
    ask("promote", version=sys.argv[1], reason="somebody pulls plugs", store=store, clock=door.now)
for last in sys.argv[2:]:
    die(look, last)
"""
ASKED = ["training: intended", "training: started", "decision: retrain"]
PROMOTED = ["promotion: intended", "promotion: bundled", "promotion: alias set", "promotion: done"]
ROLLED_OUT = [
    "rollout: intended",
    "rollout: alias set",
    "rollout: annotated",
    "rollout: ready",
    "rollout: done",
]


def test_a_monitor_killed_at_every_state_makes_one_training(release: Release) -> None:
    before = training_names(release)
    words = [f"{datetime.now(UTC).timestamp():.0f}", *ASKED]
    with release.away("operator"):  # who would go on with it
        job = start(release, "monitor", name="ask-and-die", command=["python", "-c", ASK, *words])
        (log,) = said(release, [job])
        (made,) = training_names(release) - before
    assert deaths(log) == [f"KILLED {word}" for word in ASKED], log
    assert f"ANSWER retrain {made}" in log
    ended(release, made)
    until(lambda: is_at_rest(release), seconds=ROLLOUT_SECONDS, what="the end of what the training brought")
    (entry,) = [one for one in ledger(release) if one["evidence"].get("job") == made]
    assert entry["state"] == "done"


def test_an_operator_killed_at_every_state_promotes_and_rolls_out_once(
    release: Release, key: str, load: Start
) -> None:
    before = release.answered_by(key)
    (number,) = registered(release, bundle(-0.24))
    words = [*PROMOTED, "request: done", *ROLLED_OUT]
    with load(users=3) as run:
        with release.away("operator"):
            job = operator_job(release, name="look-and-die", command=["python", "-c", LOOK, number, *words])
            release.cluster.apply(job)
            try:
                (log,) = said(release, ["look-and-die"])
            finally:
                release.cluster.kubectl("delete", "job", "look-and-die")
        assert deaths(log) == [f"KILLED {word}" for word in words], log
        release.until_answered_by(number, key=key)
        told = [(one["kind"], one["state"]) for one in ledger(release) if one["subject"] == number]
        assert sorted(told) == [("promotion", "done"), ("request", "done"), ("rollout", "done")]
        propensity(release, "promote", before, "--reason", "as it was")
        until(
            lambda: is_at_rest(release) and release.pinned_model().startswith(f"{before}@"),
            seconds=ROLLOUT_SECONDS,
            what="the version before",
        )
    assert run.failures == 0, run.errors
    release.until_answered_by(before, key=key)


def deaths(log: str) -> list[str]:
    """What became of each process."""
    return [line for line in log.splitlines() if line.startswith(("KILLED ", "SURVIVED "))]


def operator_job(release: Release, *, name: str, command: list[str]) -> Any:
    """Return a Job whose pod is the operator's, but for the command."""
    template = release.cluster.get("deployment", f"{release.full}-operator")["spec"]["template"]
    pod = template["spec"]
    pod["restartPolicy"] = "Never"
    container = pod["containers"][0]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        container.pop(probe, None)
    container["command"] = command
    spec = {"backoffLimit": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
