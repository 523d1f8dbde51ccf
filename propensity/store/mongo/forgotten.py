"""Who is forgotten, as MongoDB keeps it, and writes that nobody can slip through.

There are no transactions to lean on. Whoever adds looks at the marks before, and again after: a mark that was set in
between is not known to have come before the rows or after them, so the rows are taken out again. A mark set later than
the second look finds the rows there already, and its own search takes them out.
"""

from typing import Any, Final

from pymongo import ASCENDING
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from propensity.store.forgotten import NOBODY, Forgotten, Tombstone, mark_of

Document = dict[str, Any]
COLLECTION: Final = "forgotten"
OF_USERS: Final = frozenset({"refused", "predictions", "shadows", "scores", "outcomes", "contacts"})
"""Collections besides the events whose documents are users'."""
_SALT: Final = "salt"
"""Its document holds the salt and counts the marks."""


class Marks:
    """The marks as they were read last; thread-safe, because what it holds is replaced and never changed."""

    def __init__(self) -> None:
        self._known = NOBODY

    def of(self, database: Database[Document]) -> Forgotten:
        """Return the marks there are; one look-up by key where none is new."""
        kept = database[COLLECTION].find_one({"_id": _SALT})
        if kept is None or not kept["number"]:
            return NOBODY
        known = self._known
        if kept["number"] != known.number:
            marks = database[COLLECTION].find({"at": {"$exists": True}}, {"_id": 1}).sort("_id", ASCENDING)
            known = Forgotten(
                bytes(kept["salt"]), frozenset(one["_id"] for one in marks), int(kept["number"])
            )
            self._known = known
        return known


def add_mark(collection: Collection[Document], user_id: str, *, at: int, salt: bytes) -> Tombstone:
    """Write the mark of a user, and the salt where there is none; the first one stays.

    Counted each time, also where the mark was there: whoever wrote it may have been killed before it counted.
    """
    collection.update_one({"_id": _SALT}, {"$setOnInsert": {"salt": salt, "number": 0}}, upsert=True)
    kept = collection.find_one({"_id": _SALT})
    assert kept is not None, "It was just written."  # noqa: S101
    mark = mark_of(user_id, salt=bytes(kept["salt"]))
    try:
        collection.insert_one({"_id": mark, "at": at})
    except DuplicateKeyError:
        at = int((collection.find_one({"_id": mark}) or {"at": at})["at"])
    collection.update_one({"_id": _SALT}, {"$inc": {"number": 1}})
    return Tombstone(mark=mark, at=at)
