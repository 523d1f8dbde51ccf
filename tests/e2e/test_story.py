"""The whole story: users change, the monitor notices, one Job trains, the gate promotes, pods roll under load."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from loadtests.bench.elsewhere import ROLLOUT, leave
from tests.e2e.cluster import until
from tests.e2e.jobs import ended, numbered_trainings, said, start
from tests.e2e.load import Load
from tests.e2e.people import is_at_rest, ledger
from tests.e2e.release import ROLLOUT_SECONDS, VALUES, Release

Start = Callable[..., AbstractContextManager[Load]]
SETTINGS = yaml.safe_load(VALUES.read_text())["settings"]
TRAINED_DAYS = 60
"""Of the simulated shop that the first training begins with."""
QUIET_DAYS = 3
DRIFTED_DAYS = 3
"""Drift has to show in two windows, and the first one is mostly of the days before."""
DAYS = TRAINED_DAYS + SETTINGS["simulatedDaysAgo"]
TAKE_IN = (
    "propensity simulate /tmp/shop.parquet --users {users} --days {days} --first-days {first} --start {start} "
    "--drift mix --drift-at {drift_at} && propensity ingest /tmp/shop.parquet --format propensity"
)
ASK = """
import sys
from propensity.cli import door
from propensity.lifecycle.platform import open_platform
from propensity.lifecycle.retraining import request_retraining
from propensity.lifecycle.trigger import Trigger
settings = door.settle()
platform = open_platform(settings)
kind = sys.argv[1]
with door.opened_store(settings) as store:
    trigger = Trigger(kind=kind, reason=f"Because of {kind}.", window_end=int(sys.argv[2]))
    entry = request_retraining([trigger], store=store, settings=settings, clock=door.now,
                               start=platform.start_training, is_gone=platform.training_is_gone)
print("ANSWER", entry.state, entry.subject, flush=True)
"""


class Shop:
    """The simulated shop's days, counted from the first of its log; pods of the release let them pass."""

    def __init__(self, release: Release) -> None:
        self.release = release
        made = release.cluster.get("namespace", release.cluster.namespace)["metadata"]["creationTimestamp"]
        midnight = datetime.fromisoformat(made).replace(hour=0, minute=0, second=0)
        self._start = midnight.astimezone(UTC) - timedelta(days=DAYS)

    def at(self, day: float) -> str:
        """An instant as the command line takes it."""
        return (self._start + timedelta(days=day)).strftime("%Y-%m-%dT%H:%M")

    def take_in(self, *, days: int) -> None:
        """Take in the shop's log up to the end of a day; what is known already changes nothing."""
        command = TAKE_IN.format(
            users=SETTINGS["simulatedUsers"],
            days=DAYS,
            first=days,
            start=f"{self._start:%Y-%m-%d}",
            drift_at=TRAINED_DAYS + QUIET_DAYS,
        )
        self._run("score", f"take-in-{days}", command)

    def score(self, first: int, last: int) -> None:
        """Score all active users at noon and midnight of some days."""
        cutoffs = [self.at(day + part) for day in range(first, last) for part in (0.5, 1)]
        self._run(
            "score", f"score-{first}", " && ".join(f"propensity score --at {cutoff}" for cutoff in cutoffs)
        )

    def watch(self, first: int, last: int) -> list[str]:
        """Run the monitor one hour after each of some days; return what it decided."""
        times = [self.at(day + 1 + 1 / 24) for day in range(first, last)]
        commands = " && ".join(f"propensity monitor --at {time}" for time in times)
        log = self._run("monitor", f"watch-{first}", commands)
        return [
            line.removeprefix("decision").strip() for line in log.splitlines() if line.startswith("decision ")
        ]

    def _run(self, component: str, name: str, command: str) -> str:
        job = start(self.release, component, name=name, command=["sh", "-ec", command])
        return said(self.release, [job])[0]


@pytest.fixture(scope="module")
def shop(release: Release) -> Shop:
    return Shop(release)


def test_the_operator_brings_the_first_champion_to_the_pods(release: Release, key: str) -> None:
    model = release.ask("GET", "/model", key=key).json()
    assert release.pinned_model() == f"{model['version']}@{model['digest']}"


