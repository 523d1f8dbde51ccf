"""`POST /forget` and what each pod does by itself: after it the user is nowhere, in the store and on the pods' disks."""

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bentos.scorer.assembly import Assembly
from bentos.scorer.measures import Measures
from bentos.scorer.prediction_log import PredictionLog
from bentos.scorer.segments import framed
from bentos.scorer.spool import Spool, clear_left_behind
from propensity.settings import Settings, read_settings
from propensity.store import Prediction, Store, open_store
from propensity.store.forgotten import Forgotten, mark_of

SALT = b"s" * 32
MEGABYTE = 1024 * 1024
Make = Callable[[int], Prediction]
USER = "shopper-é-4711"
ASKED = {"user_id": USER, "reason": "asked by letter"}


def forgotten(*users: str) -> Forgotten:
    return Forgotten(SALT, frozenset(mark_of(user, salt=SALT) for user in users), len(users))


def of_user(prediction: Prediction, user_id: str) -> Prediction:
    return msgspec.structs.replace(
        prediction, user_id=user_id, prediction_id=f"{prediction.prediction_id}-{user_id}"
    )


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_spool_is_cleared_of_the_user_and_keeps_the_others_in_order(
    prediction: Make, tmp_path: Path
) -> None:
    spool = Spool(tmp_path, boot="b", max_bytes=MEGABYTE)
    for number in range(4):
        spool.append([prediction(number), of_user(prediction(number), USER)])
        spool.seal()
    spool.append([of_user(prediction(9), USER)])  # a segment of nobody else, still open
    spool.append([prediction(5)])
    untouched = Spool(tmp_path, boot="a", max_bytes=MEGABYTE)
    untouched.append([prediction(8)])
    spool.clear(forgotten(USER))
    assert USER.encode() not in bytes_of(tmp_path)
    untouched.seal()
    found = []
    while (segment := spool.oldest()) is not None:
        found += [one.prediction_id for frame in frames_of(segment) for one in frame]
        spool.remove(segment)
    assert found == ["p-000008", *(f"p-00000{number}" for number in (0, 1, 2, 3, 5))]
    assert spool.size == 0


def frames_of(segment: Path) -> list[list[Prediction]]:
    from bentos.scorer.segments import read_segment

    return [frame.records or [] for frame in read_segment(segment)]


def test_what_was_set_aside_or_can_not_be_read_is_cleared_too(prediction: Make, tmp_path: Path) -> None:
    whole = framed([prediction(1), of_user(prediction(2), USER)])
    torn = framed([of_user(prediction(3), USER)])[:-9]
    (tmp_path / "b-1.aside").write_bytes(whole + torn)
    (tmp_path / "b-2.seg").write_bytes(whole + torn)
    (tmp_path / "b-3.seg.new").write_bytes(whole)  # left by a process that was killed while it cleared
    spool = Spool(tmp_path, boot="c", max_bytes=MEGABYTE)
    assert spool.clear(forgotten(USER)) == 1, (
        "One can't be read; the other one was counted when it was set aside."
    )
    assert USER.encode() not in bytes_of(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"b-1.aside", "b-2.seg"}
    assert frames_of(tmp_path / "b-2.seg") == [[prediction(1)]]
    assert spool.size == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_a_folder_that_no_process_lives_in_any_more_is_cleared(prediction: Make, tmp_path: Path) -> None:
    whole = framed([prediction(1), of_user(prediction(2), USER)])
    for name in ("b-1.aside", "b-2.seg", "b-3.part", "b-4.seg.77.new"):
        (tmp_path / name).write_bytes(whole)
    with (tmp_path / "b-5.part").open("ab") as living:
        living.write(whole)
        living.flush()
        fcntl.flock(living, fcntl.LOCK_EX)
        assert clear_left_behind(tmp_path, forgotten(USER)) == 0
        assert (tmp_path / "b-5.part").read_bytes() == whole, "Its process clears it."
    (tmp_path / "b-5.part").unlink()
    assert USER.encode() not in bytes_of(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"b-1.aside", "b-2.seg", "b-3.part"}
    assert frames_of(tmp_path / "b-3.part") == [[prediction(1)]]
    assert clear_left_behind(tmp_path / "nowhere", forgotten(USER)) == 0
    assert not (tmp_path / "nowhere").exists()


def test_a_segment_without_the_user_is_not_written_again(prediction: Make, tmp_path: Path) -> None:
    spool = Spool(tmp_path, boot="b", max_bytes=MEGABYTE)
    spool.append([prediction(1)])
    segment = spool.seal()
    assert segment is not None
    before = segment.stat().st_ino
    assert spool.clear(forgotten(USER)) == 0
    assert segment.stat().st_ino == before


