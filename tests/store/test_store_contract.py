"""What every store promises, besides events (test_store_contract_events) and several writers (…_at_once)."""

import pytest

from propensity.errors import StoreUnavailable
from propensity.events import Refusal
from propensity.store import Champion, IngestRecord, LedgerEntry, Prediction, Score, Store, open_store

MIB = 2**20


def refusal(number: int, *, reason: str = "bad_time", at: int = 0, user_id: str | None = None) -> Refusal:
    return Refusal(
        refusal_id=f"r{number}", source="api", file="a.csv", line=number, reason=reason,
        raw="\\xff,$where,\x00", user_id=user_id, refused_at=at,
    )  # fmt: skip


def ingest(name: str, *, finished_at: int, inserted: int = 5) -> IngestRecord:
    return IngestRecord(
        ingest_id=name, source="taobao", file="a.csv", rows=9, inserted=inserted, unchanged=1,
        refused={"bad_time": 2, "conflict": 1}, first_time=None, last_time=2**60, finished_at=finished_at,
    )  # fmt: skip


def prediction(number: int, *, at: int | None = None) -> Prediction:
    return Prediction(
        prediction_id=f"p{number:05d}", user_id="ann", predicted_at=2**50 + number if at is None else at,
        probability=0.1 + number / 10**7, prediction=1, threshold=0.1, model_version="3", features_from="store",
        feature_version=1, features=b"\x00\xff" * 80, latency_us=350, pod="pod-1", sequence=number, boot="b",
        route="predict",
    )  # fmt: skip


def score(user_id: str, *, cutoff: int = 100, probability: float = 0.5) -> Score:
    return Score(
        user_id=user_id, cutoff=cutoff, probability=probability, prediction=1, model_version="3",
        feature_version=1, features=b"\x01\x02",
    )  # fmt: skip


def claim(store: Store, *, kind: str = "training", key: str | None = None) -> LedgerEntry | None:
    return store.ledger.claim(kind=kind, state="open", at=10, reason="volume grew", key=key)


def test_refused_rows_are_kept_once_newest_first(store: Store) -> None:
    rows = [refusal(1, at=5), refusal(2, at=7, user_id="ann"), refusal(3, at=5)]
    assert store.refused.add(iter(rows)) == 3
    assert store.refused.add([*rows, refusal(4, at=1)]) == 1
    assert store.refused.latest(3) == [rows[1], rows[2], rows[0]]
    assert store.refused.latest(0) == []


def test_refused_rows_are_counted_by_reason(store: Store) -> None:
    assert store.refused.counts() == {}
    store.refused.add([refusal(1), refusal(2), refusal(3, reason="conflict")])
    assert store.refused.counts() == {"bad_time": 2, "conflict": 1}


def test_an_ingest_overwrites_its_own_record(store: Store) -> None:
    store.ingests.put(ingest("a", finished_at=1))
    store.ingests.put(ingest("b", finished_at=2))
    again = ingest("a", finished_at=3, inserted=0)
    store.ingests.put(again)
    assert store.ingests.latest(5) == [again, ingest("b", finished_at=2)]
    assert store.ingests.latest(1) == [again]
    assert store.ingests.get("a") == again
    assert store.ingests.get("c") is None


def test_predictions_are_kept_once_newest_first(store: Store) -> None:
    made = [prediction(number) for number in range(50)]
    assert store.predictions.add(made) == 50
    assert store.predictions.add([*made, prediction(50), prediction(50)]) == 1
    assert store.predictions.count() == 51
    assert store.predictions.latest(2) == [prediction(50), prediction(49)]


def test_predictions_of_one_instant_are_ordered_by_id(store: Store) -> None:
    store.predictions.add([prediction(number, at=7) for number in (2, 3, 1)])
    assert [one.sequence for one in store.predictions.latest(3)] == [3, 2, 1]


def test_a_known_prediction_is_not_changed(store: Store) -> None:
    store.predictions.add([prediction(1, at=5)])
    assert store.predictions.add([prediction(1, at=9)]) == 0
    assert store.predictions.latest(1) == [prediction(1, at=5)]