def test_three_days_without_drift_train_nothing_and_the_ledger_says_why(release: Release, shop: Shop) -> None:
    shop.take_in(days=TRAINED_DAYS + QUIET_DAYS + 1)
    shop.score(TRAINED_DAYS, TRAINED_DAYS + QUIET_DAYS)
    decided = shop.watch(TRAINED_DAYS, TRAINED_DAYS + QUIET_DAYS)
    assert [told.startswith("not needed") for told in decided] == [True] * QUIET_DAYS, decided
    assert numbered_trainings(release) == []
    decisions = [entry for entry in ledger(release) if entry["kind"] == "decision"]
    assert [entry["state"] for entry in decisions] == ["not needed"] * QUIET_DAYS
    assert all("Drift: " in entry["reason"] for entry in decisions), decisions


def test_users_who_change_bring_one_training_whose_model_is_rolled_out_under_load(
    release: Release, shop: Shop, key: str, load: Start
) -> None:
    before = release.answered_by(key)
    first = TRAINED_DAYS + QUIET_DAYS
    shop.take_in(days=DAYS)
    shop.score(first, first + DRIFTED_DAYS)
    with load(users=3) as run:
        with release.away("operator"):  # so that nobody but the monitor's pod can have made the Job
            decided = shop.watch(first, first + DRIFTED_DAYS)
            (job,) = numbered_trainings(release)
        assert any(told.startswith("retrain") for told in decided), decided
        assert monitors(release) == {f"{release.full}-monitor"}
        assert job["metadata"]["annotations"]["propensity.dev/training"] == "2"
        assert job["metadata"]["ownerReferences"][0]["name"] == f"{release.full}-training"
        said(release, [job["metadata"]["name"]])
        until(lambda: release.pinned_model().startswith("2@"), seconds=60, what="the annotation of version 2")
        release.until_rolled_out()
        until(lambda: is_at_rest(release), seconds=60, what="the end of the rollout")
    leave(ROLLOUT, requests=run.requests, failed=run.failures)
    assert run.failures == 0, run.errors
    assert run.requests > 500
    assert before == "1"
    release.until_answered_by("2", key=key)
    assert len(numbered_trainings(release)) == 1


def monitors(release: Release) -> set[str]:
    """The ServiceAccounts of all pods that watched."""
    return {pod["spec"]["serviceAccountName"] for pod in release.pods("monitor")}


def test_the_ledger_tells_all_of_it(release: Release) -> None:
    told = [(entry["kind"], entry["state"]) for entry in ledger(release)]
    assert told.count(("decision", "retrain")) == 1
    assert told.count(("training", "done")) == 2
    assert told.count(("promotion", "done")) == 2
    assert told[-1] == ("rollout", "done")
    (decision,) = [entry for entry in ledger(release) if entry["state"] == "retrain"]
    assert "drift" in decision["reason"].lower()


def test_ten_monitors_at_the_same_moment_make_one_job(release: Release) -> None:
    kinds = ["drift", "volume", "performance", "manual"]
    asks = [f"python -c '{ASK}' {kinds[number % 4]} {number} &" for number in range(10)]
    commands = [" ".join([*some, "wait"]) for some in (asks[:5], asks[5:])]
    jobs = [
        start(release, "monitor", name=f"ask-{number}", command=["sh", "-c", command])
        for number, command in enumerate(commands)
    ]
    answers = [
        line.removeprefix("ANSWER ").split(" ")
        for log in said(release, jobs)
        for line in log.splitlines()
        if line.startswith("ANSWER ")
    ]
    assert len(answers) == 10
    assert {answer[-1] for answer in answers} == {f"{release.full}-training-3"}
    assert [answer[0] for answer in answers].count("retrain") == 1, answers
    names = [job["metadata"]["name"] for job in numbered_trainings(release)]
    assert sorted(names) == [f"{release.full}-training-{number}" for number in (2, 3)]
    ended(release, f"{release.full}-training-3")
    until(
        lambda: is_at_rest(release),
        seconds=ROLLOUT_SECONDS,
        what="the end of what the third training brought",
    )
