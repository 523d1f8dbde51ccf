"""What every store promises about events."""

from collections.abc import Iterator

import pytest

from propensity.events import Event
from propensity.store import EventSummary, Store, UserRange

EVERYONE = UserRange()
VIEW = Event("e1", "ann", "view", 1_000, "p1", "c1", 1999, "s1", 5_000)


def numbered(count: int, *, users: int = 10) -> list[Event]:
    """Make events of several users, one a microsecond, in no order a store would keep them in."""
    return [Event(f"e{n:05d}", f"u{n % users:02d}", "view", n) for n in range(count)]


def everything(store: Store, *, users: UserRange = EVERYONE, chunk_rows: int = 7) -> list[list[Event]]:
    return list(store.events.scan(since=0, until=10**18, users=users, chunk_rows=chunk_rows))


def history(
    store: Store, user_id: str, *, until: int, since: int = 0, lag: int = 0, limit: int = 100
) -> list[Event]:
    return store.events.of_user(user_id, since=since, until=until, lag=lag, limit=limit)


def test_an_event_comes_back_as_it_was_stored(store: Store) -> None:
    bare = Event("e2", "ann", "purchase", 2_000)
    assert store.events.add([VIEW, bare]) == (2, 0, [], ())
    found = history(store, "ann", until=10_000)
    assert found == [bare, VIEW]
    assert all(type(value) in (str, int, type(None)) for event in found for value in event)


def test_adding_twice_changes_nothing(store: Store) -> None:
    store.events.add(numbered(100))
    assert store.events.add(numbered(150)) == (50, 100, [], ())
    assert store.events.summary() == EventSummary(150, 0, 149)


def test_the_same_id_with_other_content_is_a_conflict_and_the_first_stays(store: Store) -> None:
    store.events.add([VIEW])
    others = [
        VIEW._replace(price=None),
        VIEW._replace(user_id="bob"),
        VIEW._replace(event_time=1_001),
        VIEW._replace(session_id="s2"),
    ]
    assert store.events.add([*others, VIEW._replace(event_id="e2")]) == (1, 0, others, ())
    assert history(store, "ann", until=9_000)[-1] == VIEW
    assert not store.events.knows("bob")


def test_when_it_was_learned_is_no_part_of_the_content(store: Store) -> None:
    store.events.add([VIEW])
    assert store.events.add([VIEW._replace(ingested_at=None)]) == (0, 1, [], ())
    assert history(store, "ann", until=9_000) == [VIEW]


def test_an_id_twice_in_one_batch_is_unchanged_or_a_conflict(store: Store) -> None:
    other = VIEW._replace(product_id="p2")
    assert store.events.add(iter([VIEW, VIEW, other])) == (1, 1, [other], ())
    assert history(store, "ann", until=9_000) == [VIEW]


def test_conflicts_can_be_known_before_anything_is_written(store: Store) -> None:
    store.events.add([VIEW])
    others = [VIEW._replace(price=None), VIEW._replace(user_id="bob"), VIEW._replace(event_time=1_001)]
    asked = [others[0], VIEW, VIEW._replace(ingested_at=None), *others[1:], VIEW._replace(event_id="new")]
    assert store.events.conflicting(iter(asked)) == others
    assert store.events.conflicting([]) == []
    assert store.events.summary().events == 1
    assert not store.events.knows("bob")


def test_adding_nothing_is_no_error(store: Store) -> None:
    assert store.events.add([]) == (0, 0, [], ())


def test_a_history_is_newest_first_and_bounded(store: Store) -> None:
    same_time = [Event(name, "ann", "view", 50) for name in ("b", "a", "c")]
    store.events.add([*same_time, Event("old", "ann", "view", 10), Event("x", "bob", "view", 50)])
    assert [event.event_id for event in history(store, "ann", until=51)] == ["c", "b", "a", "old"]
    assert [event.event_id for event in history(store, "ann", until=51, limit=2)] == ["c", "b"]
    assert history(store, "ann", until=51, limit=0) == []


def test_a_window_holds_its_start_and_not_its_end(store: Store) -> None:
    store.events.add([Event(str(time), "ann", "view", time) for time in (9, 10, 19, 20)])
    assert [event.event_time for event in history(store, "ann", since=10, until=20)] == [19, 10]


@pytest.mark.parametrize(
    ("ingested_at", "lag", "known"),
    [(100, 0, True), (101, 0, False), (None, 50, True), (None, 51, False), (100, 99, True)],
)
def test_only_what_was_known_is_history(
    store: Store, ingested_at: int | None, lag: int, *, known: bool
) -> None:
    store.events.add([Event("e", "ann", "view", 50, ingested_at=ingested_at)])
    assert bool(history(store, "ann", until=100, lag=lag)) is known


