"""The MongoDB store put together from its parts, with the record of the champion."""

from typing import Final, Self

import msgspec

from propensity.store.mongo.answers import MongoPredictions, MongoScores
from propensity.store.mongo.bundles import MongoBundles
from propensity.store.mongo.contacts import MongoContacts
from propensity.store.mongo.database import Database
from propensity.store.mongo.documents import from_document
from propensity.store.mongo.erasure import MongoForgotten
from propensity.store.mongo.events import MongoEvents
from propensity.store.mongo.experiments import MongoExperiments
from propensity.store.mongo.findings import MongoOutcomes, MongoReports, MongoWindows
from propensity.store.mongo.intake import MongoIngests, MongoRefused
from propensity.store.mongo.ledger import MongoLedger
from propensity.store.mongo.retention import MongoRetention
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

_CHAMPION: Final = "production"


class MongoStore:
    """protocol.Store on one MongoDB database."""

    def __init__(self, uri: str, *, timeout: float | None = None) -> None:
        """Name the database; collections and indexes are made at the first use."""
        self._database = Database(uri, timeout=timeout)
        self.events: EventStore = MongoEvents(self._database)
        self.refused: RefusedStore = MongoRefused(self._database)
        self.ingests: IngestStore = MongoIngests(self._database)
        self.predictions: PredictionStore = MongoPredictions(self._database)
        self.shadows: PredictionStore = MongoPredictions(self._database, name="shadows")
        self.scores: ScoreStore = MongoScores(self._database)
        self.outcomes: OutcomeStore = MongoOutcomes(self._database)
        self.contacts: ContactStore = MongoContacts(self._database)
        self.windows: WindowStore = MongoWindows(self._database)
        self.reports: ReportStore = MongoReports(self._database)
        self.bundles: BundleStore = MongoBundles(self._database)
        self.experiments: ExperimentStore = MongoExperiments(self._database)
        self.ledger: LedgerStore = MongoLedger(self._database)
        self.forgotten: ForgottenStore = MongoForgotten(self._database)
        self.retention: RetentionStore = MongoRetention(self._database)

    def champion(self) -> Champion | None:
        """Return the record of the model in production."""
        with self._database.collection("champion") as collection:
            found = collection.find_one({"_id": _CHAMPION})
        return None if found is None else from_document(found, Champion)

    def set_champion(self, champion: Champion) -> None:
        """Overwrite the record of the model in production."""
        document = {**msgspec.structs.asdict(champion), "_id": _CHAMPION}
        with self._database.collection("champion") as collection:
            collection.replace_one({"_id": _CHAMPION}, document, upsert=True)

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
