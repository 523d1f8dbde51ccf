"""Events in MongoDB: inserted first and compared only where an id was there; read along (user_id, event_time, _id)."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection

from propensity.events import Event
from propensity.events.text import END, FIELDS
from propensity.store.batches import EVERYONE, batches, equal_ranges, texts, whole_users
from propensity.store.mongo.database import BATCH, Database, Document, insert
from propensity.store.mongo.documents import event_document, event_of, text_of
from propensity.store.mongo.indexes import BY_USER
from propensity.store.records import Added, EventSummary, EventText, UserRange

LOOKUP: Final = 500
"""Ids asked for in one query; longer lists gain nothing."""
_NEWEST: Final = [("event_time", DESCENDING), ("_id", DESCENDING)]


class MongoEvents:
    """protocol.EventStore on the collection `events`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, events: Iterable[Event]) -> Added:
        """Store events durably; see protocol."""
        inserted, unchanged, conflicts, forgotten = 0, 0, list[Event](), list[Event]()
        for batch in batches(events, BATCH):
            marks = self._database.forgotten()
            kept, gone = marks.events(batch)
            added = self._add(kept) if kept else Added(0, 0, [])
            if self._database.forgotten().number != marks.number:
                added, gone = self._take_out(kept, gone, added)
            inserted += added.inserted
            unchanged += added.unchanged
            conflicts += added.conflicts
            forgotten += gone
        return Added(inserted, unchanged, conflicts, tuple(forgotten))

    def _add(self, batch: list[Event]) -> Added:
        with self._database.collection("events") as collection:
            known = insert(collection, [event_document(event) for event in batch])
            others = _conflicts(collection, [batch[position] for position in known])
        return Added(len(batch) - len(known), len(known) - len(others), others)

    def _take_out(self, written: list[Event], gone: list[Event], added: Added) -> tuple[Added, list[Event]]:
        """Delete the events just written whose users were forgotten meanwhile."""
        _, late = self._database.forgotten().events(written)
        conflicts = [event for event in added.conflicts if event not in late]
        keys = [event.event_id for event in late if event not in added.conflicts]
        with self._database.collection("events") as collection:
            for part in batches(keys, LOOKUP):
                collection.delete_many({"_id": {"$in": part}})
        inserted = max(0, added.inserted - len(keys))
        return Added(inserted, added.unchanged, conflicts), [*gone, *late]

    def conflicting(self, events: Iterable[Event]) -> list[Event]:
        """Return those of the events whose id is stored with other content; see protocol."""
        with self._database.collection("events") as collection:
            return [event for batch in batches(events, BATCH) for event in _conflicts(collection, batch)]

    def of_user(self, user_id: str, *, since: int, until: int, lag: int, limit: int) -> list[Event]:
        """Return one user's events known at `until`, newest first."""
        if limit < 1:
            return []
        known = [
            {"ingested_at": {"$lte": until}},
            {"ingested_at": {"$exists": False}, "event_time": {"$lte": until - lag}},
        ]
        where = {"user_id": user_id, "event_time": {"$gte": since, "$lt": until}, "$or": known}
        with self._database.collection("events") as collection:
            return [event_of(found) for found in collection.find(where).sort(_NEWEST).limit(limit)]

    def knows(self, user_id: str) -> bool:
        """Whether any event of this user is stored."""
        with self._database.collection("events") as collection:
            return collection.find_one({"user_id": user_id}, {"_id": 1}) is not None

    def scan(
        self,
        *,
        since: int,
        until: int,
        users: UserRange = EVERYONE,
        event_type: str | None = None,
        chunk_rows: int = 200_000,
    ) -> Iterator[list[Event]]:
        """Yield events by user and time in chunks of whole users."""
        where: dict[str, Any] = {"event_time": {"$gte": since, "$lt": until}, **_within(users)}
        if event_type is not None:
            where["event_type"] = event_type
        return whole_users(batches(self._found(where), chunk_rows))

    def scan_text(
        self, *, since: int, until: int, users: UserRange = EVERYONE, chunk_rows: int = 200_000
    ) -> Iterator[EventText]:
        """Yield events as text in chunks of whole users; the index passes over what is outside the window."""
        where: dict[str, Any] = {"event_time": {"$gte": since, "$lt": until}, **_within(users)}
        found = groupby(self._documents(where, dict.fromkeys(FIELDS, 1)), key=itemgetter("user_id"))
        return texts((END.join(map(text_of, documents)) for _, documents in found), chunk_rows=chunk_rows)

    def user_ranges(self, count: int) -> list[UserRange]:
        """Split all users into at most `count` ranges holding about as many events each."""
        total = self.summary().events
        sizes: list[Document] = [
            {"$group": {"_id": "$user_id", "events": {"$sum": 1}}},
            {"$sort": {"_id": 1}},
        ]
        with self._database.collection("events") as collection:
            found = collection.aggregate(sizes, allowDiskUse=True)
            return equal_ranges(((one["_id"], one["events"]) for one in found), total=total, count=count)

    def summary(self) -> EventSummary:
        """Count the events and say what time they span."""
        first, last = self.time_at_rank(0), self.time_at_rank(0, newest=True)
        if first is None:
            return EventSummary(0, None, None)
        with self._database.collection("events") as collection:
            # the count in the collection's metadata: counting one by one takes minutes where events are many
            return EventSummary(collection.estimated_document_count(), first, last)

    def time_at_rank(self, rank: int, *, newest: bool = False) -> int | None:
        """Return the event_time with `rank` events before it, or after it."""
        order = [("event_time", DESCENDING if newest else ASCENDING)]
        with self._database.collection("events") as collection:
            found = collection.find_one({}, {"_id": 0, "event_time": 1}, sort=order, skip=rank)
        return None if found is None else int(found["event_time"])

    def count_before(self, time: int) -> int:
        """Count the events with event_time < time."""
        with self._database.collection("events") as collection:
            return collection.count_documents({"event_time": {"$lt": time}})

    def types_since(self, since: int) -> dict[str, int]:
        """Count events by type with event_time >= since."""
        counting: list[Document] = [
            {"$match": {"event_time": {"$gte": since}}},
            {"$group": {"_id": "$event_type", "events": {"$sum": 1}}},
        ]
        with self._database.collection("events") as collection:
            return {one["_id"]: int(one["events"]) for one in collection.aggregate(counting)}

    def histogram(self, *, since: int, until: int, width: int) -> list[int]:
        """Count events by stretches of `width` microseconds: one step along the index by time for each."""
        edges = [*range(since, until, width), until]
        with self._database.collection("events") as collection:
            return [
                collection.count_documents({"event_time": {"$gte": first, "$lt": end}})
                for first, end in pairwise(edges)
            ]

    def _found(self, where: dict[str, Any]) -> Iterator[Event]:
        return map(event_of, self._documents(where))

    def _documents(self, where: dict[str, Any], fields: dict[str, int] | None = None) -> Iterator[Document]:
        with (
            self._database.collection("events") as collection,
            # without the hint a planner may choose the index by time and sort millions of events in memory
            closing(collection.find(where, fields).sort(BY_USER).hint("by_user").batch_size(BATCH)) as cursor,
        ):
            yield from cursor


def _conflicts(collection: Collection[Document], events: list[Event]) -> list[Event]:
    """Return those of the events that are stored with other content."""
    stored: dict[str, tuple[str | int | None, ...]] = {}
    for ids in batches({event.event_id for event in events}, LOOKUP):
        stored |= {one["_id"]: event_of(one).content for one in collection.find({"_id": {"$in": ids}})}
    return [event for event in events if stored.get(event.event_id, event.content) != event.content]


def _within(users: UserRange) -> dict[str, dict[str, str]]:
    bounds = {"$gte": users.first, "$lt": users.end}
    given = {operator: user_id for operator, user_id in bounds.items() if user_id is not None}
    return {"user_id": given} if given else {}
