"""The experiment that is on, in MongoDB: one document, and one for each process that reports on its challenger."""

from typing import Final

import msgspec
from pymongo import ASCENDING

from propensity.store.experiments import Experiment, Trial
from propensity.store.mongo.database import Database
from propensity.store.mongo.documents import from_document

_CURRENT: Final = "current"


class MongoExperiments:
    """protocol.ExperimentStore on the collections `experiment` and `trials`, whose `_id` is `number:boot`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> Experiment | None:
        """Return the experiment that is on."""
        with self._database.collection("experiment") as collection:
            found = collection.find_one({"_id": _CURRENT})
        return None if found is None else from_document(found, Experiment)

    def set_current(self, experiment: Experiment | None) -> None:
        """Overwrite which experiment is on; None for none."""
        with self._database.collection("experiment") as collection:
            if experiment is None:
                collection.delete_one({"_id": _CURRENT})
                return
            document = {**msgspec.structs.asdict(experiment), "_id": _CURRENT}
            collection.replace_one({"_id": _CURRENT}, document, upsert=True)

    def report(self, trial: Trial) -> None:
        """Write or overwrite what a process saw of an experiment."""
        key = f"{trial.number}:{trial.boot}"
        with self._database.collection("trials") as collection:
            collection.replace_one({"_id": key}, {**msgspec.structs.asdict(trial), "_id": key}, upsert=True)

    def trials(self, number: int) -> list[Trial]:
        """Return what all processes saw of an experiment, by boot."""
        with self._database.collection("trials") as collection:
            found = list(collection.find({"number": number}).sort("_id", ASCENDING))
        return [from_document(one, Trial) for one in found]
