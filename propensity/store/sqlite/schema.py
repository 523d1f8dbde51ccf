"""The tables of the SQLite store, as migrations: `user_version` says how many of them a file has had.

Events are clustered by (user_id, event_time, event_id): one user's history is one range read, and a scan needs no
sorting. `event_ids` makes the ids unique: as an index of the events it would be updated row by row in random order;
as a table of its own a batch is put into it in its order, which is 1.5 times as fast. There is no index by time: it
would halve the speed of an ingest, and its readers (summary, time_at_rank, types_since) read a million events in 0.1 s
without.

A migration is never changed once released: add another.
"""

import sqlite3
from typing import Final

from propensity.errors import StoreUnavailable

MIGRATIONS: Final = (
    (
        """
        CREATE TABLE events (
            event_id TEXT NOT NULL, user_id TEXT NOT NULL, event_type TEXT NOT NULL, event_time INTEGER NOT NULL,
            product_id TEXT, category_id TEXT, price INTEGER, session_id TEXT, ingested_at INTEGER,
            PRIMARY KEY (user_id, event_time, event_id)
        ) WITHOUT ROWID
        """,
        "CREATE TABLE event_ids (event_id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
        """
        CREATE TABLE refused (
            refusal_id TEXT NOT NULL PRIMARY KEY, source TEXT NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL,
            reason TEXT NOT NULL, raw TEXT NOT NULL, user_id TEXT, refused_at INTEGER NOT NULL
        )
        """,
        "CREATE INDEX refused_by_time ON refused (refused_at, refusal_id)",
        "CREATE INDEX refused_by_reason ON refused (reason)",
        """
        CREATE TABLE ingests (
            ingest_id TEXT NOT NULL PRIMARY KEY, finished_at INTEGER NOT NULL, record BLOB NOT NULL
        )
        """,
        "CREATE INDEX ingests_by_time ON ingests (finished_at, ingest_id)",
        """
        CREATE TABLE predictions (
            prediction_id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, predicted_at INTEGER NOT NULL,
            probability REAL NOT NULL, prediction INTEGER NOT NULL, threshold REAL NOT NULL,
            model_version TEXT NOT NULL, features_from TEXT NOT NULL, feature_version INTEGER NOT NULL,
            features BLOB NOT NULL, latency_us INTEGER NOT NULL, pod TEXT NOT NULL, sequence INTEGER NOT NULL,
            boot TEXT NOT NULL, route TEXT NOT NULL
        )
        """,
        "CREATE INDEX predictions_by_time ON predictions (predicted_at, prediction_id)",
        """
        CREATE TABLE scores (
            user_id TEXT NOT NULL, cutoff INTEGER NOT NULL, probability REAL NOT NULL, prediction INTEGER NOT NULL,
            model_version TEXT NOT NULL, feature_version INTEGER NOT NULL, features BLOB NOT NULL,
            PRIMARY KEY (cutoff, user_id)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX scores_by_probability ON scores (cutoff, probability DESC, user_id)",
        "CREATE TABLE bundles (digest TEXT NOT NULL PRIMARY KEY)",
        """
        CREATE TABLE bundle_pieces (
            digest TEXT NOT NULL, name TEXT NOT NULL, piece INTEGER NOT NULL, content BLOB NOT NULL,
            PRIMARY KEY (digest, name, piece)
        )
        """,
        """
        CREATE TABLE ledger (
            sequence INTEGER PRIMARY KEY, kind TEXT NOT NULL, state TEXT NOT NULL, at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL, reason TEXT NOT NULL, subject TEXT, key TEXT UNIQUE,
            evidence BLOB NOT NULL, history BLOB NOT NULL
        )
        """,
        "CREATE INDEX ledger_by_kind ON ledger (kind, sequence)",
        """
        CREATE TABLE champion (
            only_one INTEGER PRIMARY KEY CHECK (only_one = 1), record BLOB NOT NULL
        )
        """,
    ),
    (
        """
        CREATE TABLE outcomes (
            user_id TEXT NOT NULL, cutoff INTEGER NOT NULL, label INTEGER NOT NULL, probability REAL NOT NULL,
            prediction INTEGER NOT NULL, model_version TEXT NOT NULL, joined_at INTEGER NOT NULL,
            corrected_at INTEGER, PRIMARY KEY (cutoff, user_id)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE windows (
            version TEXT NOT NULL, "end" INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY ("end", version)
        ) WITHOUT ROWID
        """,
        "CREATE TABLE reports (name TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL, content BLOB NOT NULL)",
        "CREATE INDEX reports_by_time ON reports (at, name)",
    ),
    (
        """
        CREATE TABLE target_lists (
            list_id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL,
            created_by TEXT NOT NULL, cutoff INTEGER NOT NULL, model_version TEXT NOT NULL, rule TEXT NOT NULL,
            control_share REAL NOT NULL, seed INTEGER NOT NULL, treated INTEGER NOT NULL, control INTEGER NOT NULL,
            expected_buyers REAL NOT NULL
        )
        """,
        "CREATE INDEX target_lists_by_time ON target_lists (created_at, list_id)",
        """
        CREATE TABLE contacts (
            list_id TEXT NOT NULL, user_id TEXT NOT NULL, arm TEXT NOT NULL, probability REAL NOT NULL,
            listed_at INTEGER NOT NULL, PRIMARY KEY (list_id, user_id)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX contacts_by_time ON contacts (arm, listed_at, user_id)",
    ),
    (
        "ALTER TABLE predictions ADD COLUMN arm TEXT",
        """
        CREATE INDEX predictions_by_arm ON predictions (arm, predicted_at, prediction_id, user_id)
        WHERE arm IS NOT NULL
        """,
        """
        CREATE TABLE shadows (
            prediction_id TEXT NOT NULL PRIMARY KEY, user_id TEXT NOT NULL, predicted_at INTEGER NOT NULL,
            probability REAL NOT NULL, prediction INTEGER NOT NULL, threshold REAL NOT NULL,
            model_version TEXT NOT NULL, features_from TEXT NOT NULL, feature_version INTEGER NOT NULL,
            features BLOB NOT NULL, latency_us INTEGER NOT NULL, pod TEXT NOT NULL, sequence INTEGER NOT NULL,
            boot TEXT NOT NULL, route TEXT NOT NULL, arm TEXT
        )
        """,
        "CREATE INDEX shadows_by_time ON shadows (predicted_at, prediction_id)",
        """
        CREATE TABLE experiment (
            only_one INTEGER PRIMARY KEY CHECK (only_one = 1), record BLOB NOT NULL
        )
        """,
        """
        CREATE TABLE trials (
            number INTEGER NOT NULL, boot TEXT NOT NULL, record BLOB NOT NULL, PRIMARY KEY (number, boot)
        ) WITHOUT ROWID
        """,
    ),
    (
        """
        CREATE TABLE forgotten (
            number INTEGER PRIMARY KEY, mark TEXT NOT NULL UNIQUE, at INTEGER NOT NULL
        )
        """,
        "CREATE TABLE forgotten_salt (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), salt BLOB NOT NULL)",
    ),
    ("CREATE INDEX predictions_by_route ON predictions (route, predicted_at, latency_us)",),
    (
        "CREATE TABLE finished_cutoffs (cutoff INTEGER PRIMARY KEY)",
        "INSERT INTO finished_cutoffs SELECT DISTINCT cutoff FROM scores",
    ),
)


def version_of(connection: sqlite3.Connection) -> int:
    """Return how many migrations the file has had; StoreUnavailable where a newer release made it."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise StoreUnavailable(
            f"The store has schema {version}, this release knows {len(MIGRATIONS)}. "
            "Use the release that wrote it, or a newer one."
        )
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest schema; to be called inside a write transaction."""
    for migration in MIGRATIONS[version_of(connection) :]:
        for statement in migration:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
