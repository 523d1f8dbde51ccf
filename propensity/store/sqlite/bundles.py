"""Bundles in SQLite: all pieces and the digest in one transaction, so that a bundle is there whole or not at all."""

from propensity.store.batches import pieces
from propensity.store.sqlite.database import Database


class SqliteBundles:
    """protocol.BundleStore on one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, digest: str, files: dict[str, bytes]) -> None:
        """Store a bundle's files; a digest that is there changes nothing."""
        rows = (
            (digest, name, number, piece)
            for name, content in files.items()
            for number, piece in enumerate(pieces(content))
        )
        with self._database.writing() as connection:
            claim = "INSERT INTO bundles (digest) VALUES (?) ON CONFLICT DO NOTHING"
            if connection.execute(claim, (digest,)).rowcount:
                connection.executemany(
                    "INSERT INTO bundle_pieces (digest, name, piece, content) VALUES (?, ?, ?, ?)", rows
                )

    def get(self, digest: str) -> dict[str, bytes] | None:
        """Return the files, or None where the digest is unknown."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT name, content FROM bundle_pieces WHERE digest = ? ORDER BY name, piece", (digest,)
            ).fetchall()
        found: dict[str, list[bytes]] = {}
        for name, content in rows:
            found.setdefault(name, []).append(content)
        return {name: b"".join(parts) for name, parts in found.items()} or None
