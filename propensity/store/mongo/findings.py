"""Outcomes, monitor windows and drift reports in MongoDB: what the monitor found."""

import gzip
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, Final

import msgspec
from pymongo import ASCENDING, DESCENDING, UpdateOne

from propensity.store.batches import batches
from propensity.store.findings import MonitorWindow, Outcome
from propensity.store.mongo.answers import of_cutoff
from propensity.store.mongo.database import BATCH, Database
from propensity.store.mongo.documents import from_document

_NEWEST_WINDOW: Final = [("end", DESCENDING), ("version", DESCENDING)]
_NEWEST_REPORT: Final = [("at", DESCENDING), ("_id", DESCENDING)]


class MongoOutcomes:
    """protocol.OutcomeStore on the collection `outcomes`; `_id` is `cutoff:user_id`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, outcomes: Iterable[Outcome]) -> int:
        """Store outcomes; return how many were new."""
        documents = (
            {"_id": f"{one.cutoff}:{one.user_id}", **msgspec.structs.asdict(one)} for one in outcomes
        )
        return self._database.add_new("outcomes", documents)

    def correct(self, cutoff: int, user_ids: Iterable[str], *, at: int) -> int:
        """Set the label of outcomes that are 0 to 1; return how many were."""
        change = {"$set": {"label": 1, "corrected_at": at}}
        corrected = 0
        for batch in batches(user_ids, BATCH):
            wanted = [UpdateOne({"_id": f"{cutoff}:{user_id}", "label": 0}, change) for user_id in batch]
            with self._database.collection("outcomes") as collection:
                corrected += collection.bulk_write(wanted, ordered=False).modified_count
        return corrected

    def cutoffs(self, *, since: int, until: int) -> dict[int, int]:
        """Count outcomes by cutoff."""
        counting: list[dict[str, Any]] = [
            {"$match": {"cutoff": {"$gte": since, "$lt": until}}},
            {"$group": {"_id": "$cutoff", "outcomes": {"$sum": 1}}},
            {"$sort": {"_id": 1}},
        ]
        with self._database.collection("outcomes") as collection:
            return {int(one["_id"]): int(one["outcomes"]) for one in collection.aggregate(counting)}

    def scan(self, cutoff: int, *, chunk_rows: int = 50_000) -> Iterator[list[Outcome]]:
        """Yield a cutoff's outcomes by user, in chunks."""
        with (
            self._database.collection("outcomes") as collection,
            closing(collection.find(of_cutoff(cutoff)).sort("_id", ASCENDING)) as cursor,
        ):
            yield from batches((from_document(one, Outcome) for one in cursor), chunk_rows)

    def tally(
        self, cutoff: int, edges: Sequence[float], *, users: Sequence[str] | None = None
    ) -> list[tuple[int, int]]:
        """Count outcomes and buyers between edges: one pass over the cutoff, or one look-up a user."""
        named = {} if users is None else {"_id": {"$in": [f"{cutoff}:{user_id}" for user_id in users]}}
        pipeline: list[dict[str, Any]] = [
            {"$match": {**named, "cutoff": cutoff, "probability": {"$gte": edges[0]}}},
            {
                "$bucket": {
                    "groupBy": "$probability",
                    "boundaries": [*edges, max(edges[-1], 1.0) + 1.0],
                    "output": {"outcomes": {"$sum": 1}, "buyers": {"$sum": "$label"}},
                }
            },
        ]
        with self._database.collection("outcomes") as collection:
            found = {
                one["_id"]: (int(one["outcomes"]), int(one["buyers"]))
                for one in collection.aggregate(pipeline)
            }
        return [found.get(edge, (0, 0)) for edge in edges]


class MongoWindows:
    """protocol.WindowStore on the collection `windows`; records are JSON, so that no name in them is a path."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, window: MonitorWindow) -> bool:
        """Store a window's record; False where its version and end have one."""
        document = {
            "_id": f"{window.version}:{window.end}",
            "version": window.version,
            "end": window.end,
            "record": msgspec.json.encode(window).decode(),
        }
        return bool(self._database.add_new("windows", [document]))

    def get(self, version: str, end: int) -> MonitorWindow | None:
        """Return one record."""
        with self._database.collection("windows") as collection:
            found = collection.find_one({"_id": f"{version}:{end}"})
        return None if found is None else msgspec.json.decode(found["record"], type=MonitorWindow)

    def latest(self, limit: int) -> list[MonitorWindow]:
        """Return the newest by end, then version, descending."""
        if limit < 1:
            return []
        with self._database.collection("windows") as collection:
            found = list(collection.find().sort(_NEWEST_WINDOW).limit(limit))
        return [msgspec.json.decode(one["record"], type=MonitorWindow) for one in found]


class MongoReports:
    """protocol.ReportStore on the collection `reports`; a compressed report is a tenth of what a document may hold."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, name: str, content: bytes, *, at: int) -> None:
        """Store a report; one with a known name changes nothing."""
        self._database.add_new(
            "reports", [{"_id": name, "at": at, "content": gzip.compress(content, mtime=0)}]
        )

    def get(self, name: str) -> bytes | None:
        """Return a report."""
        with self._database.collection("reports") as collection:
            found = collection.find_one({"_id": name})
        return None if found is None else gzip.decompress(found["content"])

    def names(self, limit: int) -> list[str]:
        """Return the names of the newest by `at`, then name, descending."""
        if limit < 1:
            return []
        with self._database.collection("reports") as collection:
            return [one["_id"] for one in collection.find({}, {"_id": 1}).sort(_NEWEST_REPORT).limit(limit)]

    def drop_before(self, at: int) -> int:
        """Delete the reports from before a time; return how many."""
        with self._database.collection("reports") as collection:
            return collection.delete_many({"at": {"$lt": at}}).deleted_count
