"""Predictions and scores in MongoDB: what the model answered, on request and on a schedule."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from typing import Any, Final

import msgspec
from pymongo import ASCENDING, DESCENDING

from propensity.store.batches import batches
from propensity.store.experiments import Arm
from propensity.store.mongo.database import Database
from propensity.store.mongo.documents import from_document, to_document
from propensity.store.records import Prediction, Ranked, Score, Timed

_KEY: Final = "prediction_id"
_FINISHED: Final = "finished_cutoffs"
_NEWEST: Final = [("predicted_at", DESCENDING), ("_id", DESCENDING)]
_BEST: Final = [("probability", DESCENDING), ("user_id", ASCENDING)]

KEYS: Final = 1_000
"""Keys looked up in one question."""


def of_cutoff(cutoff: int) -> dict[str, dict[str, str]]:
    """Return what finds the documents whose `_id` is `cutoff:user_id`, in the order of the users."""
    return {"_id": {"$gte": f"{cutoff}:", "$lt": f"{cutoff};"}}  # the character after the colon


class MongoPredictions:
    """protocol.PredictionStore on the collection of that name."""

    def __init__(self, database: Database, *, name: str = "predictions") -> None:
        self._database = database
        self._name = name

    def add(self, predictions: Sequence[Prediction]) -> int:
        """Store predictions; return how many were new."""
        return self._database.add_new(self._name, (to_document(one, key=_KEY) for one in predictions))

    def latest(self, limit: int) -> list[Prediction]:
        """Return the newest by predicted_at, then prediction_id, descending."""
        if limit < 1:
            return []
        with self._database.collection(self._name) as collection:
            found = list(collection.find().sort(_NEWEST).limit(limit))
        return [from_document(one, Prediction, key=_KEY) for one in found]

    def count(self) -> int:
        """Count them all."""
        with self._database.collection(self._name) as collection:
            return collection.count_documents({})

    def histogram(self, *, since: int, until: int, width: int) -> list[int]:
        """Count answers by stretches of `width` microseconds: a stretch of the index by time for each."""
        edges = [*range(since, until, width), until]
        with self._database.collection(self._name) as collection:
            return [
                collection.count_documents({"predicted_at": {"$gte": first, "$lt": end}})
                for first, end in pairwise(edges)
            ]

    def times(self, *, since: int, until: int, width: int, limit: int) -> list[Timed]:
        """Return stretches with their newest single answers: a stretch of the index by route for each."""
        found: list[Timed] = []
        with self._database.collection(self._name) as collection:
            for first, end in pairwise([*range(since, until, width), until]):
                where = {"route": "predict", "predicted_at": {"$gte": first, "$lt": end}}
                if answers := collection.count_documents(where):
                    newest = collection.find(where, {"_id": 0, "latency_us": 1})
                    rows = newest.sort("predicted_at", DESCENDING).limit(limit)
                    found.append(Timed(first, answers, [one["latency_us"] for one in rows]))
        return found

    def of_arm(self, arm: Arm, *, since: int, limit: int) -> list[Prediction]:
        """Return the newest of an arm, from the index that holds experiments' answers alone."""
        if limit < 1:
            return []
        where = {"arm": arm, "predicted_at": {"$gte": since}}
        with self._database.collection(self._name) as collection:
            found = list(collection.find(where).sort(_NEWEST).limit(limit))
        return [from_document(one, Prediction, key=_KEY) for one in found]

    def first_answers(self, arm: Arm, *, since: int, until: int) -> dict[str, int]:
        """Return when each user of an arm was first answered."""
        stages: list[dict[str, Any]] = [
            {"$match": {"arm": arm, "predicted_at": {"$gte": since, "$lt": until}}},
            {"$group": {"_id": "$user_id", "first": {"$min": "$predicted_at"}}},
        ]
        with self._database.collection(self._name) as collection:
            return {one["_id"]: int(one["first"]) for one in collection.aggregate(stages)}


class MongoScores:
    """protocol.ScoreStore on the collection `scores`; `_id` is `cutoff:user_id`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, scores: Iterable[Score]) -> int:
        """Store scores; return how many were new."""
        documents = ({"_id": f"{one.cutoff}:{one.user_id}", **msgspec.structs.asdict(one)} for one in scores)
        return self._database.add_new("scores", documents)

    def cutoffs(self, limit: int) -> list[int]:
        """Return the newest cutoffs that have scores, descending: one step down the index for each."""
        found: list[int] = []
        with self._database.collection("scores") as collection:
            while len(found) < limit:
                where = {"cutoff": {"$lt": found[-1]}} if found else {}
                newest = collection.find_one(where, {"cutoff": 1}, sort=[("cutoff", DESCENDING)])
                if newest is None:
                    break
                found.append(int(newest["cutoff"]))
        return found

    def finish(self, cutoff: int) -> None:
        """Say that everybody active at a cutoff is scored."""
        with self._database.collection(_FINISHED) as collection:
            collection.replace_one({"_id": str(cutoff)}, {"cutoff": cutoff}, upsert=True)

    def finished(self, limit: int) -> list[int]:
        """Return the newest cutoffs of which that was said, descending."""
        if limit < 1:
            return []
        with self._database.collection(_FINISHED) as collection:
            found = collection.find().sort("cutoff", DESCENDING).limit(limit)
            return [int(one["cutoff"]) for one in found]

    def top(self, cutoff: int, limit: int) -> list[Score]:
        """Return the scores of a cutoff by probability descending, then user_id ascending."""
        if limit < 1:
            return []
        with self._database.collection("scores") as collection:
            found = list(collection.find({"cutoff": cutoff}).sort(_BEST).limit(limit))
        return [from_document(one, Score) for one in found]

    def ranked(self, cutoff: int, *, chunk_rows: int = 50_000) -> Iterator[list[Ranked]]:
        """Yield users and probabilities, best first, in chunks."""
        wanted = {"_id": 0, "user_id": 1, "probability": 1}
        with (
            self._database.collection("scores") as collection,
            closing(collection.find({"cutoff": cutoff}, wanted).sort(_BEST)) as cursor,
        ):
            yield from batches((Ranked(one["user_id"], one["probability"]) for one in cursor), chunk_rows)

    def scan(self, cutoff: int, *, chunk_rows: int = 50_000) -> Iterator[list[Score]]:
        """Yield a cutoff's scores by user, in chunks."""
        with (
            self._database.collection("scores") as collection,
            closing(collection.find(of_cutoff(cutoff)).sort("_id", ASCENDING)) as cursor,
        ):
            yield from batches((from_document(one, Score) for one in cursor), chunk_rows)

    def count(self, cutoff: int) -> int:
        """Count the users scored at a cutoff."""
        with self._database.collection("scores") as collection:
            return collection.count_documents({"cutoff": cutoff})

    def of_users(self, cutoff: int, user_ids: Sequence[str]) -> list[Score]:
        """Return the scores of some users, by user."""
        found: list[Score] = []
        with self._database.collection("scores") as collection:
            for part in batches(sorted(set(user_ids), key=str.encode), KEYS):
                keys = [f"{cutoff}:{user_id}" for user_id in part]
                documents = collection.find({"_id": {"$in": keys}}).sort("_id", ASCENDING)
                found += [from_document(one, Score) for one in documents]
        return found

    def tally(self, cutoff: int, edges: Sequence[float]) -> list[int]:
        """Count users between edges: one stretch of the index by probability for each."""
        with self._database.collection("scores") as collection:
            return [
                collection.count_documents({"cutoff": cutoff, "probability": {"$gte": first, "$lt": end}})
                for first, end in pairwise((*edges, math.inf))
            ]
