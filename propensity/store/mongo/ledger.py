"""The ledger in MongoDB: a number is taken by inserting it, a state changed only where it is still the one seen.

Evidence is kept as a list of JSON texts, one for each change, and merged when read: adding to a list is one atomic
update, and no name inside the evidence can ever be read as a path or an operator.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, Final

import msgspec
from pymongo import DESCENDING, ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from propensity.store.mongo.database import Database, Document
from propensity.store.records import LedgerEntry

_NEWEST: Final = [("_id", DESCENDING)]
_ACTOR: Final = '"actor":"[^"]'
"""Somebody's name in a JSON text; what else it finds is sorted out when read."""


class MongoLedger:
    """protocol.LedgerStore on the collection `ledger`; `_id` is the number with leading zeros, which sorts as it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(
        self,
        *,
        kind: str,
        state: str,
        at: int,
        reason: str,
        subject: str | None = None,
        key: str | None = None,
        evidence: dict[str, Any] | None = None,
    ) -> LedgerEntry | None:
        """Append an entry under the next number; None where an entry with this key exists."""
        entry: Document = {
            "kind": kind,
            "state": state,
            "at": at,
            "updated_at": at,
            "reason": reason,
            "evidence": [_json(evidence or {})],
            "history": [[state, at]],
        }
        entry |= {} if subject is None else {"subject": subject}
        entry |= {} if key is None else {"key": key}
        with self._database.collection("ledger") as collection:
            return _append(collection, entry)

    def move(
        self,
        sequence: int,
        *,
        from_state: str,
        to_state: str,
        at: int,
        evidence: dict[str, Any] | None = None,
    ) -> LedgerEntry | None:
        """Change an entry's state and add to its evidence; None where it is not in `from_state` any more."""
        with self._database.collection("ledger") as collection:
            found = collection.find_one_and_update(
                {"_id": _id(sequence), "state": from_state},
                {
                    "$set": {"state": to_state, "updated_at": at},
                    "$push": {"history": [to_state, at], "evidence": _json(evidence or {})},
                },
                return_document=ReturnDocument.AFTER,
            )
        return _entry(found)

    def get(self, sequence: int) -> LedgerEntry | None:
        """Return one entry."""
        with self._database.collection("ledger") as collection:
            return _entry(collection.find_one({"_id": _id(sequence)}))

    def by_key(self, key: str) -> LedgerEntry | None:
        """Return the entry with this key."""
        with self._database.collection("ledger") as collection:
            return _entry(collection.find_one({"key": key}))

    def latest(self, limit: int, kind: str | None = None, state: str | None = None) -> list[LedgerEntry]:
        """Return the newest entries (of a kind, in a state, where named) by sequence, descending."""
        if limit < 1:
            return []
        where = {name: value for name, value in (("kind", kind), ("state", state)) if value is not None}
        with self._database.collection("ledger") as collection:
            found = list(collection.find(where).sort(_NEWEST).limit(limit))
        return [entry for entry in map(_entry, found) if entry is not None]

    def by_people(self, limit: int, kinds: Sequence[str]) -> list[LedgerEntry]:
        """Return the newest entries of some kinds that have an actor, by sequence, descending."""
        where = {"kind": {"$in": list(kinds)}, "evidence": {"$regex": _ACTOR}}
        with (
            self._database.collection("ledger") as collection,
            closing(collection.find(where).sort(_NEWEST)) as found,
        ):
            entries = (entry for entry in map(_entry, found) if entry is not None and entry.actor)
            return list(islice(entries, limit))

    def unended(self, kind: str, *, ended: Iterable[str]) -> list[LedgerEntry]:
        """Return all entries of a kind that are in none of the states `ended`, by sequence, descending."""
        where = {"kind": kind, "state": {"$nin": list(ended)}}
        with self._database.collection("ledger") as collection:
            found = list(collection.find(where).sort(_NEWEST))
        return [entry for entry in map(_entry, found) if entry is not None]


def _append(collection: Collection[Document], entry: Document) -> LedgerEntry | None:
    """Insert under the next number; who loses a number to another process tries the one after it."""
    while "key" not in entry or collection.find_one({"key": entry["key"]}) is None:
        newest = collection.find_one({}, {"_id": 1}, sort=_NEWEST)
        sequence = 1 if newest is None else int(newest["_id"]) + 1
        try:
            collection.insert_one({"_id": _id(sequence), **entry})
        except DuplicateKeyError:
            continue
        return _entry({"_id": _id(sequence), **entry})
    return None


def _id(sequence: int) -> str:
    return f"{sequence:012d}"


def _json(evidence: dict[str, Any]) -> str:
    return msgspec.json.encode(evidence).decode()


def _entry(found: Document | None) -> LedgerEntry | None:
    if found is None:
        return None
    evidence: dict[str, Any] = {}
    for text in found["evidence"]:
        evidence |= msgspec.json.decode(text)
    return LedgerEntry(
        sequence=int(found["_id"]),
        kind=found["kind"],
        state=found["state"],
        at=int(found["at"]),
        updated_at=int(found["updated_at"]),
        reason=found["reason"],
        subject=found.get("subject"),
        key=found.get("key"),
        evidence=evidence,
        history=[(state, int(at)) for state, at in found["history"]],
    )
