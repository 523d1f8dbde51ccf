"""Forgetting a user from end to end: what is said, what is kept of it, and what a run that was killed leaves."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ingest import ingest
from propensity.bundle import Period
from propensity.errors import StoreUnavailable
from propensity.events import Event, Reason
from propensity.events.event import DAY
from propensity.events.formats import FORMATS
from propensity.lifecycle import erasure, trainings
from propensity.lifecycle.erasure import DONE, MARKED, forget
from propensity.lifecycle.learned import Learned, data_window, seen_now
from propensity.store import Store, open_store

TIME = 1_700_000_000_000_000
SALT = b"s" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


def asked(store: Store, user_id: str, *, reason: str = "asked by letter", at: int = TIME) -> erasure.Erasure:
    clock = itertools.count(at).__next__
    return forget(user_id, reason=reason, actor="ann", store=store, clock=clock, salt=SALT)


def event(user_id: str, day: int) -> Event:
    return Event(f"e-{user_id}-{day}", user_id, "view", TIME + day * DAY)


def train(store: Store, version: str, **window: int) -> None:
    entry = store.ledger.claim(
        kind=trainings.KIND, state="running", at=TIME, reason="r", key=f"training:{version}"
    )
    assert entry is not None
    store.ledger.move(
        entry.sequence, from_state="running", to_state="registered", at=TIME + 50 * DAY,
        evidence={"version": version, **window},
    )  # fmt: skip


def test_the_ledger_says_who_forgot_when_and_why_and_not_whom(store: Store) -> None:
    store.events.add([event("shopper-7", 1), event("bob", 1)])
    said = asked(store, "shopper-7", reason="shopper-7 wrote to us")
    assert said.found == {"events": 1}
    entry = said.entry
    assert (entry.kind, entry.state, entry.actor) == (erasure.KIND, DONE, "ann")
    assert entry.reason == f"[forgotten {entry.subject}] wrote to us"
    assert entry.evidence["found"] == {"events": 1}
    assert "shopper-7" not in repr(store.ledger.latest(99))


def test_a_short_number_in_the_reason_of_its_own_erasure_is_taken_for_the_user(store: Store) -> None:
    assert asked(store, "12", reason="user 12 asked").entry.reason.startswith("user [forgotten ")


def test_asked_again_it_finds_nothing_and_is_one_entry(store: Store) -> None:
    store.events.add([event("ann", 1)])
    first, again = asked(store, "ann"), asked(store, "ann", reason="again")
    assert again.found == {}
    assert (again.entry.sequence, again.entry.state) == (first.entry.sequence, DONE)
    assert again.entry.evidence["found"] == {"events": 1}
    assert len(store.ledger.latest(99)) == 1


def test_a_user_nobody_knows_is_kept_out_all_the_same(store: Store) -> None:
    assert asked(store, "ann").found == {}
    assert store.events.add([event("ann", 1)]).inserted == 0


class DyingForgotten:
    """The real thing, which a kill ends at the n-th of its calls."""

    def __init__(self, store: Store, *, calls: int) -> None:
        self._real, self._left = store.forgotten, calls

    def __getattr__(self, name: str) -> object:
        if self._left == 0:
            raise StoreUnavailable("Killed here. Ask again.")
        self._left -= 1
        return getattr(self._real, name)


@pytest.mark.parametrize("calls", range(3))
def test_killed_anywhere_it_is_finished_by_asking_again(store: Store, calls: int) -> None:
    store.events.add([event("ann", 1), event("ann", 2)])
    train(store, "3")
    whole = store.forgotten
    store.forgotten = DyingForgotten(store, calls=calls)  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable):
        asked(store, "ann")
    store.forgotten = whole
    entries = store.ledger.latest(9, erasure.KIND)
    assert [one.state for one in entries] == ([MARKED] if calls == 2 else [])
    said = asked(store, "ann")
    assert (said.found, said.learned.versions, said.entry.state) == ({"events": 2}, ["3"], DONE)
    assert store.forgotten.find("ann") == {}


def test_the_versions_that_may_have_been_trained_with_the_user_are_named(store: Store) -> None:
    store.events.add([event("ann", 10), event("ann", 20), event("bob", 40)])
    train(store, "1", data_from=TIME, data_until=TIME + 10 * DAY)
    train(store, "2", data_from=TIME, data_until=TIME + 10 * DAY + 1)
    train(store, "3", data_from=TIME + 11 * DAY, data_until=TIME + 20 * DAY)
    train(store, "4", data_from=TIME + 20 * DAY, data_until=TIME + 45 * DAY)
    train(store, "5")
    assert seen_now("ann", store=store)["versions"] == ["5", "4", "2"]
    assert seen_now("bob", store=store)["versions"] == ["5", "4"]
    assert seen_now("an", store=store)["versions"] == []


def test_the_window_of_a_training_begins_with_the_history_of_its_first_cutoff() -> None:
    periods = [
        Period(first_cutoff=first, last_cutoff=first + DAY, cutoffs=2, rows=1, users=1, positives=1)
        for first in (100 * DAY, 120 * DAY)
    ]
    assert data_window(periods) == {"data_from": 70 * DAY, "data_until": 122 * DAY}
    assert data_window(periods, first_event=90 * DAY)["data_from"] == 90 * DAY
    assert data_window(periods, first_event=60 * DAY)["data_from"] == 70 * DAY


def begin(store: Store, number: int, *, at: int = TIME, state: str = trainings.RUNNING) -> int:
    entry = store.ledger.claim(kind=trainings.KIND, state=state, at=at, reason="r", key=f"training:{number}")
    assert entry is not None
    return entry.sequence


def register(
    store: Store, sequence: int, version: str, *, first: int, last: int, after: str = "running"
) -> None:
    window = {"data_from": TIME + first * DAY, "data_until": TIME + last * DAY}
    store.ledger.move(
        sequence,
        from_state=after,
        to_state="registered",
        at=TIME + 9,
        evidence={"version": version, **window},
    )


def test_a_training_under_way_is_named_and_its_version_once_there_is_one(store: Store) -> None:
    store.events.add([event("kim", 1), event("kim", 3), event("bob", 1)])
    ours, others, lost = begin(store, 1), begin(store, 2), begin(store, 3)
    assert asked(store, "kim").learned == Learned([], [3, 2, 1], [])
    register(store, ours, "7", first=2, last=4)
    register(store, others, "8", first=4, last=9)
    assert asked(store, "kim").learned == Learned(["7"], [3], [])
    store.ledger.move(
        lost, from_state="running", to_state="failed", at=TIME + 9, evidence={"failure": "Gone"}
    )
    assert asked(store, "kim").learned == Learned(["7"], [], [])
    register(store, lost, "9", first=1, last=4, after="failed")
    later = begin(store, 4, at=TIME + DAY)
    register(store, later, "10", first=1, last=4)
    assert asked(store, "kim").learned == Learned(["9", "7"], [], [])
    assert "kim" not in repr(store.ledger.latest(99))


def test_a_training_that_begins_while_the_user_is_erased_is_named_too(store: Store) -> None:
    store.events.add([event("kim", 1), event("bob", 1)])
    whole = store.forgotten
    store.forgotten = DyingForgotten(store, calls=2)  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable):
        asked(store, "kim")
    store.forgotten = whole
    register(store, begin(store, 1), "1", first=0, last=4)
    assert asked(store, "kim").learned == Learned(["1"], [], [])


def test_of_versions_whose_events_are_no_longer_kept_it_says_that_nobody_can_tell(store: Store) -> None:
    store.events.add([event("kim", 1), event("kim", 8), event("bob", 8)])
    train(store, "1", data_from=TIME, data_until=TIME + 2 * DAY)
    train(store, "2", data_from=TIME + 8 * DAY, data_until=TIME + 9 * DAY)
    assert seen_now("kim", store=store)["untold"] == []
    store.retention.drop("events", before=TIME + 7 * DAY, limit=10)
    assert asked(store, "kim").learned == Learned(["2"], [], ["1"])
    assert asked(store, "ann").learned == Learned([], [], ["1"])
    assert asked(store, "bob").learned == Learned(["2"], [], ["1"])


def test_a_log_taken_in_again_does_not_bring_the_user_back(store: Store, tmp_path: Path) -> None:
    rows = [f"e{number},{user},view,2026-03-01T00:00:{number:02}Z" for number, user in enumerate("abcab" * 4)]
    rows += ["e90,a,view,never", "e91,a", 'e92,"a",nothing,2026-03-01T00:00:00Z', "e93,b,view,never"]
    log = tmp_path / "log.csv"
    log.write_text("event_id,user_id,event_type,event_time\n" + "\n".join(rows) + "\n")

    def take_in() -> dict[str, int]:
        summary = ingest(
            [str(log)], log_format=FORMATS["propensity"], store=store, now=2 * TIME, max_refused_share=0.2,
            allow_unchanged=True,
        )  # fmt: skip
        return {"inserted": summary.inserted, "rows": summary.rows, **summary.refused}

    assert take_in()["inserted"] == 20
    assert asked(store, "a").found == {"events": 8, "refused": 3}
    rows.insert(0, "e99,c,view,2026-03-01T00:00:59Z")  # another file, from its first row on
    log.write_text("event_id,user_id,event_type,event_time\n" + "\n".join(rows) + "\n")
    again = take_in()
    assert (again["inserted"], again[Reason.FORGOTTEN], again["rows"]) == (1, 8, 25)
    assert store.forgotten.find("a") == {}
    assert {one.raw for one in store.refused.latest(9)} == {"e93,b,view,never"}


def test_refused_rows_of_a_log_taken_in_again_do_not_bring_back_an_address(
    store: Store, tmp_path: Path
) -> None:
    head = "event_id,user_id,event_type,event_time\n"
    rows = [f"e{number},bob,view,2026-03-01T00:00:{number:02}Z\n" for number in range(20)]
    rows += [
        "e90,ann@x.com,view,2026-03-01T00:01:00Z\n", "e91,view,2026-03-01T00:01:00Z,https://shop/?uid=ann@x.com,x\n",
        "e92,bob,view,(ann@x.com)\n", "e93;<ann@x.com>;view\n", "e94,view,https://shop/?uid=ann%40x.com\n",
    ]  # fmt: skip
    log = tmp_path / "log.csv"

    def take_in(*lines: str) -> None:
        log.write_text(head + "".join(lines))
        ingest(
            [str(log)], log_format=FORMATS["propensity"], store=store, now=2 * TIME, max_refused_share=0.5,
            allow_unchanged=True,
        )  # fmt: skip

    take_in(*rows)
    assert asked(store, "ann@x.com").found == {"events": 1, "refused": 4}
    take_in("e99,bob,view,2026-03-01T00:02:00Z\n", *rows)
    assert store.forgotten.find("ann@x.com") == {}
    assert store.refused.latest(9) == []


def test_a_log_of_forgotten_users_alone_is_no_bad_export(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("event_id,user_id,event_type,event_time\ne1,a,view,2026-03-01T00:00:00Z\n")
    asked(store, "a")
    summary = ingest(
        [str(log)], log_format=FORMATS["propensity"], store=store, now=2 * TIME, max_refused_share=0
    )
    assert (summary.inserted, summary.refused) == (0, {"forgotten": 1})