def test_the_first_score_of_a_user_and_cutoff_stays(store: Store) -> None:
    assert store.scores.add(iter([score("ann"), score("bob"), score("ann", cutoff=200)])) == 3
    assert store.scores.add([score("ann", probability=0.9), score("cid")]) == 1
    assert store.scores.top(100, 1) == [score("ann")]
    assert (store.scores.count(100), store.scores.count(200), store.scores.count(300)) == (3, 1, 0)


def test_scores_are_ranked_by_probability_then_user(store: Store) -> None:
    chances = {"d": 0.5, "b": 0.9, "c": 0.5, "a": 0.1}
    store.scores.add([score(user, probability=chance) for user, chance in chances.items()])
    assert [one.user_id for one in store.scores.top(100, 10)] == ["b", "c", "d", "a"]
    assert [one.user_id for one in store.scores.top(100, 2)] == ["b", "c"]


def test_cutoffs_are_listed_newest_first(store: Store) -> None:
    assert store.scores.cutoffs(5) == []
    store.scores.add([score(user, cutoff=cutoff) for user in "ab" for cutoff in (300, 2**50, 100)])
    assert store.scores.cutoffs(5) == [2**50, 300, 100]
    assert store.scores.cutoffs(2) == [2**50, 300]


def test_a_cutoff_is_finished_when_that_was_said_and_said_twice_it_is_the_same(store: Store) -> None:
    store.scores.add([score("ann", cutoff=cutoff) for cutoff in (100, 200, 2**50)])
    assert store.scores.finished(5) == []
    for cutoff in (200, 2**50, 200, 300):
        store.scores.finish(cutoff)
    assert store.scores.finished(5) == [2**50, 300, 200]
    assert store.scores.finished(2) == [2**50, 300]
    assert store.scores.finished(0) == []
    assert store.scores.cutoffs(5) == [2**50, 200, 100]


