"""`POST /events`: stored before it is answered, refused with reasons, twice changes nothing."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bentos.scorer import intake, items
from bentos.scorer.assembly import Assembly
from propensity.events.event import HOUR
from propensity.settings import Settings, read_settings
from propensity.store import Store

Ask = Callable[..., Any]


def event(event_id: str, **given: object) -> dict[str, object]:
    return {
        "event_id": event_id,
        "user_id": "new",
        "event_type": "cart",
        "event_time": "2025-11-22T08:00:00Z",
        "product_id": "p-1",
        "price": 12.5,
    } | given


def test_an_event_is_stored_when_it_is_answered_and_felt_by_the_next_prediction(
    ask: Ask, store: Store, now: int
) -> None:
    assert ask("POST", "/predict", json={"user_id": "new"}).status_code == 404
    answer = ask("POST", "/events", json=event("e-1"))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "unchanged": 0, "refused": []})
    (stored,) = store.events.of_user("new", since=0, until=now + 1, lag=0, limit=9)
    assert (stored.event_id, stored.price, stored.ingested_at) == ("e-1", 1_250, now)
    assert ask("POST", "/predict", json={"user_id": "new"}).json()["features_from"] == "store"


def test_the_same_events_again_change_nothing(ask: Ask, store: Store) -> None:
    events = [event("e-1"), event("e-2")]
    before = store.events.summary().events
    ask("POST", "/events", json=events)
    assert ask("POST", "/events", json=events).json() == {"accepted": 0, "unchanged": 2, "refused": []}
    assert store.events.summary().events == before + 2


def test_refused_items_are_listed_and_kept_and_the_others_stored(ask: Ask, store: Store) -> None:
    ask("POST", "/events", json=event("taken"))
    sent = [
        event("fine"),
        event("taken", product_id="p-2"),
        event("odd", event_type="purr"),
        "no object",
        {"user_id": "new"},
        event("late", event_time="2030-01-01T00:00:00Z"),
        event("bad", price=-1),
        event("red", colour="SECRET", size=5),
    ]
    answer = ask("POST", "/events", json=sent)
    assert answer.status_code == 202
    body = answer.json()
    assert body["accepted"] == 1
    assert [(item["index"], item["event_id"], item["reason"]) for item in body["refused"]] == [
        (1, "taken", "conflict"),
        (2, "odd", "unknown_type"),
        (3, None, "not_an_object"),
        (4, None, "missing_event_id"),
        (5, "late", "future"),
        (6, "bad", "negative_price"),
        (7, "red", "unknown_field"),
    ]
    assert all(item["message"] for item in body["refused"])
    assert body["refused"][-1]["message"].startswith("colour is no field of an event. ")
    assert "SECRET" not in answer.text
    assert sorted(store.refused.counts()) == sorted({item["reason"] for item in body["refused"]})
    assert {refusal.source for refusal in store.refused.latest(9)} == {"api"}


@pytest.mark.parametrize("message", [*items.MESSAGES.values(), items.OTHERWISE])
def test_every_reason_says_what_is_wrong_and_what_to_do(message: str) -> None:
    what, remedy = message.removesuffix(".").split(". ")
    assert what
    assert remedy.split()[0] in {"Send", "Check", "See"}


def test_an_unknown_fields_name_is_cut(ask: Ask) -> None:
    (refused,) = ask("POST", "/events", json=event("e") | {"x" * 9_999: 1}).json()["refused"]
    assert refused["message"].startswith("x" * 64 + " is no field of an event. ")


GOOD = b'"event_id": "e", "user_id": "u", "event_type": "cart", "event_time": "2025-11-22T08:00:00Z"'
BROKEN = [
    (GOOD + b', "price": 1e999', "bad_price"),
    (GOOD + b', "price": -1e999', "bad_price"),
    (GOOD.replace(b'"2025-11-22T08:00:00Z"', b"1e999"), "bad_time"),
    (GOOD.replace(b'"u"', rb'"\ud800"'), "bad_id"),
    (GOOD + rb', "product_id": "\udc00 and \\ud800"', "bad_id"),
    (GOOD + rb', "product_id": "\ud800\ud83d\ude00"', "bad_id"),
    (GOOD + rb', "\ud800": 1', "unknown_field"),
    (GOOD + b', "product_id": ' + b"9" * 9_000, "unreadable"),
    (GOOD + b', "product_id": "\xff"', "not_utf8"),
    (GOOD + b', "user_id": "a"', "repeated_field"),
    (GOOD + rb', "user\u005fid": "u"', "repeated_field"),
    (GOOD + rb', "session_id": "\"", "price": 1, "price": 1', "repeated_field"),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN, ids=range(len(BROKEN)))
def test_an_item_that_can_not_be_read_spoils_only_itself(
    ask: Ask, store: Store, now: int, broken: bytes, reason: str
) -> None:
    fine = GOOD.replace(b'"e"', b'"fine"') + rb', "product_id": "\"a\" \\ud800 \ud83d\ude00"'
    answer = ask("POST", "/events", content=b"[{%s}, {%s}]" % (broken, fine))
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["accepted"], [(one["index"], one["reason"]) for one in body["refused"]]) == (
        1,
        [(0, reason)],
    )
    assert store.refused.counts() == {reason: 1}
    (stored,) = store.events.of_user("u", since=0, until=now + 1, lag=0, limit=9)
    assert stored.product_id == '"a" \\ud800 \N{GRINNING FACE}'


def test_a_refused_item_is_kept_as_it_stood(ask: Ask, store: Store) -> None:
    item = b'{"event_id":  "e","price":1E999,  "user_id": "u"}'
    ask("POST", "/events", content=b" [%s ]" % item)
    (kept,) = store.refused.latest(9)
    assert (kept.raw, kept.user_id) == (item.decode(), "u")


def test_an_event_that_is_sent_alone_is_read_as_one_of_a_list_is(ask: Ask) -> None:
    answer = ask("POST", "/events", content=b" {%s, %s}" % (GOOD, GOOD))
    assert answer.status_code == 202
    assert [one["reason"] for one in answer.json()["refused"]] == ["repeated_field"]


def test_two_contents_for_one_id_in_one_request_are_one_event_and_one_conflict(ask: Ask) -> None:
    body = ask("POST", "/events", json=[event("e"), event("e", product_id="p-9")]).json()
    assert (body["accepted"], [item["reason"] for item in body["refused"]]) == (1, ["conflict"])


def test_refused_items_beyond_the_bound_are_answered_but_not_kept(
    ask: Ask, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "KEPT_A_MINUTE", 3)
    answer = ask("POST", "/events", json=[{"event_id": str(number)} for number in range(5)])
    assert len(answer.json()["refused"]) == 5
    assert sum(store.refused.counts().values()) == 3


def test_the_bound_holds_for_requests_in_several_threads_and_after_it_is_passed(
    assembly: Assembly, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "KEPT_A_MINUTE", 50)
    bodies = [
        json.dumps([{"event_id": f"{number}-{item}"} for item in range(20)]).encode() for number in range(8)
    ]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            refused = list(threads.map(assembly.intake.add, bodies))
    finally:
        sys.setswitchinterval(before)
    assert sum(len(answer.refused) for answer in refused) == 160
    assert sum(store.refused.counts().values()) == 50
    monkeypatch.setattr(intake, "KEPT_A_MINUTE", 40)
    assembly.intake.add(json.dumps([{"event_id": f"later-{item}"} for item in range(20)]).encode())
    assert sum(store.refused.counts().values()) == 50


@pytest.mark.parametrize(
    "body", [b"", b"7", b'"x"', b"null", b"[" * 99_999, b'{"event_id": "\xff"}', b"[NaN]"]
)
def test_what_is_no_event_and_no_list_is_422(ask: Ask, body: bytes) -> None:
    assert ask("POST", "/events", content=body).status_code == 422


def test_a_thousand_events_are_a_request_and_one_more_is_not(ask: Ask) -> None:
    events = [event(str(number)) for number in range(1_001)]
    assert ask("POST", "/events", json=events).status_code == 422
    assert ask("POST", "/events", json=events[1:]).json()["accepted"] == 1_000


def test_numbers_beyond_all_bounds_are_refused_not_fatal(ask: Ask) -> None:
    huge = b'{"event_id": %s, "user_id": 1e400, "event_type": "cart", "event_time": %s}' % (
        b"9" * 900,
        b"9" * 900,
    )
    answer = ask("POST", "/events", content=huge)
    assert answer.status_code in {202, 422}
    assert "accepted" not in answer.json() or answer.json()["accepted"] == 0


def test_events_are_503_while_the_store_is_away(
    settings: Settings, bundle: Any, running: Any, caller: Any, tmp_path: Path
) -> None:
    (tmp_path / "gate").touch()
    bundle.save(tmp_path / "bundle")
    away = read_settings(
        home=settings.home,
        model_path=str(tmp_path / "bundle"),
        store_uri=f"sqlite:///{tmp_path / 'gate' / 'store.db'}",
    )
    with running(away) as assembly:
        assembly.keeper.ready(wait_seconds=10)
        answer = caller(assembly)("POST", "/events", json=event("e"))
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"
        (tmp_path / "gate").unlink()
        assert caller(assembly)("POST", "/events", json=event("e")).status_code == 202


def test_the_lag_between_an_event_and_its_arrival_does_not_hide_it(ask: Ask, now: int) -> None:
    ask("POST", "/events", json=event("old", user_id="late", event_time=now - 5 * HOUR))
    answer = ask("POST", "/predict", json={"user_id": "late"})
    assert json.loads(answer.content)["features_from"] == "store"
