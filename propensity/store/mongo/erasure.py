"""Takes a user out of the MongoDB database, in steps that each are one bounded call.

Documents are found by their keys, by stepping along an index that is there anyway, or by reading through a collection a
stretch of time at a time: an index by user would cost every answer. What MongoDB keeps besides, its journal and its
oplog, is the server's business and goes as they are overwritten.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any, Final

import msgspec
from pymongo import ASCENDING
from pymongo.collection import Collection

from propensity.events import Refusal
from propensity.events.event import HOUR
from propensity.features.marks import COPY
from propensity.store.batches import batches
from propensity.store.forgotten import Forgotten, Tombstone, cleaned, forgotten_row, without
from propensity.store.mention import is_of
from propensity.store.mongo.database import Database, Document
from propensity.store.mongo.documents import from_document
from propensity.store.mongo.forgotten import COLLECTION, add_mark

KEYS: Final = 1_000
"""Documents named in one call."""
_ANSWERS: Final = ("predictions", "shadows")
_STEPPED: Final = {"scores": "cutoff", "outcomes": "cutoff"}
_COPIES: Final = {"$gte": "reference:", "$lt": "reference;"}
"""Digests under which an early release kept copies of reference rows with the ids of their users."""

_ROWS: Final = {"$gte": COPY, "$lt": f"{COPY}~"}


class MongoForgotten:
    """protocol.ForgottenStore on the collection `forgotten`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> Forgotten:
        """Return the marks there are."""
        return self._database.forgotten()

    def add(self, user_id: str, *, at: int, salt: bytes) -> Tombstone:
        """Mark a user for good."""
        with self._database.collection(COLLECTION) as collection:
            return add_mark(collection, user_id, at=at, salt=salt)

    def find(self, user_id: str) -> dict[str, int]:
        """Count what there is of a user."""
        return self._go_through(user_id, mark="", is_to_go=False)

    def erase(self, user_id: str, *, mark: str) -> dict[str, int]:
        """Delete all there is of a user."""
        return self._go_through(user_id, mark=mark, is_to_go=True)

    def _go_through(self, user_id: str, *, mark: str, is_to_go: bool) -> dict[str, int]:
        found = {
            "events": self._take("events", self._events(user_id), is_to_go=is_to_go),
            "refused": self._take("refused", self._refusals(user_id), is_to_go=is_to_go),
        }
        for name in _ANSWERS:
            found[name] = self._take(name, self._answers(name, user_id), is_to_go=is_to_go)
        for name, field in _STEPPED.items():
            keys = (f"{cutoff}:{user_id}" for cutoff in self._steps(name, field))
            found[name] = self._take(name, keys, is_to_go=is_to_go)
        found["contacts"] = self._take("contacts", self._contacts(user_id), is_to_go=is_to_go)
        found["references"] = self._take_copies(is_to_go=is_to_go)
        if is_to_go:
            self._drop_rows(user_id)
        found["target_lists"] = self._rename(user_id, mark=mark, is_to_go=is_to_go)
        found["ledger"] = self._rewrite(user_id, mark=mark, is_to_go=is_to_go)
        return {name: count for name, count in found.items() if count}

    def _take(self, name: str, keys: Iterable[str], *, is_to_go: bool) -> int:
        """Delete, or only count, those of the keys that there are."""
        taken = 0
        for part in batches(keys, KEYS):
            where = {"_id": {"$in": part}}
            with self._database.collection(name) as collection:
                taken += (
                    collection.delete_many(where).deleted_count
                    if is_to_go
                    else collection.count_documents(where)
                )
        return taken

    def _events(self, user_id: str) -> Iterator[str]:
        with (
            self._database.collection("events") as collection,
            closing(collection.find({"user_id": user_id}, {"_id": 1}).hint("by_user")) as found,
        ):
            yield from (one["_id"] for one in found)

    def _refusals(self, user_id: str) -> Iterator[str]:
        with (
            self._database.collection("refused") as collection,
            closing(collection.find().sort("_id", ASCENDING)) as found,
        ):
            for one in found:
                if is_of(from_document(one, Refusal, key="refusal_id"), user_id):
                    yield one["_id"]

    def _answers(self, name: str, user_id: str) -> Iterator[str]:
        """Yield the keys of a user's answers, an hour of answers a call, passing over hours without any."""
        for start in self._hours(name):
            where = {"predicted_at": {"$gte": start, "$lt": start + HOUR}, "user_id": user_id}
            with self._database.collection(name) as collection:
                yield from [one["_id"] for one in collection.find(where, {"_id": 1})]

    def _hours(self, name: str) -> Iterator[int]:
        start = -(2**62)
        while (first := self._first(name, "predicted_at", start)) is not None:
            yield first
            start = first + HOUR

    def _steps(self, name: str, field: str) -> Iterator[int]:
        start = -(2**62)
        while (first := self._first(name, field, start)) is not None:
            yield first
            start = first + 1

    def _first(self, name: str, field: str, start: int) -> int | None:
        with self._database.collection(name) as collection:
            found = collection.find_one({field: {"$gte": start}}, {field: 1}, sort=[(field, ASCENDING)])
        return None if found is None else int(found[field])

    def _contacts(self, user_id: str) -> Iterator[str]:
        """Yield the user's keys on lists; contacts of a list whose record was never written are stepped to."""
        last = ""
        with self._database.collection("contacts") as collection:
            while found := collection.find_one({"_id": {"$gte": last}}, {"list_id": 1}, sort=[("_id", 1)]):
                yield f"{found['list_id']}:{user_id}"
                last = f"{found['list_id']};"  # the character after the colon

    def _take_copies(self, *, is_to_go: bool) -> int:
        with self._database.collection("bundles") as bundles:
            copies = bundles.count_documents({"_id": _COPIES})
            if is_to_go:
                bundles.delete_many({"_id": _COPIES})
        if is_to_go:
            with self._database.collection("bundle_pieces") as pieces:
                pieces.delete_many({"_id": _COPIES})
        return copies

    def _drop_rows(self, user_id: str) -> None:
        """Drop the copies of reference rows, and leave word of whose are not to be copied again."""
        with self._database.collection("bundles") as bundles:
            copies = [one["_id"] for one in bundles.find({"_id": _ROWS}, {"_id": 1})]
        for copy in copies:
            self.add(forgotten_row(copy, user_id), at=0, salt=b"")
            pieces = {"$gte": f"{copy}/", "$lt": f"{copy}0"}  # the character after the slash
            for name, where in (("bundles", copy), ("bundle_pieces", pieces)):
                with self._database.collection(name) as collection:
                    collection.delete_many({"_id": where})

    def _rename(self, user_id: str, *, mark: str, is_to_go: bool) -> int:
        """Take the name of a user out of the names of lists."""
        renamed = 0
        with self._database.collection("target_lists") as collection:
            for one in list(collection.find({}, {"name": 1}).sort("_id", ASCENDING)):
                name = without(one["name"], user_id, mark=mark)
                renamed += name != one["name"]
                if is_to_go and name != one["name"]:
                    collection.update_one({"_id": one["_id"]}, {"$set": {"name": name}})
        return renamed

    def _rewrite(self, user_id: str, *, mark: str, is_to_go: bool) -> int:
        """Take the name out of the ledger's texts; an entry that moves meanwhile is looked at again."""
        rewritten = 0
        with self._database.collection("ledger") as collection:
            for entry in list(collection.find({}, {"_id": 1}).sort("_id", ASCENDING)):
                rewritten += _rewritten(collection, entry["_id"], user_id, mark=mark, is_to_go=is_to_go)
        return rewritten


def _rewritten(
    collection: Collection[Document], key: str, user_id: str, *, mark: str, is_to_go: bool
) -> bool:
    while (entry := collection.find_one({"_id": key})) is not None:
        reason = without(entry["reason"], user_id, mark=mark)
        evidence = [
            _json(cleaned(msgspec.json.decode(text), user_id, mark=mark)) for text in entry["evidence"]
        ]
        said = [_json(msgspec.json.decode(text)) for text in entry["evidence"]]
        if (reason, evidence) == (entry["reason"], said):
            return False
        unmoved = {"_id": key, "updated_at": entry["updated_at"], "state": entry["state"]}
        change: dict[str, Any] = {"$set": {"reason": reason, "evidence": evidence}}
        if not is_to_go or collection.update_one(unmoved, change).matched_count:
            return True
    return False


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
