"""Promotion on the real registry and store: once, twice, killed at each state, two at once."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sklearn.dummy import DummyClassifier

from propensity.bundle import DOCUMENT, MODEL, RECORDED, Bundle
from propensity.errors import StoreUnavailable, VersionNotFound
from propensity.lifecycle.promotion import promote
from propensity.registry import PREVIOUS, PRODUCTION, Registry, TrainingRecord
from propensity.settings import Settings
from propensity.store import LedgerEntry, Store, open_store

NOW = 1_770_000_000_000_000


def clock() -> int:
    return NOW


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(f"sqlite:///{tmp_path}/store.db")


def record(registry: Registry, mark: str) -> str:
    folder = Path(registry.tracking_uri.removeprefix("sqlite:///")).parent / "empty"
    folder.mkdir(exist_ok=True)
    bundle = Bundle({MODEL: mark.encode(), DOCUMENT: b"{}", RECORDED: b"{}"})
    pipeline = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    return registry.record(TrainingRecord({}, {}, {"verdict": "promoted"}, bundle, pipeline, folder)).number


def state(store: Store, registry: Registry) -> tuple[str | None, str | None, str | None]:
    champion = store.champion()
    production, previous = registry.at(PRODUCTION), registry.at(PREVIOUS)
    return (
        champion.version if champion else None,
        production.number if production else None,
        previous.number if previous else None,
    )


def test_the_first_promotion_makes_a_champion_that_serving_finds_in_the_store(
    store: Store, registry: Registry
) -> None:
    number = record(registry, "one")
    entry = promote(number, reason="it is the first", store=store, registry=registry, clock=clock)
    assert state(store, registry) == (number, number, None)
    assert [name for name, _ in entry.history] == ["intended", "bundled", "alias set", "done"]
    champion = store.champion()
    assert champion is not None
    assert store.bundles.get(champion.digest) == registry.bundle(registry.version(number)).files


def test_a_second_version_leaves_the_first_as_previous(store: Store, registry: Registry) -> None:
    one, two = record(registry, "one"), record(registry, "two")
    for number in (one, two):
        promote(number, reason="newer", store=store, registry=registry, clock=clock)
    assert state(store, registry) == (two, two, one)


def test_promoting_the_champion_again_changes_nothing(store: Store, registry: Registry) -> None:
    one, two = record(registry, "one"), record(registry, "two")
    for number in (one, two):
        promote(number, reason="newer", store=store, registry=registry, clock=clock)
    before = store.ledger.latest(10)
    promote(two, reason="again", store=store, registry=registry, clock=lambda: NOW + 1)
    assert store.ledger.latest(10) == before
    assert state(store, registry) == (two, two, one)


def test_a_version_may_come_back_after_another(store: Store, registry: Registry) -> None:
    one, two = record(registry, "one"), record(registry, "two")
    for number in (one, two, one):
        promote(number, reason="newer", store=store, registry=registry, clock=clock)
    assert state(store, registry) == (one, one, two)


class Killed(StoreUnavailable):
    """Stands for a process that ends here."""


class KilledAfter:
    """The real ledger, which ends the process after it has written a given state."""

    def __init__(self, real: Store, state: str) -> None:
        self._real = real.ledger
        self._state = state

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def claim(self, **given: object) -> LedgerEntry | None:
        entry = self._real.claim(**given)  # type: ignore[arg-type]
        if self._state == "intended":
            raise Killed
        return entry

    def move(self, sequence: int, *, from_state: str, to_state: str, at: int) -> LedgerEntry | None:
        entry = self._real.move(sequence, from_state=from_state, to_state=to_state, at=at)
        if self._state == to_state:
            raise Killed
        return entry


@pytest.mark.parametrize("last", ["intended", "bundled", "alias set", "done"])
def test_a_promotion_killed_at_any_state_is_finished_by_the_next_run(
    tmp_path: Path, registry: Registry, last: str
) -> None:
    uri = f"sqlite:///{tmp_path}/store.db"
    one, two = record(registry, "one"), record(registry, "two")
    with open_store(uri) as store:
        promote(one, reason="first", store=store, registry=registry, clock=clock)
    with open_store(uri) as store:
        store.ledger = KilledAfter(store, last)  # type: ignore[assignment]
        with pytest.raises(Killed):
            promote(two, reason="second", store=store, registry=registry, clock=clock)
    with open_store(uri) as store:
        promote(two, reason="second, again", store=store, registry=registry, clock=clock)
        assert state(store, registry) == (two, two, one)
        assert [entry.state for entry in store.ledger.latest(10)] == ["done", "done"]


class MeetsAnother:
    """The real ledger, which lets something else happen when a promotion reaches a state."""

    def __init__(self, real: Store, state: str, happens: Callable[[], object]) -> None:
        self._real = real.ledger
        self._state = state
        self._happens = happens

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def move(self, sequence: int, *, from_state: str, to_state: str, at: int) -> LedgerEntry | None:
        if to_state == self._state:
            self._happens()
        return self._real.move(sequence, from_state=from_state, to_state=to_state, at=at)


@pytest.mark.parametrize("late", ["bundled", "alias set", "done"])
def test_of_two_versions_promoted_at_once_the_later_asked_for_holds_everywhere(
    tmp_path: Path, registry: Registry, late: str
) -> None:
    uri = f"sqlite:///{tmp_path}/store.db"
    two, three = record(registry, "two"), record(registry, "three")
    with open_store(uri) as store, open_store(uri) as other:
        meanwhile = partial(promote, three, reason="later", store=other, registry=registry, clock=clock)
        store.ledger = MeetsAnother(store, late, meanwhile)  # type: ignore[assignment]
        promote(two, reason="earlier", store=store, registry=registry, clock=clock)
        assert state(other, registry)[:2] == (three, three)
        assert [entry.subject for entry in other.ledger.latest(10)] == [three, two]


@pytest.mark.parametrize("late", ["alias set", "done"])
def test_what_an_older_promotion_sets_while_it_can_not_know_of_the_newer_does_not_stay(
    tmp_path: Path, registry: Registry, late: str
) -> None:
    two, three = record(registry, "two"), record(registry, "three")
    with open_store(f"sqlite:///{tmp_path}/store.db") as store:
        promote(two, reason="earlier", store=store, registry=registry, clock=clock)
        older = store.champion()
        assert older is not None

        def sets_late() -> None:
            registry.set_alias(PRODUCTION, two) if late == "alias set" else store.set_champion(older)

        store.ledger = MeetsAnother(store, late, sets_late)  # type: ignore[assignment]
        promote(three, reason="later", store=store, registry=registry, clock=clock)
        assert state(store, registry)[:2] == (three, three)


class Noting(Registry):
    """The real registry, and where its alias was pointed to."""

    def set_alias(self, alias: str, number: str) -> None:
        self.pointed = [*getattr(self, "pointed", []), (alias, number)]
        super().set_alias(alias, number)


class MeetsAnotherAfter(MeetsAnother):
    """Lets it happen once the state is written."""

    def move(self, sequence: int, *, from_state: str, to_state: str, at: int) -> LedgerEntry | None:
        moved: LedgerEntry | None = self._real.move(sequence, from_state=from_state, to_state=to_state, at=at)
        if to_state == self._state:
            self._happens()
        return moved


def test_a_promotion_that_was_superseded_points_no_alias_to_its_version(
    tmp_path: Path, registry: Registry, settings: Settings
) -> None:
    uri = f"sqlite:///{tmp_path}/store.db"
    two, three = record(registry, "two"), record(registry, "three")
    noting = Noting(settings.tracking_uri, artifacts=settings.home / "artifacts")
    with open_store(uri) as store, open_store(uri) as other:
        meanwhile = partial(promote, three, reason="later", store=other, registry=registry, clock=clock)
        store.ledger = MeetsAnotherAfter(store, "bundled", meanwhile)  # type: ignore[assignment]
        entry = promote(two, reason="earlier", store=store, registry=noting, clock=clock)
        assert entry.state == "superseded"
        assert (PRODUCTION, two) not in noting.pointed
        assert state(other, registry)[:2] == (three, three)


def test_a_promotion_left_behind_by_a_later_one_is_not_taken_up_again(
    tmp_path: Path, registry: Registry
) -> None:
    uri = f"sqlite:///{tmp_path}/store.db"
    two, three = record(registry, "two"), record(registry, "three")
    with open_store(uri) as store:
        store.ledger = KilledAfter(store, "alias set")  # type: ignore[assignment]
        with pytest.raises(Killed):
            promote(two, reason="dies", store=store, registry=registry, clock=clock)
    with open_store(uri) as store:
        promote(three, reason="later", store=store, registry=registry, clock=clock)
        assert state(store, registry) == (three, three, two)
        assert [entry.state for entry in store.ledger.latest(2)] == ["done", "superseded"]
        promote(two, reason="after all", store=store, registry=registry, clock=clock)
        assert state(store, registry) == (two, two, three)


def test_an_alias_moved_by_hand_is_followed_and_leaves_the_one_before_as_previous(
    store: Store, registry: Registry
) -> None:
    one, two, three = (record(registry, name) for name in ("one", "two", "three"))
    for number in (one, two):
        promote(number, reason="newer", store=store, registry=registry, clock=clock)
    registry.set_alias(PRODUCTION, three)
    promote(three, reason="the alias says so", store=store, registry=registry, clock=clock)
    assert state(store, registry) == (three, three, two)


def test_a_version_that_does_not_exist_leaves_no_trace(store: Store, registry: Registry) -> None:
    record(registry, "one")
    with pytest.raises(VersionNotFound):
        promote("77", reason="a typing error", store=store, registry=registry, clock=clock)
    assert store.ledger.latest(10) == []
