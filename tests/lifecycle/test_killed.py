"""The operator, a promotion and the monitor killed with SIGKILL at every state they name, and run again: the same end."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from propensity.events.event import DAY, HOUR
from propensity.lifecycle.promotion import promote
from propensity.lifecycle.requests import ask
from propensity.registry import PREVIOUS, PRODUCTION, REJECTED, Registry
from propensity.settings import Settings, read_settings
from propensity.store import Store, open_store
from tests.jobs.monitored_shop import MONDAY, MonitoredShop
from tests.lifecycle.conftest import BETTER, GOOD, NOT_A_NUMBER, THIRD
from tests.lifecycle.mortal import NOW, monitor, operate, platform_of, registry_of, run

pytestmark = [pytest.mark.journey, pytest.mark.timeout(600)]
Ends = dict[str, Any]
Prepare = Callable[[Store, Registry, Settings], object]
PROMOTION = ["promotion: intended", "promotion: bundled", "promotion: alias set", "promotion: done"]
EFFECTS = ["alias: set", "champion: set"]
"""What a promotion does before it writes that it has; the bundle is put where the store has not held it before."""
ROLLOUT = ["rollout: intended", "rollout: alias set", "rollout: annotated", "rollout: ready", "rollout: done"]
WAY_BACK = [
    "rollout: rolling back",
    "rollback: intended",
    *PROMOTION,
    "rollback: done",
    "rollout: rolled back",
]


def clock() -> int:
    return NOW


def settings_in(home: Path) -> Settings:
    """Settings of a folder, whatever registry mlflow has written into the environment of this process."""
    return read_settings(home=home, tracking_uri=f"sqlite:///{home}/mlflow.db", workers=1)


def ends(settings: Settings) -> Ends:
    """Everything that a run leaves behind, but for how often it was tried."""
    registry = registry_of(settings)
    aliases = {alias: registry.at(alias) for alias in (PRODUCTION, PREVIOUS)}
    runs = settings.home / "runs"
    with open_store(settings.store_uri.get_secret_value()) as store:
        champion = store.champion()
        return {
            "champion": champion and champion.version,
            "aliases": {alias: found and found.number for alias, found in aliases.items()},
            "rejected": [one.number for one in registry.versions(10) if one.rejected],
            "told": platform_of(settings.home).annotated().partition("@")[0],
            "ledger": sorted((one.kind, one.state, str(one.key)) for one in store.ledger.latest(50)),
            "requests": [
                str(one.evidence.get("result")).replace(str(settings.home), "home")
                for one in store.ledger.latest(50, "request")
            ],
            "windows": [(one.end, one.decision) for one in store.windows.latest(50)],
            "outcomes": store.outcomes.cutoffs(since=0, until=2**62),
            "trainings": runs.read_text() if runs.exists() else "",
        }


def serve(number: str, store: Store, registry: Registry, settings: Settings) -> None:
    """Make a version champion and have the service told, in this process."""
    from jobs.operate import Hands, step

    promote(number, reason="first", store=store, registry=registry, clock=clock)
    step(Hands(store, registry, platform_of(settings.home), settings, clock))


def a_better_champion(store: Store, registry: Registry, settings: Settings) -> None:
    serve(GOOD, store, registry, settings)
    promote(BETTER, reason="better", store=store, registry=registry, clock=clock)


def a_broken_champion(store: Store, registry: Registry, settings: Settings) -> None:
    serve(GOOD, store, registry, settings)
    promote(NOT_A_NUMBER, reason="a mistake", store=store, registry=registry, clock=clock)


def asked_to_promote(store: Store, registry: Registry, settings: Settings) -> None:
    serve(GOOD, store, registry, settings)
    ask("promote", version=BETTER, reason="a person says so", store=store, clock=clock)


def asked_to_roll_back(store: Store, registry: Registry, settings: Settings) -> None:
    serve(GOOD, store, registry, settings)
    serve(BETTER, store, registry, settings)
    ask("roll back", reason="it sees nonsense", store=store, clock=clock)


def asked_for_what_is_rejected(store: Store, registry: Registry, settings: Settings) -> None:
    serve(GOOD, store, registry, settings)
    registry.tag(BETTER, {REJECTED: "it sees nonsense"})
    ask("promote", version=BETTER, reason="a person says so", store=store, clock=clock)


def a_promotion_that_can_not_be_done(store: Store, registry: Registry, settings: Settings) -> None:
    serve(GOOD, store, registry, settings)
    registry.tag(BETTER, {"digest": f"sha256:{'0' * 64}"})
    store.ledger.claim(
        kind="promotion", state="intended", at=NOW - HOUR, reason="left", subject=BETTER, key="promotion:after:1",
        evidence={"digest": f"sha256:{'0' * 64}", "verdict": "", "previous": GOOD},
    )  # fmt: skip


def asked_to_retrain(store: Store, registry: Registry, settings: Settings) -> None:
    serve(GOOD, store, registry, settings)
    ask("retrain", reason="a person says so", store=store, clock=clock)


def a_training_that_hangs(store: Store, registry: Registry, settings: Settings) -> None:
    serve(GOOD, store, registry, settings)
    store.ledger.claim(kind="training", state="running", at=NOW - DAY, reason="drift", key="training:1")


def an_overtaken_rollout(store: Store, registry: Registry, settings: Settings) -> None:
    a_better_champion(store, registry, settings)
    entry = store.champion()
    assert entry is not None
    store.ledger.claim(
        kind="rollout", state="intended", at=NOW, reason="an older one", subject="9", key="rollout:after:2",
        evidence={"reference": "9@sha256:0", "before": "", "answers_before": [0, 0.0]},
    )  # fmt: skip


def a_promotion_left_behind(store: Store, registry: Registry, settings: Settings) -> None:
    serve(GOOD, store, registry, settings)
    store.ledger.claim(
        kind="promotion", state="intended", at=NOW, reason="left", subject=BETTER, key="promotion:after:1",
        evidence={"digest": "", "verdict": "", "previous": GOOD},
    )  # fmt: skip
    ask("promote", version=GOOD, reason="a person says so", store=store, clock=clock)


STORIES: list[tuple[Prepare, list[str]]] = [
    (a_better_champion, [*ROLLOUT, "service: told"]),
    (a_broken_champion, [*WAY_BACK, *EFFECTS, "version: tagged"]),
    (asked_to_promote, [*PROMOTION, "bundle: put", *EFFECTS, "request: done"]),
    (
        asked_to_roll_back,
        ["rollback: intended", "version: tagged", *EFFECTS, "rollback: done", "request: done"],
    ),
    (a_promotion_that_can_not_be_done, ["promotion: failed"]),
    (asked_for_what_is_rejected, ["request: refused"]),
    (asked_to_retrain, ["training: intended", "training: started", "decision: retrain"]),
    (a_training_that_hangs, ["training: failed"]),
    (an_overtaken_rollout, ["rollout: superseded"]),
    (a_promotion_left_behind, ["promotion: superseded"]),
]


class Prepared:
    """Folders prepared once, each copied for every run that starts from it."""

    def __init__(self, folder: Path, registered: Path) -> None:
        self._folder, self._registered = folder, registered
        self._ends: dict[str, Ends] = {}

    def fresh(self, prepare: Prepare, *, number: int) -> Settings:
        origin = self._folder / prepare.__name__
        if not origin.exists():
            origin.mkdir()
            shutil.copy(self._registered, origin / "mlflow.db")
            settings = settings_in(origin)
            with open_store(settings.store_uri.get_secret_value()) as store:
                prepare(store, registry_of(settings), settings)
        home = self._folder / f"{prepare.__name__}-{number}"
        shutil.copytree(origin, home)
        return settings_in(home)

    def undisturbed(self, prepare: Prepare, *runs: tuple[Callable[..., None], int]) -> Ends:
        """How it ends where nobody is killed."""
        name = prepare.__name__
        if name not in self._ends:
            settings = self.fresh(prepare, number=-1)
            for part, now in runs:
                run(part, settings, now)
            self._ends[name] = ends(settings)
        return self._ends[name]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, registered: Path) -> Iterator[Prepared]:
    folder = tmp_path_factory.mktemp("killed")
    yield Prepared(folder, registered)
    for home in folder.iterdir():
        (home / "end").touch()


@pytest.mark.parametrize(
    ("prepare", "last"),
    [pytest.param(prepare, last, id=f"{prepare.__name__}, {last}") for prepare, states in STORIES for last in states],
)  # fmt: skip
def test_an_operator_killed_at_any_state_ends_as_one_that_was_not(
    prepared: Prepared, prepare: Prepare, last: str, request: pytest.FixtureRequest
) -> None:
    settings = prepared.fresh(prepare, number=hash(request.node.name) % 10**9)
    run(operate, settings, NOW, last=last)
    later = NOW + HOUR  # a promotion that stands still is somebody else's until it has had its time
    run(operate, settings, later)
    assert ends(settings) == prepared.undisturbed(prepare, (operate, NOW), (operate, later))


INTERRUPTED: list[tuple[Prepare, list[str]]] = [
    (a_broken_champion, [*WAY_BACK[:-1], *EFFECTS, "version: tagged"]),
    (asked_to_roll_back, ["rollback: intended", "version: tagged", *PROMOTION, *EFFECTS, "rollback: done"]),
    (asked_to_promote, [*PROMOTION, "bundle: put", *EFFECTS]),
    (a_better_champion, [*ROLLOUT[:-1], "service: told"]),
]


@pytest.mark.parametrize(
    ("prepare", "last"),
    [pytest.param(prepare, last, id=f"{prepare.__name__}, {last}") for prepare, states in INTERRUPTED for last in states],
)  # fmt: skip
def test_what_somebody_promotes_between_a_kill_and_the_next_run_is_served(
    prepared: Prepared, prepare: Prepare, last: str, request: pytest.FixtureRequest
) -> None:
    settings = prepared.fresh(prepare, number=hash(request.node.name) % 10**9)
    run(operate, settings, NOW, last=last)
    with open_store(settings.store_uri.get_secret_value()) as store:
        promote(THIRD, reason="meanwhile", store=store, registry=registry_of(settings), clock=clock)
    for hours in (1, 2):
        run(operate, settings, NOW + hours * HOUR)
    came = ends(settings)
    assert (came["champion"], came["aliases"][PRODUCTION], came["told"]) == (THIRD, THIRD, THIRD)
    assert {state for kind, state, _ in came["ledger"] if kind in {"promotion", "rollback", "rollout"}} <= {
        "done",
        "superseded",
        "rolled back",
    }


def a_shop(store: Store, settings: Settings, *, events: int) -> None:
    """Three days of events after a training on so many; scores of the first, whose outcomes are known by now."""
    shop = MonitoredShop(store, settings)
    shop.make_champion(events=events)
    shop.events(MONDAY - 8 * DAY, MONDAY + 3 * DAY)
    for hour in (6, 12):
        shop.score(MONDAY + hour * HOUR)


def a_shop_that_grew(store: Store, _: Registry, settings: Settings) -> None:
    a_shop(store, settings, events=1_000)


def a_shop_as_it_was(store: Store, _: Registry, settings: Settings) -> None:
    a_shop(store, settings, events=1_500)


def a_shop_whose_feed_stopped(store: Store, _: Registry, settings: Settings) -> None:
    shop = MonitoredShop(store, settings)
    shop.make_champion()
    shop.events(MONDAY - 8 * DAY, MONDAY + DAY)


WINDOWS: list[tuple[Prepare, list[str]]] = [
    (
        a_shop_that_grew,
        [
            "outcomes: added", "outcomes: corrected", "window: written", "training: intended", "training: begun",
            "training: started", "decision: retrain",
        ],
    ),
    (a_shop_as_it_was, ["decision: not needed"]),
    (a_shop_whose_feed_stopped, ["decision: stale data"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("prepare", "last"),
    [pytest.param(prepare, last, id=f"{prepare.__name__}, {last}") for prepare, states in WINDOWS for last in states],
)  # fmt: skip
def test_a_monitor_killed_after_any_write_ends_as_one_that_was_not(
    prepared: Prepared, prepare: Prepare, last: str, request: pytest.FixtureRequest
) -> None:
    settings = prepared.fresh(prepare, number=hash(request.node.name) % 10**9)
    now = MONDAY + 3 * DAY + HOUR
    run(monitor, settings, now, last=last)
    run(monitor, settings, now)
    assert ends(settings) == prepared.undisturbed(prepare, (monitor, now))
