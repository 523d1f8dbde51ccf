"""A training's process killed with SIGKILL at each of its states, and its Job tried again: one version, the same end."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.ingest import ingest
from propensity.events.formats import FORMATS
from propensity.registry import CHALLENGER, PRODUCTION
from propensity.settings import Settings, read_settings
from propensity.simulate import Scenario, simulate
from propensity.store import open_store
from tests.lifecycle.mortal import NOW, registry_of, run, train
from training.challenger import registered_before

pytestmark = [pytest.mark.journey, pytest.mark.timeout(900)]
SCENARIO = Scenario(users=400, days=24, seed=3)


def settings_in(home: Path) -> Settings:
    return read_settings(
        home=home, tracking_uri=f"sqlite:///{home}/mlflow.db", workers=1, search="quick", bootstrap_rounds=50,
        cutoff_stride_hours=13, min_positives=10,
    )  # fmt: skip


def ends(settings: Settings) -> dict[str, Any]:
    """What a training leaves behind, but for how often it was tried."""
    registry = registry_of(settings)
    aliases = {alias: registry.at(alias) for alias in (PRODUCTION, CHALLENGER)}
    with open_store(settings.store_uri.get_secret_value()) as store:
        champion = store.champion()
        assert champion is not None
        assert store.bundles.get(champion.digest)
        return {
            "champion": champion.version,
            "verdicts": [(one.number, one.verdict) for one in registry.versions(10)],
            "aliases": {alias: found and found.number for alias, found in aliases.items()},
            "ledger": [
                (one.kind, one.state, one.subject, one.evidence.get("verdict"), one.evidence.get("events"))
                for one in store.ledger.latest(50)
            ],
        }


def states(settings: Settings) -> list[str]:
    """The states that the training has been in."""
    with open_store(settings.store_uri.get_secret_value()) as store:
        (entry,) = store.ledger.latest(9, "training")
        return [state for state, _ in entry.history]


class Folders:
    """A shop before its training, one that was trained in peace, and one whose training died after it had registered."""

    def __init__(self, folder: Path, empty_registry: Path) -> None:
        self._folder = folder
        asked = folder / "asked"
        asked.mkdir()
        shutil.copy(empty_registry, asked / "mlflow.db")
        simulate(SCENARIO).write(asked / "shop.parquet")
        with open_store(settings_in(asked).store_uri.get_secret_value()) as store:
            ingest(
                [str(asked / "shop.parquet")],
                log_format=FORMATS["propensity"],
                store=store,
                now=SCENARIO.end_time,
                max_refused_share=0,
            )
            store.ledger.claim(kind="training", state="started", at=NOW, reason="drift", key="training:1")
        run(train, self.copy("asked", to="undisturbed"), 1)
        self.undisturbed = ends(settings_in(folder / "undisturbed"))
        dying = self.copy("asked", to="registered")
        run(train, dying, 1, last="training: running")
        run(train, dying, 1, last="training: registered")

    def copy(self, name: str, *, to: str) -> Settings:
        shutil.copytree(self._folder / name, self._folder / to)
        return settings_in(self._folder / to)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Iterator[Folders]:
    return Folders(tmp_path_factory.mktemp("trainings"), empty_registry)


def test_a_training_killed_twice_before_the_gate_ends_as_one_that_was_not_and_fits_once(
    folders: Folders,
) -> None:
    settings = folders.copy("registered", to="twice")
    run(train, settings, 1)
    assert ends(settings) == folders.undisturbed
    assert states(settings) == [
        "started",
        "running",
        "running",
        "registered",
        "running",
        "registered",
        "done",
    ]


@pytest.mark.parametrize(
    "last",
    [
        "promotion: intended", "promotion: bundled", "promotion: alias set", "promotion: done", "training: done",
    ],
)  # fmt: skip
def test_a_training_killed_while_it_promotes_ends_as_one_that_was_not(folders: Folders, last: str) -> None:
    settings = folders.copy("registered", to=last)
    run(train, settings, 1, last=last)
    run(train, settings, 1)
    assert ends(settings) == folders.undisturbed


def test_a_training_tried_again_does_not_undo_what_was_promoted_after_its_own(folders: Folders) -> None:
    settings = folders.copy("registered", to="overtaken")
    run(train, settings, 1, last="promotion: done")
    registry = registry_of(settings)
    with open_store(settings.store_uri.get_secret_value()) as store:
        store.ledger.claim(
            kind="promotion", state="done", at=NOW, reason="a person", subject="7", key="later"
        )
        run(train, settings, 1)
        newest = store.ledger.latest(1, "promotion")[0]
    assert newest.subject == "7"
    assert [one.number for one in registry.versions(9)] == ["1"]


def test_a_challenger_of_another_training_or_a_lost_one_is_not_taken_up(folders: Folders) -> None:
    registry = registry_of(folders.copy("registered", to="another"))
    mark = f"1@{NOW}"
    found = registered_before(mark, registry=registry)
    assert found is not None
    assert found.version.number == "1"
    assert registered_before("1@0", registry=registry) is None
    assert registered_before(f"2@{NOW}", registry=registry) is None
    registry.tag("1", {"digest": "sha256:" + "0" * 64})
    assert registered_before(mark, registry=registry) is None
