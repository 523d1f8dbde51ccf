"""The volume trigger in a shop that keeps its events for some days only, so that the store stops growing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.monitor.retention import drop_old
from jobs.monitor.volume import count_volume, volume_trigger
from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.settings import Settings, read_settings
from propensity.store import Store, open_store
from propensity.store.findings import Volume
from tests.jobs.monitored_shop import MONDAY, document

KEPT_DAYS = 90
DAILY = 24


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(home=tmp_path, event_retention_days=KEPT_DAYS)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Ninety days of an event an hour, up to MONDAY."""
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as opened:
        live(opened, -KEPT_DAYS, KEPT_DAYS)
        yield opened


def live(store: Store, first: int, days: int) -> None:
    begin = MONDAY + first * DAY
    store.events.add(
        Event(f"e{time}", "ann", "view", time) for time in range(begin, begin + days * DAY, HOUR)
    )


def trained(store: Store, *, at: int, **evidence: int) -> None:
    entry = store.ledger.claim(kind="training", state="registered", at=at, reason="", evidence=dict(evidence))
    assert entry is not None
    store.ledger.move(entry.sequence, from_state="registered", to_state="done", at=at)


def look(store: Store, settings: Settings, *, end: int, events: int) -> Volume:
    drop_old(store, settings=settings, watermark=end, now=end)
    return count_volume(store, document=document(events=events), end=end, some_dropped=True)


@pytest.mark.parametrize("says_so", [True, False])
def test_volume_fires_again_and_again_where_old_events_are_dropped(
    store: Store, settings: Settings, *, says_so: bool
) -> None:
    known = {"watermark": MONDAY - HOUR} if says_so else {}
    trained(store, at=MONDAY - 1, events=KEPT_DAYS * DAILY, **known)
    fired = []
    for day in range(1, 31):
        live(store, day - 1, 1)
        end = MONDAY + day * DAY
        found = look(store, settings, end=end, events=1)
        stored = store.events.count_before(end)
        assert stored <= KEPT_DAYS * DAILY
        if volume_trigger(found, window_end=end, settings=settings):
            fired.append(day)
            known = {"watermark": end - HOUR} if says_so else {}
            trained(store, at=end - 1, events=stored, **known)
    assert fired == [9, 18, 27]


def test_a_champion_of_which_only_its_own_document_is_known_is_grown_out_of_too(
    store: Store, settings: Settings
) -> None:
    live(store, 0, 9)
    found = look(store, settings, end=MONDAY + 9 * DAY, events=KEPT_DAYS * DAILY)
    assert found.growth == pytest.approx(0.1, abs=0.001)


def test_what_comes_late_counts_too(store: Store) -> None:
    trained(store, at=MONDAY, events=KEPT_DAYS * DAILY, watermark=MONDAY - HOUR)
    live(store, 0, 1)
    store.events.add(Event(f"late{number}", "bob", "view", MONDAY - DAY + number) for number in range(500))
    found = count_volume(store, document=document(), end=MONDAY + DAY)
    assert found.events == KEPT_DAYS * DAILY + DAILY + 500
