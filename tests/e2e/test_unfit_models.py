"""What got past the gate and is broken is taken back under load, and people move the model there and back.

It runs after the story and the experiments, which count versions and go back to none.
"""

import base64
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from math import nan
from typing import Any

import pytest

from propensity.bundle import Bundle
from tests.e2e.cluster import until
from tests.e2e.jobs import said, start
from tests.e2e.load import Load
from tests.e2e.release import BRIEF, ROLLOUT_SECONDS, Release
from tests.e2e.test_two_versions import REGISTER, newest, propensity
from tests.lifecycle.conftest import bundle
from tests.test_bad_models import slow_bundle

Start = Callable[..., AbstractContextManager[Load]]
SWAP = """
import sys
from propensity.cli import door
settings = door.settle()
registry = door.open_registry(settings)
with door.opened_store(settings) as store:
    store.bundles.put(registry.version(sys.argv[1]).digest, store.bundles.get(store.champion().digest))
"""
REJECTED = """
import sys
from propensity.cli import door
print(door.open_registry(door.settle()).version(sys.argv[1]).rejected)
"""
POINT = """
import sys
from propensity.cli import door
door.open_registry(door.settle()).set_alias("production", sys.argv[1])
"""
BLIND = """
from dataclasses import replace
import numpy as np
import polars as pl
from propensity.cli import door
from training import periods
from training.rows import Rows
from training.train import Training

class Blind(Training):
    def _training_set(self):
        real = super()._training_set()
        return replace(real, rows={name: rows if name == periods.TEST else blind(rows) for name, rows in real.rows.items()})

def blind(rows):
    labels = np.random.default_rng(1).permutation(rows.frame["label"].to_numpy())
    return Rows(rows.frame.with_columns(pl.Series("label", labels, dtype=rows.frame["label"].dtype)))

settings = door.settle()
with door.opened_store(settings) as store:
    outcome = Blind(settings, store=store, registry=door.open_registry(settings), clock=door.now, git_commit="", say=print).run("lots")
print("VERDICT", outcome.version.number, outcome.verdict.word)
"""
"""The real training, which learns buyers that were drawn by lot; the days it is judged on are as they were."""
TAKEN_BACK_SECONDS = 120


def in_operator(release: Release, code: str, *words: str, given: str | None = None) -> str:
    """What Python says in the operator's pod."""
    where = ("exec", "--stdin", f"deployment/{release.full}-operator", "--", "python", "-c", code, *words)
    return release.cluster.kubectl(*where, given=given)


def registered(release: Release, *bundles: Bundle) -> list[str]:
    """Register versions that the gate is said to have let through; return their numbers."""
    files = [{name: base64.b64encode(one).decode() for name, one in each.files.items()} for each in bundles]
    said = in_operator(release, REGISTER, given=json.dumps(files))
    return [line.split()[1] for line in said.splitlines() if line.startswith("version ")]


def rolled_out(release: Release, version: str, *, state: str) -> dict[str, Any]:
    """Wait until a version's rollout has come to this end; return its entry."""

    def ended() -> dict[str, Any] | None:
        entry = newest(release, "rollout")
        return entry if (entry["subject"], entry["state"]) == (version, state) else None

    return until(ended, seconds=ROLLOUT_SECONDS, what=f"a rollout of {version} that is {state}") or {}


def answered_by(release: Release, key: str) -> str:
    """The version that answers."""
    return str(release.ask("POST", "/predict", key=key, body=BRIEF).json()["model_version"])


@pytest.fixture(scope="module")
def broken(release: Release) -> dict[str, str]:
    """Versions that are each broken in a way of their own, by the way."""
    numbers = registered(release, bundle(-0.31), bundle(nan, recorded=0.5), slow_bundle())
    found = dict(zip(("wrong digest", "not a number", "slow"), numbers, strict=True))
    in_operator(release, SWAP, found["wrong digest"])
    return found


