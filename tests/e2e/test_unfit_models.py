"""What got past the gate and is broken is taken back under load, and people move the model there and back.

It runs after the story and the experiments, which count versions and go back to none.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from math import nan
from typing import Any

import pytest

from tests.e2e.cluster import until
from tests.e2e.jobs import said, start
from tests.e2e.load import Load
from tests.e2e.people import in_operator, newest, propensity, registered
from tests.e2e.release import ROLLOUT_SECONDS, Release
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


def rolled_out(release: Release, version: str, *, state: str) -> dict[str, Any]:
    """Wait until a version's rollout has come to this end; return its entry."""

    def ended() -> dict[str, Any] | None:
        entry = newest(release, "rollout")
        return entry if (entry["subject"], entry["state"]) == (version, state) else None

    return until(ended, seconds=ROLLOUT_SECONDS, what=f"a rollout of {version} that is {state}") or {}


@contextmanager
def there_and_back(release: Release, key: str, load: Start) -> Iterator[str]:
    """Put load on while the model is moved, and bring back the version that answered before, which it gives."""
    before = release.answered_by(key)
    with load(users=3) as run:
        yield before
        propensity(release, "promote", before, "--reason", "as it was")
        rolled_out(release, before, state="done")
    assert run.failures == 0, run.errors
    release.until_answered_by(before, key=key)


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
    number, champion, pinned = broken[how], release.answered_by(key), release.pinned_model()
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
    assert (release.answered_by(key), release.pinned_model()) == (champion, pinned)
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
    release.until_answered_by(champion, key=key)


ASK_ALIAS = """
from propensity.cli import door
print(f'"{door.open_registry(door.settle()).champion().number}"')
"""


def test_people_promote_go_back_and_move_the_alias_and_no_request_fails(
    release: Release, key: str, load: Start
) -> None:
    first, second = registered(release, bundle(-0.21), bundle(-0.22))
    with there_and_back(release, key, load) as before:
        propensity(release, "promote", first, "--reason", "the campaign team asked for it")
        rolled_out(release, first, state="done")
        release.until_answered_by(first, key=key)
        propensity(release, "rollback", "--reason", "the campaign team sees nonsense")
        rolled_out(release, before, state="done")
        release.until_answered_by(before, key=key)
        in_operator(release, POINT, second)
        rolled_out(release, second, state="done")
        release.until_answered_by(second, key=key)
    assert in_operator(release, REJECTED, first).strip()


def test_a_challenger_made_worse_on_purpose_is_refused_and_the_champion_stays(
    release: Release, key: str
) -> None:
    before = release.answered_by(key), release.pinned_model(), in_operator(release, ASK_ALIAS)
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
    assert (release.answered_by(key), release.pinned_model(), in_operator(release, ASK_ALIAS)) == before


def test_an_operator_killed_in_the_middle_of_a_rollout_ends_it_once_it_is_back(
    release: Release, key: str, load: Start
) -> None:
    (number,) = registered(release, bundle(-0.23))
    with there_and_back(release, key, load):
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
        release.until_answered_by(number, key=key)


def is_under_way(entry: dict[str, Any], version: str) -> bool:
    """Whether pods are being brought to a version."""
    return entry["subject"] == version and entry["state"] == "annotated"
