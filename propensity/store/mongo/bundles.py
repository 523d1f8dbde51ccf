"""Bundles in MongoDB: pieces first, then the document that makes them a bundle.

A document holds at most 16 MB and nothing spans two of them, so a put that was interrupted leaves pieces nobody
sees, and the same put again completes them.
"""

from typing import Any

from propensity.errors import StoreUnavailable
from propensity.store.batches import pieces
from propensity.store.mongo.database import Database


class MongoBundles:
    """protocol.BundleStore on the collections `bundle_pieces` and `bundles`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, digest: str, files: dict[str, bytes]) -> None:
        """Store a bundle's files; a digest that is there changes nothing."""
        if self._manifest(digest) is not None:
            return
        manifest = []
        for name, content in files.items():
            parts = pieces(content)
            for number, part in enumerate(parts):
                # one at a time: a call's message is bounded too
                piece = {"_id": _piece_id(digest, name, number), "content": part}
                self._database.add_new("bundle_pieces", [piece])
            manifest.append({"name": name, "pieces": len(parts)})
        self._database.add_new("bundles", [{"_id": digest, "files": manifest}])

    def get(self, digest: str) -> dict[str, bytes] | None:
        """Return the files, or None where the digest is unknown."""
        manifest = self._manifest(digest)
        if manifest is None:
            return None
        return {file["name"]: self._content(digest, file["name"], file["pieces"]) for file in manifest}

    def _manifest(self, digest: str) -> list[dict[str, Any]] | None:
        with self._database.collection("bundles") as collection:
            found = collection.find_one({"_id": digest})
        return None if found is None else list(found["files"])

    def _content(self, digest: str, name: str, count: int) -> bytes:
        parts = []
        for number in range(count):
            with self._database.collection("bundle_pieces") as collection:
                found = collection.find_one({"_id": _piece_id(digest, name, number)})
            if found is None:
                raise StoreUnavailable(
                    f"The store has lost a piece of the bundle {digest}. Restore the collection bundle_pieces."
                )
            parts.append(found["content"])
        return b"".join(parts)


def _piece_id(digest: str, name: str, number: int) -> str:
    return f"{digest}/{name}/{number}"