def test_a_bundle_of_any_size_comes_back_whole(store: Store) -> None:
    files = {"model.onnx": bytes(range(256)) * (20 * MIB // 256) + b"end", "model.json": b"{}", "empty": b""}
    assert store.bundles.get("sha256:1") is None
    store.bundles.put("sha256:1", files)
    assert store.bundles.get("sha256:1") == files


def test_a_digest_that_is_there_changes_nothing(store: Store) -> None:
    store.bundles.put("sha256:1", {"model.json": b"first"})
    store.bundles.put("sha256:1", {"model.json": b"second", "other": b""})
    assert store.bundles.get("sha256:1") == {"model.json": b"first"}


def test_ledger_numbers_have_no_gaps(store: Store) -> None:
    entries = [claim(store), claim(store, key="k"), claim(store, key="k"), claim(store), claim(store)]
    assert [entry and entry.sequence for entry in entries] == [1, 2, None, 3, 4]
    assert store.ledger.by_key("k") == store.ledger.get(2) == entries[1]
    assert store.ledger.get(9) is None
    assert store.ledger.by_key("other") is None


def test_an_entry_keeps_what_it_was_claimed_with(store: Store) -> None:
    evidence = {"f1.value": 0.5, "$set": {"nested": [1, "two", None, True]}}
    entry = store.ledger.claim(
        kind="rollback", state="open", at=10, reason="it was worse", subject="7", key="k", evidence=evidence
    )
    assert entry == store.ledger.get(1)
    assert entry == LedgerEntry(
        sequence=1, kind="rollback", state="open", at=10, updated_at=10, reason="it was worse", subject="7",
        key="k", evidence=evidence, history=[("open", 10)],
    )  # fmt: skip


def test_a_move_adds_to_history_and_evidence(store: Store) -> None:
    store.ledger.claim(kind="training", state="open", at=10, reason="x", evidence={"a": 1, "b": 1})
    moved = store.ledger.move(1, from_state="open", to_state="running", at=20, evidence={"b": 2, "c.d": 3})
    assert moved == store.ledger.get(1)
    assert moved is not None
    assert (moved.state, moved.at, moved.updated_at) == ("running", 10, 20)
    assert moved.evidence == {"a": 1, "b": 2, "c.d": 3}
    assert moved.history == [("open", 10), ("running", 20)]


def test_a_move_from_a_state_that_has_passed_changes_nothing(store: Store) -> None:
    claim(store)
    before = store.ledger.move(1, from_state="open", to_state="done", at=20)
    assert store.ledger.move(1, from_state="open", to_state="failed", at=30, evidence={"late": True}) is None
    assert store.ledger.move(2, from_state="open", to_state="failed", at=30) is None
    assert store.ledger.get(1) == before


def test_the_ledger_is_read_newest_first_and_by_kind(store: Store) -> None:
    for number in range(12):
        claim(store, kind="training" if number % 2 else "request")
    assert [entry.sequence for entry in store.ledger.latest(3)] == [12, 11, 10]
    assert [entry.sequence for entry in store.ledger.latest(2, "request")] == [11, 9]
    assert store.ledger.latest(5, "rollback") == []


def test_what_people_did_is_found_behind_any_number_of_entries_that_nobody_stands_behind(
    store: Store,
) -> None:
    def add(number: int, actor: str = "", kind: str = "promotion", **more: object) -> None:
        store.ledger.claim(
            kind=kind, state="open", at=number, reason="r", evidence={"plan": {"actor": "x"}, "actor": actor, **more}
        )  # fmt: skip

    add(1, "ann")
    add(2, "ann", kind="decision")
    add(3, 'o"neil', kind="training")
    store.ledger.claim(kind="training", state="open", at=4, reason='"actor":"bob"')
    store.ledger.move(3, from_state="open", to_state="done", at=5, evidence={"version": "7"})
    for number in range(60):
        add(number)
    kinds = ("promotion", "training")
    assert [one.sequence for one in store.ledger.by_people(50, kinds)] == [3, 1]
    assert [one.actor for one in store.ledger.by_people(1, kinds)] == ['o"neil']
    assert store.ledger.by_people(50, ["rollback"]) == []


def test_what_has_not_ended_is_found_however_much_came_after_it(store: Store) -> None:
    begun = [
        store.ledger.claim(kind=kind, state=state, at=1, reason="r")
        for kind, state in [("experiment", "running"), ("training", "running"), ("experiment", "intended")]
    ]
    for number in range(60):
        store.ledger.claim(kind="experiment", state=("stopped", "failed")[number % 2], at=2, reason="r")
    ended = {"stopped", "failed", "promoted"}
    assert store.ledger.unended("experiment", ended=ended) == [begun[2], begun[0]]
    assert store.ledger.unended("rollback", ended=ended) == []
    assert len(store.ledger.unended("experiment", ended=[])) == 62


def test_the_ledger_is_read_by_state_however_many_came_since(store: Store) -> None:
    for number in range(8):
        claim(store, kind="training" if number % 2 else "request")
    for number in (3, 5, 7, 8):
        store.ledger.move(number, from_state="open", to_state="done", at=20)
    assert [entry.sequence for entry in store.ledger.latest(2, "request", "open")] == [1]
    assert [entry.sequence for entry in store.ledger.latest(3, None, "open")] == [6, 4, 2]
    assert store.ledger.latest(5, "request", "failed") == []


def test_there_is_one_champion(store: Store) -> None:
    assert store.champion() is None
    for version in ("1", "2", "2"):
        champion = Champion(
            version=version, digest=f"sha256:{version}", verdict="promoted", promoted_at=2**50
        )
        store.set_champion(champion)
        assert store.champion() == champion


def test_what_is_written_outlives_the_process(store_uri: str) -> None:
    with open_store(store_uri) as store:
        claim(store)
    with open_store(store_uri) as store:
        store.ping()
        assert store.ledger.get(1) is not None


@pytest.mark.parametrize("use", ["ping", "champion"])
def test_a_closed_store_says_so(store: Store, use: str) -> None:
    store.ping()
    store.close()
    with pytest.raises(StoreUnavailable, match="was closed"):
        getattr(store, use)()
