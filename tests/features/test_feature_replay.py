"""The real log through a real store: what the service would have answered from is what training reads."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from propensity.events import Event
from propensity.events.event import DAY, HOUR
from propensity.features.definition import HISTORY_LIMIT, HORIZON, NAMES
from propensity.features.offline import feature_rows, labels, snapshots, to_frame
from propensity.features.online import default_row, user_features
from propensity.store import Store, open_store

CUTOFF = 1_512_043_200_000_000
CUTOFFS = [CUTOFF - 3 * DAY - 5 * HOUR, CUTOFF, CUTOFF + 2 * DAY + 7 * HOUR + 123]
LAG = HOUR


def partly_live(events: list[Event]) -> list[Event]:
    """The log as if every third event had come in live, some of it late."""
    return [
        event._replace(ingested_at=event.event_time + (index % 9) * HOUR if index % 3 == 0 else None)
        for index, event in enumerate(events)
    ]


@pytest.fixture(scope="module")
def store(real_events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    path: Path = tmp_path_factory.mktemp("replay") / "store.db"
    with open_store(f"sqlite:///{path}") as opened:
        opened.events.add(partly_live(real_events))
        yield opened


def test_for_every_user_the_service_and_the_training_see_the_same_numbers(
    store: Store, real_events: list[Event]
) -> None:
    offline = {
        (cutoff, user_id): row
        for rows in feature_rows(store, CUTOFFS, lag=LAG, with_labels=False)
        for user_id, cutoff, *row in rows.iter_rows()
    }
    users = {event.user_id for event in real_events}
    online = {
        (cutoff, user_id): user_features(store.events, user_id, cutoff=cutoff, lag=LAG)
        for cutoff in CUTOFFS
        for user_id in users
    }
    inactive = online.keys() - offline.keys()
    assert all(online[key] == default_row(key[0]) for key in inactive)
    assert {key: row for key, row in online.items() if key not in inactive} == offline
    assert len(offline) > 2_000


def test_feature_rows_are_the_snapshots_of_the_whole_log_with_its_labels(
    store: Store, real_events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("propensity.features.offline.CHUNK_CELLS", 30_000)
    chunks = list(feature_rows(store, CUTOFFS[::-1], lag=LAG, with_labels=True))
    assert len(chunks) > 5
    assert all(chunk.select("cutoff", "user_id").rows() == sorted(chunk.select("cutoff", "user_id").rows()) for chunk in chunks)  # fmt: skip
    events = to_frame(partly_live(real_events))
    rows = snapshots(events, CUTOFFS, lag=LAG)
    whole = rows.with_columns(labels(events, rows)["label"])
    assert pl.concat(chunks).sort("cutoff", "user_id").equals(whole)
    assert 0.05 < whole["label"].mean() < 0.3


def test_a_user_of_whom_the_store_knows_nothing_has_no_features(store: Store) -> None:
    assert user_features(store.events, "never seen", cutoff=CUTOFF, lag=0) is None


def test_a_user_whose_events_are_all_too_old_has_the_defaults(store: Store, real_events: list[Event]) -> None:
    later = max(event.event_time for event in real_events) + HORIZON + DAY
    row = user_features(store.events, real_events[0].user_id, cutoff=later, lag=0)
    assert row == default_row(later)
    assert len(row) == len(NAMES)


def test_without_cutoffs_there_is_nothing_to_read(store: Store) -> None:
    assert list(feature_rows(store, [], lag=0, with_labels=True)) == []


def test_of_a_user_with_too_many_events_both_look_at_the_same_newest_ones(tmp_path: Path) -> None:
    count = HISTORY_LIMIT + 40
    # Many events at one instant, of which the limit keeps those with the highest ids; stored in another order.
    events = [
        Event(
            f"{n * 7_919 % count:05d}", "busy", ("view", "cart")[n % 2], CUTOFF - DAY, f"p{n % 900}", price=n
        )
        for n in range(count)
    ]
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        store.events.add(events)
        (rows,) = feature_rows(store, [CUTOFF], lag=0, with_labels=False)
        online = user_features(store.events, "busy", cutoff=CUTOFF, lag=0)
    assert rows.row(0) == ("busy", CUTOFF, *(online or ()))
    assert rows["views_30d"][0] + rows["carts_30d"][0] == HISTORY_LIMIT
