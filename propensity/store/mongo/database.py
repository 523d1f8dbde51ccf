"""The connection to one MongoDB database, and the few ways the store writes to it.

A write is acknowledged when a majority has it in its journal: what was answered 202, and what the ledger decided,
survives the loss of a server. Nothing needs a transaction, so a single server will do as well.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pymongo
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError, ConfigurationError, InvalidURI
from pymongo.uri_parser import parse_uri
from pymongo.write_concern import WriteConcern

from propensity.errors import SettingsError
from propensity.store.batches import batches
from propensity.store.forgotten import NOBODY, Forgotten
from propensity.store.mongo.failures import DUPLICATE_KEY, address_of, translated
from propensity.store.mongo.forgotten import COLLECTION, OF_USERS, Marks
from propensity.store.mongo.indexes import ensure

Document = dict[str, Any]

DATABASE: Final = "propensity"
"""Where the URI names none."""
BATCH: Final = 5_000
"""Documents a call: refusing that many duplicates one by one still takes well under a second."""
FINDING_MS: Final = 3_000
"""To find a server: a request waits for it, and answers with defaults after that."""
ANSWER_MS: Final = 60_000
"""For one answer: counting a large collection takes that long, a lost connection should not take longer."""
MAJORITY_MS: Final = 10_000


class Database:
    """One database's collections; thread-safe. Nothing is contacted before the first use."""

    def __init__(self, uri: str, *, timeout: float | None = None) -> None:
        """Wait the usual times, or `timeout` seconds for finding the server and for each of its answers."""
        self._address = address_of(uri)
        waiting = {
            "serverSelectionTimeoutMS": FINDING_MS if timeout is None else int(timeout * 1000),
            "connectTimeoutMS": FINDING_MS if timeout is None else int(timeout * 1000),
            "socketTimeoutMS": ANSWER_MS if timeout is None else int(timeout * 1000),
        }
        unset = {name: value for name, value in waiting.items() if f"{name}=".lower() not in uri.lower()}
        self._client = _client(uri, unset)
        self._database = self._client.get_default_database(
            DATABASE, write_concern=WriteConcern("majority", wtimeout=MAJORITY_MS, j=True)
        )
        self._prepared = False
        self._marks = Marks()

    @contextmanager
    def collection(self, name: str) -> Iterator[Collection[Document]]:
        """Lend a collection; inside, MongoDB's errors become StoreUnavailable."""
        with translated(self._address):
            if not self._prepared:
                ensure(self._database)  # outside any lock: while the server is away, nobody waits for another
                self._prepared = True
            yield self._database[name]

    def add_new(self, name: str, documents: Iterable[Document]) -> int:
        """Insert the documents whose _id is new, but for those of forgotten users; return how many were."""
        inserted = 0
        for batch in batches(documents, BATCH):
            known = self.forgotten() if name in OF_USERS else NOBODY
            kept = known.records(batch)
            with self.collection(name) as collection:
                inserted += len(kept) - len(insert(collection, kept)) if kept else 0
            if name in OF_USERS and (now := self.forgotten()).number != known.number:
                inserted -= self.take_out(name, kept, now.records(kept))
        return inserted

    def forgotten(self) -> Forgotten:
        """Return the marks of forgotten users."""
        with self.collection(COLLECTION):
            return self._marks.of(self._database)

    def take_out(self, name: str, written: list[Document], kept: list[Document]) -> int:
        """Delete what was just written and is not to be kept like that, because its user was forgotten meanwhile."""
        left = set(map(id, kept))
        gone = {one["_id"] for one in written if id(one) not in left}
        with self.collection(name) as collection:
            return collection.delete_many({"_id": {"$in": sorted(gone)}}).deleted_count if gone else 0

    def close(self) -> None:
        """Let go of all connections."""
        self._client.close()


def insert(collection: Collection[Document], documents: list[Document]) -> list[int]:
    """Insert what is new; return the positions of the documents whose _id was there already."""
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        refused = error.details["writeErrors"]
        if error.details["writeConcernErrors"] or any(one["code"] != DUPLICATE_KEY for one in refused):
            raise
        return [one["index"] for one in refused]
    return []


def _client(uri: str, options: dict[str, Any]) -> pymongo.MongoClient[Document]:
    try:
        if uri.startswith("mongodb://"):
            parse_uri(uri)  # in full; a client made later than its options reports less
        return pymongo.MongoClient(uri, connect=False, appname="propensity", **options)
    except (InvalidURI, ConfigurationError, ValueError):
        # `from None`: pymongo's own text quotes what it could not read, which may be a part of the password
        raise SettingsError(
            "PROPENSITY_STORE_URI is no MongoDB address. Write mongodb://user:password@host:port/database, "
            "with the reserved characters of the password percent-encoded."
        ) from None