def test_a_user_is_known_by_any_event(store: Store) -> None:
    assert not store.events.knows("ann")
    store.events.add([VIEW])
    assert store.events.knows("ann")
    assert not store.events.knows("an")


def test_ids_are_only_ever_values(store: Store) -> None:
    odd = ["$ne", "{'$gt': ''}", "' OR 1=1 --", "a.b", "*", ""]
    store.events.add([Event(f"${n}.{n}", user, "view", 1, product_id="$p") for n, user in enumerate(odd)])
    assert [len(history(store, user, until=2)) for user in odd] == [1] * len(odd)


def test_a_scan_is_ordered_by_user_in_byte_order_then_time_then_id(store: Store) -> None:
    users = ["b", "B", "é", "\U0001f600", "日本", "a", "aa"]
    events = [Event(f"{user}{n}", user, "view", n // 2) for user in users for n in (3, 1, 2, 0)]
    store.events.add(events)
    scanned = [event for chunk in everything(store) for event in chunk]
    assert scanned == sorted(
        events, key=lambda event: (event.user_id.encode(), event.event_time, event.event_id)
    )


def test_a_scan_never_splits_a_user_and_stays_near_its_chunk_size(store: Store) -> None:
    store.events.add([*numbered(100), *(Event(f"busy{n}", "u05", "view", n) for n in range(60))])
    chunks = everything(store, chunk_rows=25)
    seen = [{event.user_id for event in chunk} for chunk in chunks]
    assert sum(map(len, chunks)) == 160
    assert sum(map(len, seen)) == len(set().union(*seen)) == 10
    assert max(map(len, chunks)) < 25 + 70
    assert len(chunks) > 2


def test_a_scan_keeps_to_its_window_and_users(store: Store) -> None:
    store.events.add(numbered(100))
    (chunk,) = store.events.scan(since=20, until=40, users=UserRange("u03", "u05"), chunk_rows=1_000)
    assert [(event.user_id, event.event_time) for event in chunk] == [
        ("u03", 23),
        ("u03", 33),
        ("u04", 24),
        ("u04", 34),
    ]
    assert list(store.events.scan(since=200, until=400)) == []


def test_a_scan_goes_on_while_events_are_added(store: Store) -> None:
    before = numbered(100)
    store.events.add(before)
    chunks: Iterator[list[Event]] = store.events.scan(since=0, until=10**18, chunk_rows=5)
    scanned = next(chunks)
    store.events.add([Event(f"new{n}", f"u{n % 20:02d}", "view", n) for n in range(40)])
    for chunk in chunks:
        scanned += chunk
    assert set(before) <= set(scanned)
    assert len(set(scanned)) == len(scanned)


def test_a_scan_left_half_way_leaves_the_store_usable(store: Store) -> None:
    store.events.add(numbered(100))
    for _ in range(3):
        next(iter(store.events.scan(since=0, until=10**18, chunk_rows=5)))
    assert store.events.add([VIEW]).inserted == 1


@pytest.mark.parametrize("count", [1, 3, 10, 50])
def test_user_ranges_cover_everyone_once_and_are_about_equal(store: Store, count: int) -> None:
    store.events.add(numbered(200))
    ranges = store.events.user_ranges(count)
    parts = [sum(map(len, everything(store, users=users))) for users in ranges]
    assert len(ranges) == min(count, 10)
    assert (ranges[0].first, ranges[-1].end) == (None, None)
    assert sum(parts) == 200
    assert max(parts) <= 200 / len(ranges) + 20


def test_an_empty_store_has_one_range_and_no_times(store: Store) -> None:
    assert store.events.user_ranges(4) == [UserRange(None, None)]
    assert store.events.summary() == EventSummary(0, None, None)
    assert store.events.types_since(0) == {}


def test_types_are_counted_from_a_time_on(store: Store) -> None:
    types = ["view", "view", "cart", "purchase", "view"]
    store.events.add([Event(str(time), "ann", kind, time) for time, kind in enumerate(types)])
    assert store.events.types_since(0) == {"view": 3, "cart": 1, "purchase": 1}
    assert store.events.types_since(3) == {"purchase": 1, "view": 1}


def test_a_rank_gives_the_time_with_so_many_events_before_or_after_it(store: Store) -> None:
    assert (store.events.time_at_rank(0), store.events.count_before(9)) == (None, 0)
    times = [50, 10, 30, 10, 2**60]
    store.events.add([Event(str(number), "ann", "view", time) for number, time in enumerate(times)])
    assert [store.events.time_at_rank(rank) for rank in range(6)] == [10, 10, 30, 50, 2**60, None]
    assert [store.events.time_at_rank(rank, newest=True) for rank in (0, 1, 4)] == [2**60, 50, 10]
    assert [store.events.count_before(time) for time in (10, 11, 2**60, 2**61)] == [0, 2, 4, 5]
