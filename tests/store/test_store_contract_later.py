"""A release reads what a later one wrote: after a rollback the documents of the later one are still there."""

from collections.abc import Callable, Sequence

import msgspec
import pymongo
import pytest

from propensity.events.refusal import refuse
from propensity.store import Champion, IngestRecord, Prediction, Score, Store

CHAMPION = Champion(version="1", digest="sha256:1", verdict="promoted", promoted_at=2**50)
INGEST = IngestRecord(
    ingest_id="a", source="taobao", file="a.csv", rows=9, inserted=5, unchanged=1, refused={"bad_time": 3},
    first_time=None, last_time=2**60, finished_at=1,
)  # fmt: skip
PREDICTION = Prediction(
    prediction_id="p", user_id="ann", predicted_at=1, probability=0.5, prediction=1, threshold=0.5,
    model_version="1", features_from="store", feature_version=1, features=b"\x00", latency_us=1, pod="pod",
    sequence=1, boot="b", route="predict",
)  # fmt: skip
SCORE = Score(
    user_id="ann", cutoff=1, probability=0.5, prediction=1, model_version="1", feature_version=1, features=b""
)


class LaterChampion(Champion, frozen=True, kw_only=True):
    """The record as a later release may write it."""

    colour: str = "green"


class LaterIngest(IngestRecord, frozen=True, kw_only=True):
    seconds: float = 1.5


def test_what_is_new_in_a_record_is_passed_over(store: Store) -> None:
    store.set_champion(LaterChampion(**msgspec.structs.asdict(CHAMPION)))
    store.ingests.put(LaterIngest(**msgspec.structs.asdict(INGEST)))
    assert store.champion() == CHAMPION
    assert store.ingests.latest(1) == [INGEST]


@pytest.mark.parametrize("store_uri", ["mongo"], indirect=True)
@pytest.mark.parametrize("kind", ["predictions", "scores", "refused", "ledger"])
def test_what_is_new_in_a_document_is_passed_over(store: Store, store_uri: str, kind: str) -> None:
    store.predictions.add([PREDICTION])
    store.scores.add([SCORE])
    store.refused.add([refuse(source="api", file="", line=1, reason="bad_time", raw="{}", at=1)])
    store.ledger.claim(kind="training", state="open", at=1, reason="a test")
    reads: dict[str, Callable[[], Sequence[object]]] = {
        "predictions": lambda: store.predictions.latest(1),
        "scores": lambda: store.scores.top(1, 1),
        "refused": lambda: store.refused.latest(1),
        "ledger": lambda: store.ledger.latest(1),
    }
    before = reads[kind]()
    with pymongo.MongoClient[dict[str, object]](store_uri) as client:
        client.get_default_database()[kind].update_many({}, {"$set": {"colour": "green"}})
    assert len(before) == 1
    assert reads[kind]() == before