def test_a_disk_that_refuses_is_tried_again(prediction: Make, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", boot="b", max_bytes=MEGABYTE)
    spool.append([of_user(prediction(1), USER), prediction(2)])
    segment = spool.seal()
    assert segment is not None
    blocked = segment.with_name(f"{segment.name}.{os.getpid()}.new")
    blocked.mkdir()  # the copy can't be written
    log = PredictionLog(None, spool=spool, measures=Measures())
    log.forget(forgotten(USER))
    log._round()
    assert (log.cleared, USER.encode() in segment.read_bytes()) == (0, True)
    blocked.rmdir()
    log.forget(forgotten(USER))
    log._round()
    assert (log.cleared, USER.encode() in segment.read_bytes()) == (1, False)


def test_once_known_a_forgotten_user_reaches_neither_store_nor_disk(
    prediction: Make, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    gate = tmp_path / "gate"
    gate.touch()  # a file where the store's folder should be: it is away
    spool, measures = Spool(tmp_path / "spool", boot="b", max_bytes=MEGABYTE), Measures()
    with open_store(f"sqlite:///{gate / 'store.db'}") as away:
        log = PredictionLog(away, spool=spool, measures=measures)
        log.start()
        for number in range(50):
            log.add(of_user(prediction(number), USER))
        eventually(lambda: measures.log["spooled"] == 50)
        log.forget(forgotten(USER))
        eventually(lambda: log.cleared == 1)
        for number in range(50):
            log.add(of_user(prediction(100 + number), USER))
            log.add(prediction(200 + number))
        eventually(lambda: measures.log["spooled"] == 100)
        log.close()
    assert USER.encode() not in bytes_of(tmp_path)
    assert (measures.log["forgotten"], measures.log["lost"]) == (50, 0)
    assert b"p-000249" in bytes_of(tmp_path)


@contextmanager
def opened(kind: str, tmp_path: Path) -> Iterator[tuple[str, Store]]:
    """Open an empty store of a kind."""
    if kind == "sqlite":
        uri = f"sqlite:///{tmp_path / 'kept' / 'store.db'}"
        with open_store(uri) as store:
            yield uri, store
        return
    server = os.environ.get("PROPENSITY_TEST_MONGO_URI")
    if not server:
        pytest.skip("set PROPENSITY_TEST_MONGO_URI to a server's mongodb:// address")
    import uuid

    import pymongo

    name = f"test_{uuid.uuid4().hex}"
    try:
        with open_store(f"{server.rstrip('/')}/{name}") as store:
            yield f"{server.rstrip('/')}/{name}", store
    finally:
        with pymongo.MongoClient[dict[str, object]](server) as client:
            client.drop_database(name)


def documents(uri: str, tmp_path: Path) -> bytes:
    """Return every byte that the store keeps."""
    if uri.startswith("sqlite"):
        return bytes_of(tmp_path / "kept")
    import pymongo

    server, _, name = uri.rpartition("/")
    with pymongo.MongoClient[dict[str, object]](server) as client:
        database = client[name]
        return "".join(
            str(one) for each in database.list_collection_names() for one in database[each].find()
        ).encode()


@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
def test_after_forget_the_user_is_nowhere_though_the_service_goes_on_answering_it(
    *, kind: str, settings: Settings, tmp_path: Path, bundle: Any, promote: Any, running: Any, caller: Any,
    prediction: Make, eventually: Callable[..., Any], every_feature: dict[str, float], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("bentos.scorer.forgetting.ASK_SECONDS", 0.05)
    spool = Path(settings.spool_path)
    with opened(kind, tmp_path) as (uri, store):
        promote(store, bundle, version="7")
        own = read_settings(home=settings.home, store_uri=uri)
        spool.mkdir(parents=True)
        (spool / "0-1.aside").write_bytes(framed([of_user(prediction(1), USER), prediction(2)]))
        with running(own) as one, running(read_settings(home=tmp_path / "two", store_uri=uri)) as two:
            one.keeper.ready(wait_seconds=10)
            two.keeper.ready(wait_seconds=10)
            ask, other = caller(one), caller(two)
            event = {
                "user_id": USER,
                "event_type": "cart",
                "event_time": "2025-11-22T08:00:00Z",
                "product_id": "p",
            }
            sent = [{**event, "event_id": "e1"}, {**event, "event_id": "e2", "event_time": USER}]
            assert ask("POST", "/events", json=sent).json()["accepted"] == 1
            stop = threading.Event()

            def keep_asking() -> None:
                while not stop.is_set():
                    other("POST", "/predict", json={"user_id": USER, **every_feature})

            busy = threading.Thread(target=keep_asking)
            busy.start()
            eventually(lambda: USER.encode() in documents(uri, tmp_path))
            eventually(lambda: store.predictions.count() > 0)
            answer = ask("POST", "/forget", json=ASKED)
            assert answer.status_code == 200, answer.text
            said = answer.json()
            assert (said["found"]["events"], said["found"]["refused"], said["pods_within_seconds"]) == (
                1,
                1,
                30,
            )
            assert said["found"]["predictions"] > 0
            again = ask("POST", "/events", json=sent).json()
            assert [item["reason"] for item in again["refused"]] == ["forgotten", "bad_time"]
            before = two.measures.answers.total()
            eventually(lambda: two.measures.answers.total() > before + 20)
            eventually(lambda: USER.encode() not in bytes_of(spool))
            stop.set()
            busy.join(20)
            assert ask("POST", "/forget", json=ASKED).json()["found"] == {}
        assert USER.encode() not in documents(uri, tmp_path)
        assert USER.encode() not in bytes_of(spool)
        assert USER.encode() not in bytes_of(tmp_path / "two")
        assert b"p-000002" in bytes_of(spool), "What is others' stays."
        assert store.forgotten.find(USER) == {}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"user_id": USER}, "reason"), ({"reason": "r"}, "user_id"), ({**ASKED, "user_id": ""}, "user_id"),
        ({**ASKED, "user_id": "x" * 129}, "user_id"), ({**ASKED, "user_id": "a\nb"}, "user_id"),
        ({**ASKED, "user_id": 7}, "user_id"), ({**ASKED, "reason": ""}, "reason"),
        ({**ASKED, "reason": " "}, "reason"), ({**ASKED, "reason": "r\n2026 forged"}, "reason"),
        ({**ASKED, "reason": "r" * 501}, "reason"), ({**ASKED, "more": 1}, "more"), ([], None),
    ],
)  # fmt: skip
def test_a_bad_request_is_told_what_is_wrong(ask: Any, store: Store, body: object, field: str | None) -> None:
    answer = ask("POST", "/forget", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
    assert not store.forgotten.current().marks


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_page_of_another_site_can_not_send_it(ask: Any, store: Store, kind: str) -> None:
    """A browser asks leave, which nobody gives, before it sends JSON to another site; other kinds it just sends."""
    answer = ask("POST", "/forget", content=json.dumps(ASKED), headers={"content-type": kind})
    assert answer.status_code == 415
    assert not store.forgotten.current().marks


def test_a_user_named_twice_is_nobody(ask: Any, store: Store) -> None:
    answer = ask(
        "POST", "/forget", content=b'{"user_id":"a","user_id":"b","reason":"r"}', headers={"content-type": "application/json"}
    )  # fmt: skip
    assert answer.status_code == 422
    assert not store.forgotten.current().marks


def test_it_needs_a_key_with_its_scope_and_is_signed_with_the_keys_name(
    settings: Settings, store: Store, tmp_path: Path, running: Any, caller: Any
) -> None:
    keys = [("dpo", "forget", "a"), ("shop", "events", "b")]
    path = tmp_path / "keys.json"
    path.write_text(
        json.dumps(
            [
                {"name": name, "sha256": hashlib.sha256(secret.encode()).hexdigest(), "scopes": [scope]}
                for name, scope, secret in keys
            ]
        )
    )
    own = read_settings(home=settings.home, api_keys_file=str(path))
    with running(own) as assembly:
        assert isinstance(assembly, Assembly)
        ask = caller(assembly)
        assert ask("POST", "/forget", json=ASKED).status_code == 401
        assert ask("POST", "/forget", json=ASKED, headers={"x-api-key": "b"}).status_code == 403
        assert not store.forgotten.current().marks
        answer = ask("POST", "/forget", json=ASKED, headers={"x-api-key": "a"})
    assert answer.status_code == 200
    entry = store.ledger.get(answer.json()["ledger_entry"])
    assert entry is not None
    assert (entry.actor, entry.reason, entry.subject) == (
        "dpo",
        "asked by letter",
        answer.json()["forgotten_as"],
    )


def test_without_a_store_there_is_nobody_to_forget_and_while_it_is_away_it_says_so(
    settings: Settings, tmp_path: Path, running: Any, caller: Any
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    own = read_settings(home=settings.home, store_uri=f"sqlite:///{gate / 'store.db'}")
    with running(own) as assembly:
        answer = caller(assembly)("POST", "/forget", json=ASKED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_away")
