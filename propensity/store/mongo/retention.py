"""Drops what is too old from MongoDB, a bounded number of documents in a call; by an index with the time in it.

No TTL indexes: they know no time but the server's clock, and would take the days that the newest model needs from a shop
whose feed has stopped.
"""

from typing import Any, Final

from propensity.store.batches import batches
from propensity.store.mongo.database import Database
from propensity.store.retention import TIMES, Kept

KEYS: Final = 1_000
_FIRST: Final[dict[str, dict[str, Any]]] = {"contacts": {"arm": {"$in": ["control", "treated"]}}}
"""What stands before the time in the index."""


class MongoRetention:
    """protocol.RetentionStore on the collections."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def drop(self, kept: Kept, *, before: int, limit: int) -> int:
        """Delete at most `limit` documents from before a time."""
        where = {**_FIRST.get(kept, {}), TIMES[kept]: {"$lt": before}}
        with self._database.collection(kept) as collection:
            keys = [one["_id"] for one in collection.find(where, {"_id": 1}).limit(limit)]
            return sum(
                collection.delete_many({"_id": {"$in": part}}).deleted_count for part in batches(keys, KEYS)
            )
