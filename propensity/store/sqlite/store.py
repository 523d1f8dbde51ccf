"""The SQLite store put together from its parts, with the record of the champion."""

from pathlib import Path
from typing import Final, Self

import msgspec

from propensity.store.protocol import (
    BundleStore,
    ContactStore,
    EventStore,
    ExperimentStore,
    ForgottenStore,
    IngestStore,
    LedgerStore,
    OutcomeStore,
    PredictionStore,
    RefusedStore,
    ReportStore,
    RetentionStore,
    ScoreStore,
    WindowStore,
)
from propensity.store.records import Champion
from propensity.store.sqlite.answers import SqlitePredictions, SqliteScores
from propensity.store.sqlite.bundles import SqliteBundles
from propensity.store.sqlite.contacts import SqliteContacts
from propensity.store.sqlite.database import Database
from propensity.store.sqlite.erasure import SqliteForgotten
from propensity.store.sqlite.events import SqliteEvents
from propensity.store.sqlite.experiments import SqliteExperiments
from propensity.store.sqlite.findings import SqliteOutcomes, SqliteReports, SqliteWindows
from propensity.store.sqlite.intake import SqliteIngests, SqliteRefused
from propensity.store.sqlite.ledger import SqliteLedger
from propensity.store.sqlite.retention import SqliteRetention

TIMEOUT: Final = 10.0
"""Seconds to wait for other writers; a batch of theirs takes a third of one."""


class SqliteStore:
    """protocol.Store on one file, which several processes may use at once."""

    def __init__(self, path: str | Path, *, timeout: float = TIMEOUT) -> None:
        """Name the file; folder, file and tables are made at the first use."""
        self._database = Database(Path(path), timeout=timeout)
        self.events: EventStore = SqliteEvents(self._database)
        self.refused: RefusedStore = SqliteRefused(self._database)
        self.ingests: IngestStore = SqliteIngests(self._database)
        self.predictions: PredictionStore = SqlitePredictions(self._database)
        self.shadows: PredictionStore = SqlitePredictions(self._database, name="shadows")
        self.scores: ScoreStore = SqliteScores(self._database)
        self.outcomes: OutcomeStore = SqliteOutcomes(self._database)
        self.contacts: ContactStore = SqliteContacts(self._database)
        self.windows: WindowStore = SqliteWindows(self._database)
        self.reports: ReportStore = SqliteReports(self._database)
        self.bundles: BundleStore = SqliteBundles(self._database)
        self.experiments: ExperimentStore = SqliteExperiments(self._database)
        self.ledger: LedgerStore = SqliteLedger(self._database)
        self.forgotten: ForgottenStore = SqliteForgotten(self._database)
        self.retention: RetentionStore = SqliteRetention(self._database)

    def champion(self) -> Champion | None:
        """Return the record of the model in production."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT record FROM champion").fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Champion)

    def set_champion(self, champion: Champion) -> None:
        """Overwrite the record of the model in production."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO champion (only_one, record) VALUES (1, ?)",
                (msgspec.json.encode(champion),),
            )

    def ping(self) -> None:
        """Raise StoreUnavailable unless the store answers a read now."""
        self.champion()

    def close(self) -> None:
        """Close the connections; the store can't be used afterwards."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
