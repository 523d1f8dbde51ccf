"""What every store promises when several threads and processes write at once, and when one of them is killed."""

import json
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack

import pytest

from propensity.events import Event
from propensity.store import Store, open_store

StartWriter = Callable[..., AbstractContextManager["subprocess.Popen[str]"]]


def answers(start: StartWriter, *calls: tuple[str | int, ...]) -> list[object]:
    """Run writers at the same time and return what each said."""
    with ExitStack() as running:
        writers = [running.enter_context(start(*call)) for call in calls]
        return [json.loads(writer.communicate(timeout=60)[0]) for writer in writers]


def wait_for_events(store: Store, writer: "subprocess.Popen[str]") -> int:
    """Return how many events there are as soon as there are any."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        assert writer.poll() is None, "the writer ended by itself"
        if events := store.events.summary().events:
            return events
    pytest.fail("the writer stored nothing within a minute")


def test_claims_of_threads_and_processes_are_consecutive_numbers(
    store: Store, start_writer: StartWriter
) -> None:
    def claim(_: int) -> int:
        entry = store.ledger.claim(kind="training", state="open", at=1, reason="x")
        assert entry is not None
        return entry.sequence

    with ThreadPoolExecutor(10) as threads:
        ours = threads.map(claim, range(40))
        theirs = answers(start_writer, *[("claim", 20)] * 3)
        numbers = [*ours, *(number for each in theirs for number in each)]  # type: ignore[attr-defined]
    assert sorted(numbers) == list(range(1, 101))


def test_one_of_many_gets_a_key(store: Store, start_writer: StartWriter) -> None:
    def claim(_: int) -> bool:
        return store.ledger.claim(kind="training", state="open", at=1, reason="x", key="slot") is not None

    with ThreadPoolExecutor(10) as threads:
        ours = threads.map(claim, range(20))
        theirs = answers(start_writer, *[("claim", 5, "slot")] * 2)
        assert sum(ours) + sum(map(len, theirs)) == 1  # type: ignore[arg-type]
    assert len(store.ledger.latest(10)) == 1


def test_one_of_many_moves_an_entry(store: Store, start_writer: StartWriter) -> None:
    store.ledger.claim(kind="training", state="open", at=1, reason="x")

    def move(number: int) -> bool:
        return store.ledger.move(1, from_state="open", to_state="done", at=number) is not None

    with ThreadPoolExecutor(10) as threads:
        ours = threads.map(move, range(20))
        assert sum(ours) + sum(answers(start_writer, ("move", 1), ("move", 1))) == 1  # type: ignore[arg-type]
    entry = store.ledger.get(1)
    assert entry is not None
    assert len(entry.history) == 2


def test_overlapping_events_of_several_processes_are_stored_once(
    store: Store, start_writer: StartWriter
) -> None:
    found = answers(start_writer, ("add", 0, 6_000), ("add", 3_000, 6_000), ("add", 0, 9_000))
    inserted, unchanged, conflicts = (sum(column) for column in zip(*found, strict=True))
    assert (inserted, unchanged, conflicts) == (9_000, 12_000, 0)
    assert store.events.summary() == (9_000, 10**15, 10**15 + 8_999)


def test_what_a_killed_writer_left_is_completed_by_running_again(
    store: Store, start_writer: StartWriter
) -> None:
    with start_writer("hang", 60_000) as writer:
        left = wait_for_events(store, writer)
        writer.kill()
    assert 0 < left < 70_000
    (again,) = answers(start_writer, ("add", 0, 60_000))
    assert isinstance(again, list)
    assert sum(again) == 60_000
    assert again[1] >= left
    assert again[2] == 0
    scanned = [event.event_time for chunk in store.events.scan(since=0, until=10**18) for event in chunk]
    assert scanned == list(range(10**15, 10**15 + 60_000))


def test_single_events_get_in_while_another_process_loads(store: Store, start_writer: StartWriter) -> None:
    with start_writer("flood") as writer:
        wait_for_events(store, writer)
        live = [Event(f"live{number}", "ann", "view", number) for number in range(5)]
        assert [store.events.add([event]).inserted for event in live] == [1] * 5
        assert writer.poll() is None
    assert len(store.events.of_user("ann", since=0, until=10, lag=0, limit=10)) == 5


def test_readers_see_events_while_another_process_loads(store_uri: str, start_writer: StartWriter) -> None:
    with open_store(store_uri) as store, start_writer("flood") as writer:
        seen = wait_for_events(store, writer)
        scanned = sum(map(len, store.events.scan(since=0, until=10**18, chunk_rows=10_000)))
        assert scanned >= seen
