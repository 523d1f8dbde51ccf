"""The indexes of the MongoDB store, by collection; made when missing, at a process's first use of the store.

`_id` is always the idempotency key, a string; the fields a read compares for equality come first.
"""

from typing import Any, Final

from pymongo import ASCENDING, DESCENDING, IndexModel
from pymongo.database import Database

BY_USER: Final = [("user_id", ASCENDING), ("event_time", ASCENDING), ("_id", ASCENDING)]

INDEXES: Final[dict[str, list[IndexModel]]] = {
    "events": [
        IndexModel(BY_USER, name="by_user"),
        IndexModel([("event_time", ASCENDING), ("event_type", ASCENDING)], name="by_time"),
    ],
    "refused": [
        IndexModel([("refused_at", DESCENDING), ("_id", DESCENDING)], name="by_time"),
        IndexModel([("reason", ASCENDING)], name="by_reason"),
    ],
    "ingests": [IndexModel([("finished_at", DESCENDING), ("_id", DESCENDING)], name="by_time")],
    "predictions": [
        IndexModel([("predicted_at", DESCENDING), ("_id", DESCENDING)], name="by_time"),
        IndexModel(
            [("route", ASCENDING), ("predicted_at", DESCENDING), ("latency_us", ASCENDING)], name="by_route"
        ),
        IndexModel(
            [("arm", ASCENDING), ("predicted_at", DESCENDING), ("_id", DESCENDING)],
            name="by_arm",
            partialFilterExpression={"arm": {"$exists": True}},
        ),
    ],
    "shadows": [IndexModel([("predicted_at", DESCENDING), ("_id", DESCENDING)], name="by_time")],
    "trials": [IndexModel([("number", ASCENDING), ("_id", ASCENDING)], name="by_number")],
    "finished_cutoffs": [IndexModel([("cutoff", DESCENDING)], name="by_cutoff")],
    "scores": [
        IndexModel(
            [("cutoff", ASCENDING), ("probability", DESCENDING), ("user_id", ASCENDING)],
            name="by_probability",
        ),
    ],
    "outcomes": [IndexModel([("cutoff", ASCENDING)], name="by_cutoff")],
    "target_lists": [IndexModel([("created_at", DESCENDING), ("_id", DESCENDING)], name="by_time")],
    "contacts": [
        IndexModel([("arm", ASCENDING), ("listed_at", ASCENDING), ("user_id", ASCENDING)], name="by_time"),
    ],
    "windows": [IndexModel([("end", DESCENDING), ("version", DESCENDING)], name="by_end")],
    "reports": [IndexModel([("at", DESCENDING), ("_id", DESCENDING)], name="by_time")],
    "ledger": [
        IndexModel([("kind", ASCENDING), ("_id", DESCENDING)], name="by_kind"),
        IndexModel(
            [("key", ASCENDING)],
            name="by_key",
            unique=True,
            partialFilterExpression={"key": {"$exists": True}},
        ),
    ],
}


def ensure(database: Database[dict[str, Any]]) -> None:
    """Make the indexes that are missing; several processes may do so at once."""
    for name, indexes in INDEXES.items():
        database[name].create_indexes(indexes)
