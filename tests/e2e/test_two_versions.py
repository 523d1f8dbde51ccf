"""A challenger beside the champion under load: no request fails, and who is answered by the champion does not wait longer.

It runs after the story, which has left versions to try; alone, it has one trained. Times are compared in pairs of runs of
some seconds, without and beside, each pair in the other order, because what else the machine does moves a 99th percentile
more than a shadow does. `make two-versions` holds the median of the pairs' ratios to the limit and writes it into
docs/experiments.md; fewer pairs only print them.
"""

import math
import os
import statistics
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.clients import Clients, Run
from tests.e2e.cluster import until
from tests.e2e.jobs import ended
from tests.e2e.people import in_operator, is_at_rest, newest, propensity, registered
from tests.e2e.release import ROLLOUT_SECONDS, Release
from tests.e2e.trying import Trying
from tests.lifecycle.conftest import bundle, unsound_bundle

PAIRS = int(os.environ.get("PROPENSITY_E2E_PAIRS", "1"))
JUDGED_PAIRS = 11
"""From so many on the median is judged: between the second and the second last of eleven it lies 98.8 times of 100."""
MORE = 1.10
"""What the champion's 99th percentile may be at most, as a multiple of that without a challenger."""
SETTLE_SECONDS = 5.0
"""After a challenger's process has come or gone, before times are taken: it loads its libraries on the same cores."""
WARM_UP_SECONDS = 60.0 if PAIRS >= JUDGED_PAIRS else 5.0
"""Of load before the first pair, which for judged pairs is as long as the autoscaler takes to add its pods."""
PAGE = os.environ.get("PROPENSITY_E2E_PAGE", "")
"""Where judged runs are written to."""
TROUBLE_SECONDS = 8.0
FORGET = """
from propensity.cli import door
with door.opened_store(door.settle()) as store:
    for kept in ("predictions", "shadows"):
        store.retention.drop(kept, before=door.now(), limit=1_000_000)
"""
"""Before each judged pair: the stand-in for MongoDB sorts without an index, and holds everybody up while it does."""


@pytest.fixture(scope="module")
def versions(release: Release) -> tuple[str, str]:
    """The champion, and another version that may be tried."""
    if len(models(release)) < 2:
        propensity(release, "retrain", "--reason", "something to try")
        job = until(
            lambda: newest(release, "training").get("evidence", {}).get("job"), seconds=60, what="a training"
        )
        ended(release, job)
        until(lambda: newest(release, "training")["state"] == "done", seconds=60, what="its verdict")
    until(lambda: is_at_rest(release), seconds=ROLLOUT_SECONDS, what="a champion at rest")
    release.until_rolled_out()
    champion = release.pinned_model().partition("@")[0]
    return champion, next(number for number in models(release) if number != champion)


def models(release: Release) -> list[str]:
    """Version numbers, newest first."""
    lines = propensity(release, "models").splitlines()
    return [words[0] for line in lines if (words := line.split()) and words[0].isdigit()]


@pytest.fixture(scope="module")
def trying(release: Release, versions: tuple[str, str]) -> Iterator[Trying]:
    made = Trying(release, versions)
    yield made
    if newest(release, "experiment").get("state") == "running":
        made.stop()


@pytest.mark.parametrize(
    "how", [("--mode", "shadow"), ("--mode", "canary", "--stages", "0.2,0.5")], ids=["shadow", "canary"]
)
def test_a_challenger_costs_no_request_and_the_champions_users_no_time(
    release: Release, key: str, trying: Trying, how: tuple[str, ...]
) -> None:
    clients = Clients(release, key)
    clients.run(champion=trying.champion, seconds=WARM_UP_SECONDS)
    without, beside = list[Run](), list[Run]()
    for number in range(PAIRS):
        if PAIRS >= JUDGED_PAIRS:
            in_operator(release, FORGET)
        for is_beside in (False, True) if number % 2 == 0 else (True, False):
            if is_beside:
                trying.start(*how)
            clients.run(champion=trying.champion, seconds=SETTLE_SECONDS)
            (beside if is_beside else without).append(clients.run(champion=trying.champion))
            if is_beside:
                trying.stop()
    assert [run.failures for run in (*without, *beside)] == [[]] * (2 * PAIRS)
    told = [[round(run.p99_ms, 1) for run in runs] for runs in (without, beside)]
    print(f"{how[1]}: champion's p99 in ms without {told[0]}, beside a challenger {told[1]}")  # noqa: T201
    if PAGE:
        write_down(Path(PAGE), how[1], *told)
    if PAIRS >= JUDGED_PAIRS:
        assert statistics.median(ratios(*told)) <= MORE, told
    for run in without:
        assert run.answers.keys() == {("", trying.champion)}
    for run in beside:
        arms = {arm for arm, _ in run.answers}
        assert arms == ({""} if "shadow" in how else {"champion", "challenger"})
        share = run.answers.get(("challenger", trying.challenger), 0) / sum(run.answers.values())
        assert share == 0 if "shadow" in how else 0.1 < share < 0.3