@pytest.mark.parametrize(
    ("how", "why"), [("wrong digest", "sha256:"), ("not a number", "not finite"), ("slow", "s for one row")]
)
def test_a_broken_bundle_is_taken_back_while_the_old_pods_answer(
    release: Release, key: str, load: Start, broken: dict[str, str], *, how: str, why: str
) -> None:
    number, champion, pinned = broken[how], answered_by(release, key), release.pinned_model()
    pods = set(release.ready("scorer"))
    with load(users=3) as run:
        propensity(release, "promote", number, "--reason", "the gate let it through")
        rolled_out(release, number, state="rolled back")
        until(
            lambda: newest(release, "rollback").get("state") == "done",
            seconds=TAKEN_BACK_SECONDS,
            what="the alias back where it was",
        )
    assert run.failures == 0, run.errors
    assert (answered_by(release, key), release.pinned_model()) == (champion, pinned)
    assert pods & set(release.ready("scorer"))
    assert why in in_operator(release, REJECTED, number)

    propensity(release, "promote", number, "--reason", "once more")
    until(
        lambda: newest(release, "request")["state"] == "refused",
        seconds=TAKEN_BACK_SECONDS,
        what="the refusal of a rejected version",
    )
    in_operator(release, POINT, number)
    until(
        lambda: f'"{champion}"' in in_operator(release, ASK_ALIAS),
        seconds=TAKEN_BACK_SECONDS,
        what="the alias off the rejected version",
    )
    assert answered_by(release, key) == champion


ASK_ALIAS = """
from propensity.cli import door
print(f'"{door.open_registry(door.settle()).champion().number}"')
"""


def test_people_promote_go_back_and_move_the_alias_and_no_request_fails(
    release: Release, key: str, load: Start
) -> None:
    before = answered_by(release, key)
    first, second = registered(release, bundle(-0.21), bundle(-0.22))
    with load(users=3) as run:
        propensity(release, "promote", first, "--reason", "the campaign team asked for it")
        rolled_out(release, first, state="done")
        assert answered_by(release, key) == first
        propensity(release, "rollback", "--reason", "the campaign team sees nonsense")
        rolled_out(release, before, state="done")
        assert answered_by(release, key) == before
        in_operator(release, POINT, second)
        rolled_out(release, second, state="done")
        assert answered_by(release, key) == second
        propensity(release, "promote", before, "--reason", "as it was")
        rolled_out(release, before, state="done")
    assert run.failures == 0, run.errors
    assert answered_by(release, key) == before
    assert in_operator(release, REJECTED, first).strip()


def test_a_challenger_made_worse_on_purpose_is_refused_and_the_champion_stays(
    release: Release, key: str
) -> None:
    before = answered_by(release, key), release.pinned_model(), in_operator(release, ASK_ALIAS)
    job = start(release, "training", name="train-on-lots", command=["python", "-c", BLIND])
    (log,) = said(release, [job])
    (told,) = [line.split() for line in log.splitlines() if line.startswith("VERDICT ")]
    assert told[2] == "refused", log
    entry = newest(release, "training")
    assert (entry["state"], entry["evidence"]["version"], entry["evidence"]["verdict"]) == (
        "done",
        told[1],
        "refused",
    )
    assert (answered_by(release, key), release.pinned_model(), in_operator(release, ASK_ALIAS)) == before


def test_an_operator_killed_in_the_middle_of_a_rollout_ends_it_once_it_is_back(
    release: Release, key: str, load: Start
) -> None:
    before = answered_by(release, key)
    (number,) = registered(release, bundle(-0.23))
    with load(users=3) as run:
        propensity(release, "promote", number, "--reason", "somebody pulls the plug")
        until(
            lambda: is_under_way(newest(release, "rollout"), number),
            seconds=TAKEN_BACK_SECONDS,
            what="the middle of a rollout",
        )
        operator = "app.kubernetes.io/component=operator"
        release.cluster.kubectl("delete", "pod", "--selector", operator, "--grace-period=0", "--force")
        release.until_ready("operator", count=1)
        rolled_out(release, number, state="done")
        assert answered_by(release, key) == number
        propensity(release, "promote", before, "--reason", "as it was")
        rolled_out(release, before, state="done")
    assert run.failures == 0, run.errors
    assert answered_by(release, key) == before


def is_under_way(entry: dict[str, Any], version: str) -> bool:
    """Whether pods are being brought to a version."""
    return entry["subject"] == version and entry["state"] == "annotated"
