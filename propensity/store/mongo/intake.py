"""Refused rows and ingest records in MongoDB: what came in besides events, and with what result."""

from collections.abc import Iterable
from typing import Any, Final

from pymongo import DESCENDING

from propensity.events import Refusal
from propensity.store.mongo.database import Database
from propensity.store.mongo.documents import from_document, to_document
from propensity.store.records import IngestRecord

_BY_REASON: Final[list[dict[str, Any]]] = [{"$group": {"_id": "$reason", "rows": {"$sum": 1}}}]


class MongoRefused:
    """protocol.RefusedStore on the collection `refused`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, refusals: Iterable[Refusal]) -> int:
        """Store refusals; return how many were new."""
        return self._database.add_new("refused", (to_document(one, key="refusal_id") for one in refusals))

    def latest(self, limit: int) -> list[Refusal]:
        """Return the newest by refused_at, then refusal_id, descending."""
        if limit < 1:
            return []
        with self._database.collection("refused") as collection:
            newest = [("refused_at", DESCENDING), ("_id", DESCENDING)]
            found = list(collection.find().sort(newest).limit(limit))
        return [from_document(one, Refusal, key="refusal_id") for one in found]

    def counts(self, *, since: int | None = None, until: int | None = None) -> dict[str, int]:
        """Count refused rows by reason."""
        bounds = {"$gte": since, "$lt": until}
        given = {operator: value for operator, value in bounds.items() if value is not None}
        within = [{"$match": {"refused_at": given}}] if given else []
        with self._database.collection("refused") as collection:
            return {one["_id"]: int(one["rows"]) for one in collection.aggregate([*within, *_BY_REASON])}


class MongoIngests:
    """protocol.IngestStore on the collection `ingests`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, record: IngestRecord) -> None:
        """Write or overwrite the record of its ingest_id."""
        document = {"first_time": None, "last_time": None, **to_document(record, key="ingest_id")}
        with self._database.collection("ingests") as collection:
            collection.replace_one({"_id": record.ingest_id}, document, upsert=True)

    def get(self, ingest_id: str) -> IngestRecord | None:
        """Return one record."""
        with self._database.collection("ingests") as collection:
            found = collection.find_one({"_id": ingest_id})
        return None if found is None else from_document(found, IngestRecord, key="ingest_id")

    def latest(self, limit: int) -> list[IngestRecord]:
        """Return the newest by finished_at, then ingest_id, descending."""
        if limit < 1:
            return []
        with self._database.collection("ingests") as collection:
            newest = [("finished_at", DESCENDING), ("_id", DESCENDING)]
            found = list(collection.find().sort(newest).limit(limit))
        return [from_document(one, IngestRecord, key="ingest_id") for one in found]
