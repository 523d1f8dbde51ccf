"""What only MongoDB can get wrong: servers that are away, passwords in messages, indexes, pieces left behind."""

import traceback
from collections.abc import Iterator

import pymongo
import pytest

from propensity.errors import SettingsError, StoreUnavailable
from propensity.events import Event
from propensity.store import Champion
from propensity.store.mongo import MongoStore

Client = pymongo.MongoClient[dict[str, object]]


on_mongo = pytest.mark.parametrize("store_uri", ["mongo"], indirect=True)


@pytest.fixture
def mongo(store_uri: str) -> Iterator[tuple[MongoStore, Client]]:
    """A store, and somebody else's client to the same server."""
    with MongoStore(store_uri) as store, Client(store_uri) as client:
        yield store, client


def everything_said(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_a_server_that_is_away_is_named_without_the_password() -> None:
    uri = "mongodb://keeper:s3cret@127.0.0.1:9/shop"
    with MongoStore(uri, timeout=0.2) as store, pytest.raises(StoreUnavailable) as caught:
        store.ping()
    assert "MongoDB at 127.0.0.1:9) does not answer" in str(caught.value)
    assert "s3cret" not in everything_said(caught.value)
    assert "keeper" not in str(caught.value)


@pytest.mark.parametrize(
    "uri",
    [
        "mongodb://keeper:half/s3cret@host/shop",
        "mongodb://keeper:half:s3cret@host/shop",
        "mongodb://keeper:s3cret@host:s3cret/shop",
        "mongodb://keeper:s3cret@host/shop?tls=s3cret",
        "mongodb://keeper:s3cret@host/bad name.s3cret",
        "mongodb://",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_quoting_it(uri: str) -> None:
    with pytest.raises(SettingsError, match="PROPENSITY_STORE_URI") as caught:
        MongoStore(uri, timeout=0.2)
    assert "s3cret" not in everything_said(caught.value)


@on_mongo
def test_every_read_has_its_index(mongo: tuple[MongoStore, Client]) -> None:
    store, client = mongo
    for _ in range(2):
        store.ping()
    database = client.get_default_database()
    names = {
        name: set(database[name].index_information()) - {"_id_"} for name in database.list_collection_names()
    }
    assert names["events"] == {"by_user", "by_time"}
    assert names["ledger"] == {"by_kind", "by_key"}
    assert names["scores"] == {"by_probability"}


@on_mongo
def test_neither_a_summary_nor_a_rank_reads_the_whole_collection(store_uri: str) -> None:
    asked: list[str] = []

    class Asked(pymongo.monitoring.CommandListener):
        def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
            asked.append(event.command_name)

        def succeeded(self, event: object) -> None:
            pass

        failed = succeeded

    with MongoStore(store_uri) as store:
        store.events.add([Event(str(time), "ann", "view", time) for time in range(5)])
    pymongo.monitoring.register(Asked())
    with MongoStore(store_uri) as store:
        assert store.events.summary() == (5, 0, 4)
    assert "aggregate" not in asked
    assert "count" in asked


@on_mongo
def test_a_put_that_was_interrupted_is_not_seen_and_can_be_repeated(mongo: tuple[MongoStore, Client]) -> None:
    store, client = mongo
    files = {"model.onnx": b"x" * (9 * 2**20), "model.json": b"{}"}
    store.bundles.put("d", files)
    database = client.get_default_database()
    database["bundles"].delete_one({"_id": "d"})
    database["bundle_pieces"].delete_one({"_id": "d/model.onnx/1"})
    assert store.bundles.get("d") is None
    store.bundles.put("d", files)
    assert store.bundles.get("d") == files


@on_mongo
def test_a_lost_piece_is_reported_and_not_passed_over(mongo: tuple[MongoStore, Client]) -> None:
    store, client = mongo
    store.bundles.put("d", {"model.onnx": b"x"})
    client.get_default_database()["bundle_pieces"].delete_one({"_id": "d/model.onnx/0"})
    with pytest.raises(StoreUnavailable, match="has lost a piece of the bundle d"):
        store.bundles.get("d")


@on_mongo
def test_what_no_document_can_hold_is_one_sentence(mongo: tuple[MongoStore, Client]) -> None:
    store, _ = mongo
    champion = Champion(version="1", digest="sha256:1", verdict="promoted", promoted_at=object())  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable, match=r"can't hold or read a document \(InvalidDocument\)\. "):
        store.set_champion(champion)