def ratios(without: list[float], beside: list[float]) -> list[float]:
    """Return what each pair's run beside a challenger took, as a multiple of its run without, ascending."""
    return sorted(one / other for one, other in zip(beside, without, strict=True))


def write_down(page: Path, mode: str, without: list[float], beside: list[float]) -> None:
    """Put what a mode's pairs took into their line of the page."""
    found = ratios(without, beside)
    cells = (
        mode,
        f"{statistics.median(without):.1f}",
        f"{statistics.median(beside):.1f}",
        f"{statistics.median(found):.2f} [{found[1]:.2f}, {found[-2]:.2f}]",
        ", ".join(map(str, without)),
        ", ".join(map(str, beside)),
    )
    start = f"| {mode} | "
    lines = page.read_text().splitlines()
    place = max(place for place, line in enumerate(lines) if line.startswith(start))
    lines[place] = f"| {' | '.join(cells)} |"
    page.write_text("\n".join(lines) + "\n")


@pytest.fixture
def clients(release: Release, key: str) -> Clients:
    return Clients(release, key)


@pytest.fixture(scope="module")
def strangers(trying: Trying) -> list[str]:
    """Versions for the troubles to come: two that are sound, two that answer NaN for an empty cart."""
    made = [bundle(-0.11), bundle(-0.12), unsound_bundle(), unsound_bundle(margin=-math.inf)]
    return registered(trying.release, *made)


MODES = [(0, ("--mode", "shadow")), (1, ("--mode", "canary", "--stages", "0.5,0.6"))]


@pytest.mark.parametrize(("number", "how"), MODES, ids=["shadow", "canary"])
def test_a_challenger_that_hangs_in_every_pod_costs_no_request(
    clients: Clients, trying: Trying, strangers: list[str], number: int, how: tuple[str, ...]
) -> None:
    trying.start(*how, challenger=strangers[number])
    trying.hang()
    run = clients.run(champion=trying.champion, seconds=TROUBLE_SECONDS)
    assert run.failures == []
    assert run.answers["" if "shadow" in how else "champion", trying.champion] > 0
    if "shadow" in how:
        assert run.answers.keys() == {("", trying.champion)}
    else:
        assert run.answers["challenger", trying.champion] > 0
    if newest(trying.release, "experiment")["state"] == "running":
        trying.stop()
    else:
        assert trying.ended()["state"] == "failed"


@pytest.mark.parametrize(("number", "how"), MODES, ids=["shadow", "canary"])
def test_a_challenger_that_answers_nonsense_changes_no_answer_and_is_taken_back(
    clients: Clients, trying: Trying, strangers: list[str], number: int, how: tuple[str, ...]
) -> None:
    trying.start(*how, challenger=strangers[2 + number])
    run = clients.run(champion=trying.champion, seconds=TROUBLE_SECONDS, cart_count=0)
    assert run.failures == []
    assert {version for _, version in run.answers} == {trying.champion}
    entry = trying.ended()
    assert entry["state"] == "failed"
    said = "no probability" if "shadow" in how else "the champion had to answer"
    assert said in entry["evidence"]["why"]


def test_a_challenger_that_dies_in_every_pod_costs_no_request(
    release: Release, key: str, trying: Trying
) -> None:
    clients = Clients(release, key)
    trying.start("--mode", "ab", "--share", "0.5")
    killer = threading.Timer(3.0, trying.kill)
    killer.start()
    run = clients.run(champion=trying.champion)
    killer.join()
    assert run.failures == []
    assert run.answers["challenger", trying.challenger] > 0
    assert run.answers["challenger", trying.champion] > 0
    again = clients.run(champion=trying.champion)
    assert again.failures == []
    entry = newest(release, "experiment")
    if entry["state"] == "running":  # few enough users were asking while it was away
        trying.stop()
    else:
        assert "the champion had to answer" in entry["evidence"]["why"]
