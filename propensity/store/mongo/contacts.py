"""Target lists and their contacts in MongoDB: who a campaign was aimed at, and who was held back."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, Final

import msgspec
from pymongo import ASCENDING, DESCENDING

from propensity.store.batches import batches
from propensity.store.mongo.database import Database
from propensity.store.mongo.documents import from_document, to_document
from propensity.store.records import Contact, TargetList

_KEY: Final = "list_id"
_NEWEST: Final = [("created_at", DESCENDING), ("_id", DESCENDING)]


class MongoContacts:
    """protocol.ContactStore on the collections `target_lists` and `contacts`, whose `_id` is `list_id:user_id`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_list(self, target_list: TargetList) -> bool:
        """Store what a list is; False where it is there."""
        return bool(self._database.add_new("target_lists", [to_document(target_list, key=_KEY)]))

    def get_list(self, list_id: str) -> TargetList | None:
        """Return one list's record."""
        with self._database.collection("target_lists") as collection:
            found = collection.find_one({"_id": list_id})
        return None if found is None else from_document(found, TargetList, key=_KEY)

    def lists(self, limit: int) -> list[TargetList]:
        """Return the newest by created_at, then list_id, descending."""
        if limit < 1:
            return []
        with self._database.collection("target_lists") as collection:
            found = list(collection.find().sort(_NEWEST).limit(limit))
        return [from_document(one, TargetList, key=_KEY) for one in found]

    def add(self, contacts: Iterable[Contact]) -> int:
        """Store contacts; return how many were new."""
        documents = (
            {"_id": f"{one.list_id}:{one.user_id}", **msgspec.structs.asdict(one)} for one in contacts
        )
        return self._database.add_new("contacts", documents)

    def scan(self, list_id: str, *, chunk_rows: int = 50_000) -> Iterator[list[Contact]]:
        """Yield a list's contacts by user, in chunks."""
        where = {"_id": {"$gte": f"{list_id}:", "$lt": f"{list_id};"}}  # the character after the colon
        with (
            self._database.collection("contacts") as collection,
            closing(collection.find(where).sort("_id", ASCENDING)) as cursor,
        ):
            yield from batches((from_document(one, Contact) for one in cursor), chunk_rows)

    def users(self, arm: str, *, since: int, until: int) -> set[str]:
        """Return the users listed in an arm within a time."""
        where: dict[str, Any] = {"arm": arm, "listed_at": {"$gte": since, "$lt": until}}
        with self._database.collection("contacts") as collection:
            return {one["user_id"] for one in collection.find(where, {"_id": 0, "user_id": 1})}
