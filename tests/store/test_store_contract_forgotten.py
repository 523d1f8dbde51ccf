"""What every store promises of users who asked to be forgotten: gone from every part, and not to be brought back."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from propensity.errors import StoreUnavailable
from propensity.events import Event, Refusal
from propensity.events.refusal import refuse
from propensity.features.marks import COPY, marks, row_of
from propensity.store import Contact, Outcome, Prediction, Score, Store, TargetList, open_store
from propensity.store.forgotten import TANGLED, mark_of

SALT = b"s" * 32
TIME = 1_700_000_000_000_000
ODD = [
    "ann",
    "é日本\U0001f600",
    'a,"b"; c|d',
    "12345",
    "a.b*c$",
    "$where",
    "x" * 128,
    "u:1",
    "back\\slash",
    "{}",
    "%s'--",
]


def event(user_id: str, number: int) -> Event:
    return Event(f"e-{user_id}-{number}", user_id, "view", TIME + number, f"p-{number}")


def prediction(user_id: str, number: int) -> Prediction:
    return Prediction(
        prediction_id=f"p-{number}-{len(user_id)}-{abs(hash(user_id))}", user_id=user_id,
        predicted_at=TIME + number * 7_200_000_000, probability=0.5, prediction=1, threshold=0.4, model_version="1",
        features_from="store", feature_version=1, features=b"\0\1", latency_us=3, pod="pod", sequence=number, boot="b",
        route="predict",
    )  # fmt: skip


def score(user_id: str, cutoff: int) -> Score:
    return Score(
        user_id=user_id, cutoff=cutoff, probability=0.5, prediction=1, model_version="1", feature_version=1,
        features=b"\0\1",
    )  # fmt: skip


def outcome(user_id: str, cutoff: int) -> Outcome:
    return Outcome(
        user_id=user_id, cutoff=cutoff, label=0, probability=0.5, prediction=1, model_version="1", joined_at=5
    )


def contact(user_id: str, list_id: str) -> Contact:
    return Contact(list_id=list_id, user_id=user_id, arm="treated", probability=0.5, listed_at=3)


def refusal(raw: str, *, user_id: str | None = None, line: int = 1) -> Refusal:
    return refuse(source="s", file="f", line=line, reason="bad_time", raw=raw, at=TIME, user_id=user_id)


def fill(store: Store, user_id: str, *, line: int = 1) -> None:
    """Write one user everywhere a user can stand."""
    store.events.add([event(user_id, number) for number in range(3)])
    store.refused.add([refusal(f"{user_id};bad", user_id=user_id, line=line)])
    store.predictions.add([prediction(user_id, number) for number in range(4)])
    store.shadows.add([prediction(user_id, 9)])
    store.scores.add([score(user_id, cutoff) for cutoff in (10, 20)])
    store.outcomes.add([outcome(user_id, 10)])
    store.contacts.add([contact(user_id, list_id) for list_id in ("spring", "summer")])


FULL = {
    "events": 3, "refused": 1, "predictions": 4, "shadows": 1, "scores": 2, "outcomes": 1, "contacts": 2,
}  # fmt: skip


def everything(store: Store) -> Iterator[str]:
    """Yield every document of the store as text."""
    yield from map(repr, (one for part in store.events.scan(since=0, until=2**62) for one in part))
    for found in (store.refused.latest(999), store.predictions.latest(999), store.shadows.latest(999)):
        yield from map(repr, found)
    for cutoff in (10, 20):
        yield from map(repr, (one for part in store.scores.scan(cutoff) for one in part))
        yield from map(repr, (one for part in store.outcomes.scan(cutoff) for one in part))
    for list_id in ("spring", "summer"):
        yield from map(repr, (one for part in store.contacts.scan(list_id) for one in part))
    yield from map(repr, store.ledger.latest(999))


def forget(store: Store, user_id: str) -> dict[str, int]:
    mark = store.forgotten.add(user_id, at=TIME, salt=SALT).mark
    return store.forgotten.erase(user_id, mark=mark)


@pytest.mark.parametrize("user_id", ODD)
def test_a_user_is_found_everywhere_and_then_nowhere(store: Store, user_id: str) -> None:
    fill(store, user_id)
    fill(store, "somebody else", line=2)
    before = [one for one in everything(store) if repr(user_id)[1:-1] not in one]
    assert store.forgotten.find(user_id) == FULL
    assert forget(store, user_id) == FULL
    assert store.forgotten.find(user_id) == {}
    assert not store.events.knows(user_id)
    assert list(everything(store)) == before
    assert len(before) == 3 + 1 + 4 + 1 + 2 + 1 + 2
    assert forget(store, user_id) == {}


def test_what_is_added_again_stays_out(store: Store) -> None:
    fill(store, "ann")
    forget(store, "ann")
    fill(store, "ann", line=7)
    assert store.forgotten.find("ann") == {}
    assert list(everything(store)) == []


def test_events_that_stay_out_are_handed_back_and_the_others_stored(store: Store) -> None:
    forget(store, "ann")
    added = store.events.add([event("ann", 1), event("bob", 1), event("ann", 2)])
    assert (added.inserted, added.unchanged, list(added.conflicts)) == (1, 0, [])
    assert list(added.forgotten) == [event("ann", 1), event("ann", 2)]
    again = store.events.add([event("bob", 1), event("ann", 1)])
    assert (again.inserted, again.unchanged, list(again.forgotten)) == (0, 1, [event("ann", 1)])


def test_without_anybody_forgotten_there_are_no_marks(store: Store) -> None:
    fill(store, "ann")
    assert not store.forgotten.current().marks


def test_an_id_that_begins_another_takes_nothing_of_it(store: Store) -> None:
    for line, user_id in enumerate(("u1", "u10", "u1-2", "U1", "u1 ", "au1")):
        fill(store, user_id, line=line)
    assert forget(store, "u1")["events"] == 3
    for user_id in ("u10", "u1-2", "U1", "au1"):
        assert store.forgotten.find(user_id) == FULL, user_id


@pytest.mark.parametrize(
    "raw",
    [
        "ann,view,never", "never;ann", '"ann","x"', '{"user_id": "ann", "user_id": "bob"}', "x|ann|y", " ann ,z",
        '{"user_id":"\\u0061nn"}', "b\\x61d,ann", '["ann"', "user=ann&x=1",
    ],
)  # fmt: skip
def test_a_refused_row_that_names_the_user_in_any_form_goes_and_stays_out(store: Store, raw: str) -> None:
    row, other = refusal(raw), refusal("hannah,view,never", line=2)
    store.refused.add([row, other])
    assert forget(store, "ann") == {"refused": 1}
    assert store.refused.add([row, other]) == 0
    assert store.refused.latest(9) == [other]


ODDER = [*ODD, "ann@x.com", "ann smith", "5f0c-11aa-9b", "jo'e", "ann\u00a0", "\u2003y"]
TEMPLATES = [
    "{}", "view {} never", "uid={};view", "<{}>;view", "e1|{}|view|never", "({})", "https://shop/?uid={}&p=1 never",
]  # fmt: skip


@pytest.mark.parametrize("user_id", ODDER)
def test_rows_that_name_a_user_of_any_id_go_and_stay_out(store: Store, user_id: str) -> None:
    rows = [refusal(row.format(user_id), line=line) for line, row in enumerate(TEMPLATES)]
    rows.append(refusal(f"bob;({user_id});never", user_id="bob", line=90))
    rows.append(refusal("never", user_id=user_id, line=91))
    other = refusal("hannah,view,never", line=99)
    store.refused.add([*rows, other])
    assert forget(store, user_id) == {"refused": len(rows)}
    assert store.refused.add([*rows, other]) == 0
    assert store.refused.latest(99) == [other]
    assert store.forgotten.find(user_id) == {}


@pytest.mark.parametrize("user_id", ["ann\u00a0", "\u2003y"])
def test_a_user_whose_id_ends_in_another_space_stays_out_everywhere(store: Store, user_id: str) -> None:
    fill(store, user_id)
    assert forget(store, user_id) == FULL
    fill(store, user_id, line=7)
    assert list(everything(store)) == []


def test_a_row_too_tangled_to_be_looked_through_is_kept_without_its_text(store: Store) -> None:
    tangled = refusal("a," * 500)
    assert store.refused.add([tangled]) == 1
    forget(store, "ann")
    again = refusal("b," * 500, line=2)
    assert store.refused.add([again]) == 1
    assert store.refused.add([again]) == 0
    raws = {one.line: one.raw for one in store.refused.latest(9)}
    assert raws == {1: tangled.raw, 2: TANGLED}
    assert store.refused.counts() == {"bad_time": 2}


def test_the_owner_of_a_row_hides_nobody_whose_id_begins_with_the_owners(store: Store) -> None:
    row = refusal("a,never,(ann)", user_id="a")
    store.refused.add([row])
    assert forget(store, "ann") == {"refused": 1}
    assert store.refused.add([row]) == 0


def test_a_row_of_another_user_that_names_the_user_goes_too(store: Store) -> None:
    store.refused.add([refusal('{"user_id":"ann","user_id":"bob"}', user_id="bob")])
    assert forget(store, "ann") == {"refused": 1}


def test_the_mark_is_not_the_id_and_the_first_salt_and_time_stay(store: Store) -> None:
    first = store.forgotten.add("ann", at=TIME, salt=SALT)
    again = store.forgotten.add("ann", at=TIME + 1, salt=b"t" * 32)
    assert first == again
    assert first.mark == mark_of("ann", salt=SALT)
    assert "ann" not in first.mark
    current = store.forgotten.current()
    assert (current.holds("ann"), current.holds("bob"), current.salt) == (True, False, SALT)
    assert current.among(["bob", "ann", "ann"]) == {"ann"}


def test_the_ledger_keeps_its_entries_and_loses_the_name(store: Store) -> None:
    store.ledger.claim(
        kind="request", state="asked", at=1, reason="User 4711 complained: 4711!", subject="4711", key="k",
        evidence={"result": "4711 was told", "count": 4711, "action": "4711", "plan": [{"why": "4711"}], "share": "0.4711"},
    )  # fmt: skip
    store.ledger.claim(kind="decision", state="not needed", at=2, reason="12 users.", evidence={"users": 12})
    mark = store.forgotten.add("4711", at=TIME, salt=SALT).mark
    assert store.forgotten.find("4711") == {"ledger": 1}
    assert store.forgotten.erase("4711", mark=mark) == {"ledger": 1}
    entry = store.ledger.get(1)
    gone = f"[forgotten {mark[:12]}]"
    assert entry is not None
    assert entry.reason == f"User {gone} complained: {gone}!"
    assert entry.evidence == {
        "result": f"{gone} was told", "count": 4711, "action": "4711", "plan": [{"why": gone}], "share": "0.4711",
    }  # fmt: skip
    assert (entry.subject, entry.key, entry.history) == ("4711", "k", [("asked", 1)])
    assert store.ledger.move(1, from_state="asked", to_state="done", at=3, evidence={"more": 1}) is not None
    assert forget(store, "12") == {}, "a number of two digits in a sentence is a count"


@pytest.mark.parametrize("word", ["shadow", "failed", "promote", "sha256", "7", "champion"])
def test_a_user_called_as_a_word_of_the_ledger_takes_nothing_from_it_that_programs_read(
    store: Store, word: str
) -> None:
    evidence = {
        "action": "promote", "mode": "shadow", "ends as": "failed", "challenger": "7@sha256:aa", "champion": "6@sha256:bb",
        "plan": {"mode": "shadow"}, "actor": word,
    }  # fmt: skip
    store.ledger.claim(
        kind="experiment", state="failed", at=1, reason="It failed.", subject="7", evidence=evidence
    )
    forget(store, word)
    entry = store.ledger.get(1)
    assert entry is not None
    assert (entry.state, entry.subject, entry.evidence) == ("failed", "7", evidence)


def test_copies_of_reference_rows_with_ids_go_and_bundles_stay(store: Store) -> None:
    store.bundles.put("sha256:1", {"a": b"1"})
    store.bundles.put("reference:sha256:1", {"reference.parquet": b"ann"})
    assert forget(store, "ann") == {"references": 1}
    assert store.bundles.get("reference:sha256:1") is None
    assert store.bundles.get("sha256:1") == {"a": b"1"}


def test_copies_of_reference_rows_go_and_the_users_rows_are_not_to_be_copied_again(store: Store) -> None:
    digest = "sha256:1"
    store.bundles.put(digest, {"a": b"1"})
    store.bundles.put(f"{COPY}{digest}", {"reference.parquet": b"rows" * 9})
    assert forget(store, "ann") == {}
    assert store.bundles.get(f"{COPY}{digest}") is None
    assert store.bundles.get(digest) == {"a": b"1"}
    rows = {name: row_of(*marks([name], digest=digest), digest=digest) for name in ("ann", "bob")}
    assert store.forgotten.current().among(rows.values()) == {rows["ann"]}
    store.bundles.put(f"{COPY}{digest}", {"reference.parquet": b"row"})
    assert store.bundles.get(f"{COPY}{digest}") == {"reference.parquet": b"row"}


def test_a_list_that_is_called_after_a_user_gets_another_name(store: Store) -> None:
    for list_id, name in (("a", "win back zed@x.com"), ("b", "spring")):
        store.contacts.add_list(target_list(list_id, name))
    assert store.forgotten.find("zed@x.com") == {"target_lists": 1}
    mark = store.forgotten.add("zed@x.com", at=TIME, salt=SALT).mark
    assert store.forgotten.erase("zed@x.com", mark=mark) == {"target_lists": 1}
    names = {one.list_id: one.name for one in store.contacts.lists(9)}
    assert names == {"a": f"win back [forgotten {mark[:12]}]", "b": "spring"}
    assert store.forgotten.find("zed@x.com") == {}


def target_list(list_id: str, name: str) -> TargetList:
    return TargetList(
        list_id=list_id, name=name, created_at=1, created_by="bob", cutoff=10, model_version="1", rule="top 1",
        control_share=0.1, seed=7, treated=1, control=0, expected_buyers=0.5,
    )  # fmt: skip


def test_a_list_keeps_its_record_when_one_of_its_users_goes(store: Store) -> None:
    fill(store, "ann")
    record = target_list("spring", "spring")
    store.contacts.add_list(record)
    forget(store, "ann")
    assert store.contacts.get_list("spring") == record


def test_whoever_adds_while_the_user_is_forgotten_adds_nothing_that_stays(
    store: Store, store_uri: str
) -> None:
    fill(store, "bob")
    begun, stop = threading.Barrier(4), threading.Event()
    problems: list[BaseException] = []

    def write(number: int) -> None:
        try:
            with open_store(store_uri) as own:
                begun.wait(10)
                for turn in range(10_000):
                    if stop.is_set():
                        return
                    own.events.add([event("ann", 1_000 * number + turn), event("bob", 1_000 * number + turn)])
                    own.predictions.add([prediction("ann", 1_000 * number + turn)])
                    own.scores.add([score("ann", turn)])
        except BaseException as error:  # noqa: BLE001 - told below
            problems.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    begun.wait(10)
    while not store.events.knows("ann"):
        assert not problems, problems
    found = forget(store, "ann")
    stop.set()
    for writer in writers:
        writer.join(20)
    assert not problems, problems
    assert found["events"] > 0
    assert store.forgotten.find("ann") == {}
    assert store.events.knows("bob")


def test_another_process_of_the_store_learns_of_it_at_its_next_write(store: Store, store_uri: str) -> None:
    with open_store(store_uri) as other:
        other.events.add([event("ann", 1)])
        forget(store, "ann")
        assert len(other.events.add([event("ann", 2)]).forgotten) == 1
        assert other.forgotten.current().number == store.forgotten.current().number


def test_a_reader_that_stands_in_the_way_is_told_of_and_the_next_run_finishes(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}", timeout=0.2) as store:
        fill(store, "ann-4711")
        fill(store, "bob")
        reading = store.scores.ranked(10, chunk_rows=1)
        next(reading)
        with pytest.raises(StoreUnavailable, match="run the same command again"):
            forget(store, "ann-4711")
        reading.close()  # type: ignore[attr-defined]
        forget(store, "ann-4711")
        assert not [one.name for one in tmp_path.iterdir() if b"ann-4711" in one.read_bytes()]
        assert store.forgotten.find("bob") == FULL


def test_the_file_is_clear_of_an_id_that_begins_another(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(f"sqlite:///{path}") as store:
        for line, user_id in enumerate(("u1", "u10", "u1", "u10")):
            fill(store, user_id, line=line)
        forget(store, "u1")
        content = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert re.search(rb"u10", content)
    assert not re.search(rb"u1(?!0)", content)


def test_the_file_of_sqlite_holds_no_trace(tmp_path: Path) -> None:
    path, user_id = tmp_path / "store.db", "trace-of-é-4711"
    with open_store(f"sqlite:///{path}") as store:
        for turn in range(6):  # in turns, so that pages split and rows move
            for number in range(60):
                fill(store, f"user-{turn * 997 % 13}-{number}", line=number)
            store.events.add(event(user_id, turn * 100 + number) for number in range(100))
            fill(store, user_id)
        assert user_id.encode() in path.read_bytes() + path.with_name("store.db-wal").read_bytes()
        forget(store, user_id)
        for file in tmp_path.iterdir():
            assert user_id.encode() not in file.read_bytes(), file.name
        assert store.events.knows("user-0-5")
    assert user_id.encode() not in path.read_bytes()
