"""What every store promises of what the monitor reads and writes."""

import msgspec
import pytest

from propensity.bundle import Estimate
from propensity.events import Event, Refusal
from propensity.store import MonitorWindow, Outcome, Score, Store
from propensity.store.findings import Drift, FeatureShift, Performance, Quality, Volume

QUALITY = Quality(
    events=10, events_week_before=9, users=3, by_type={"view": 10}, missing={"price": 0.5}, price_outliers=0.0,
    busiest_user_share=0.5, refused={"bad_time": 1}, watermark=2**50, hours_behind=0.5, longest_silence_hours=3.0,
)  # fmt: skip


def outcome(user_id: str, *, cutoff: int = 100, label: int = 0) -> Outcome:
    return Outcome(
        user_id=user_id, cutoff=cutoff, label=label, probability=0.25, prediction=1, model_version="3",
        joined_at=2**50,
    )  # fmt: skip


def score(user_id: str, *, cutoff: int = 100) -> Score:
    return Score(
        user_id=user_id, cutoff=cutoff, probability=0.5, prediction=1, model_version="3", feature_version=1,
        features=b"\x01",
    )  # fmt: skip


def window(version: str, end: int, *, reason: str = "") -> MonitorWindow:
    shift = FeatureShift(name="cart_count", shift=0.3, spread=-0.1, p_value=1e-9, drift="up")
    return MonitorWindow(
        version=version, start=end - 5, end=end, at=end + 1, quality=QUALITY, reason=reason,
        drift=Drift(judged=True, reason="", users=5, cutoffs=[2**50], features=[shift], persistent=["cart_count"]),
        performance=Performance(judged=True, reason="", metrics={"f1": Estimate(0.5, 0.4, 0.6)}),
        volume=Volume(events=7, trained_events=5, growth=0.4),
    )  # fmt: skip


def test_the_first_outcome_of_a_user_and_cutoff_stays(store: Store) -> None:
    assert store.outcomes.add(iter([outcome("ann"), outcome("bob"), outcome("ann", cutoff=2**50)])) == 3
    assert store.outcomes.add([outcome("ann", label=1), outcome("cid")]) == 1
    assert list(store.outcomes.scan(100)) == [[outcome("ann"), outcome("bob"), outcome("cid")]]
    assert store.outcomes.cutoffs(since=0, until=2**51) == {100: 3, 2**50: 1}
    assert store.outcomes.cutoffs(since=101, until=2**50) == {}


def test_an_outcome_is_corrected_once(store: Store) -> None:
    store.outcomes.add([outcome("ann"), outcome("bob", label=1), outcome("cid")])
    assert store.outcomes.correct(100, iter(["ann", "bob", "nobody"]), at=7) == 1
    assert store.outcomes.correct(100, ["ann", "bob"], at=9) == 0
    assert store.outcomes.correct(100, [], at=9) == 0
    corrected = msgspec.structs.replace(outcome("ann"), label=1, corrected_at=7)
    assert list(store.outcomes.scan(100)) == [[corrected, outcome("bob", label=1), outcome("cid")]]


def test_scores_and_outcomes_of_a_cutoff_are_scanned_by_user_in_chunks(store: Store) -> None:
    users = ["b", "B", "é", "日本", "a", "aa", ":", "", "\U0001f600"]
    store.scores.add([score(user, cutoff=cutoff) for user in users for cutoff in (100, 10, 1001)])
    store.outcomes.add([outcome(user, cutoff=cutoff) for user in users for cutoff in (100, 10, 1001)])
    ordered = sorted(users, key=str.encode)
    assert [[one.user_id for one in chunk] for chunk in store.scores.scan(100, chunk_rows=4)] == [
        ordered[:4], ordered[4:8], ordered[8:],
    ]  # fmt: skip
    assert [one for chunk in store.outcomes.scan(100, chunk_rows=4) for one in chunk] == [
        outcome(user) for user in ordered
    ]
    assert list(store.scores.scan(5)) == []


def test_events_are_scanned_by_type_too(store: Store) -> None:
    kinds = ("view", "purchase", "cart", "purchase")
    store.events.add([Event(f"{user}{n}", user, kind, n) for user in "ba" for n, kind in enumerate(kinds)])
    found = [event for chunk in store.events.scan(since=0, until=3, event_type="purchase") for event in chunk]
    assert [(event.user_id, event.event_time) for event in found] == [("a", 1), ("b", 1)]


def test_events_are_counted_by_stretches_of_time(store: Store) -> None:
    store.events.add(
        [Event(str(n), "ann", "view", time) for n, time in enumerate((9, 10, 19, 20, 41, 44, 45))]
    )
    assert store.events.histogram(since=10, until=45, width=10) == [2, 1, 0, 2]
    assert store.events.histogram(since=10, until=10, width=10) == []


def test_refused_rows_are_counted_within_a_time(store: Store) -> None:
    rows = [(1, "bad_time"), (5, "bad_time"), (5, "conflict"), (9, "conflict")]
    store.refused.add(
        Refusal(refusal_id=f"r{n}", source="s", file="f", line=n, reason=reason, raw="", refused_at=at)
        for n, (at, reason) in enumerate(rows)
    )
    assert store.refused.counts(since=5, until=9) == {"bad_time": 1, "conflict": 1}
    assert store.refused.counts(since=6) == {"conflict": 1}
    assert store.refused.counts(until=5) == {"bad_time": 1}


def test_a_window_has_one_record_for_each_version(store: Store) -> None:
    assert store.windows.add(window("1", 2**50))
    assert not store.windows.add(window("1", 2**50, reason="another"))
    assert store.windows.add(window("2", 2**50))
    assert store.windows.add(window("1", 2**49))
    assert store.windows.get("1", 2**50) == window("1", 2**50)
    assert store.windows.get("3", 2**50) is None
    assert [(one.version, one.end) for one in store.windows.latest(2)] == [("2", 2**50), ("1", 2**50)]
    assert store.windows.latest(0) == []


def test_reports_are_kept_until_they_are_dropped(store: Store) -> None:
    content = b"<html>" + b"0123456789" * 400_000
    store.reports.put("b", content, at=20)
    store.reports.put("b", b"another", at=30)
    store.reports.put("a", b"", at=10)
    assert store.reports.get("b") == content
    assert store.reports.names(5) == ["b", "a"]
    assert store.reports.names(0) == []
    assert (store.reports.drop_before(20), store.reports.drop_before(20)) == (1, 0)
    assert store.reports.get("a") is None


@pytest.mark.parametrize("store_uri", ["sqlite"], indirect=True)
def test_a_scan_that_is_left_early_lets_its_connection_go(store: Store) -> None:
    store.scores.add([score(f"u{n}") for n in range(10)])
    for _ in range(20):
        next(iter(store.scores.scan(100, chunk_rows=2)))
    assert store.scores.add([score("late")]) == 1
