"""Predictions and scores in SQLite: what the model answered, on request and on a schedule."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from typing import Final

from propensity.store.batches import batches
from propensity.store.experiments import Arm
from propensity.store.records import Prediction, Ranked, Score, Timed
from propensity.store.sqlite.database import Database
from propensity.store.sqlite.table import Table

VARIABLES: Final = 500
"""Values bound in one statement: SQLite takes at least 999."""


class SqlitePredictions:
    """protocol.PredictionStore on one file, in the table of that name."""

    def __init__(self, database: Database, *, name: str = "predictions") -> None:
        self._database = database
        self._name = name
        self._table = Table(database, name, Prediction)

    def add(self, predictions: Sequence[Prediction]) -> int:
        """Store predictions; return how many were new."""
        return self._table.add(predictions)

    def latest(self, limit: int) -> list[Prediction]:
        """Return the newest by predicted_at, then prediction_id, descending."""
        return self._table.select("ORDER BY predicted_at DESC, prediction_id DESC LIMIT ?", limit)

    def count(self) -> int:
        """Count them all."""
        with self._database.reading() as connection:
            return int(connection.execute(f"SELECT count(*) FROM {self._name}").fetchone()[0])  # noqa: S608

    def histogram(self, *, since: int, until: int, width: int) -> list[int]:
        """Count answers by stretches of `width` microseconds, from the index by time alone."""
        counts = [0] * -(-(until - since) // width)
        with self._database.reading() as connection:
            rows = connection.execute(
                f"SELECT (predicted_at - ?) / ?, count(*) FROM {self._name} "  # noqa: S608 - our own name
                "WHERE predicted_at >= ? AND predicted_at < ? GROUP BY 1",
                (since, width, since, until),
            ).fetchall()
        for stretch, answers in rows:
            counts[stretch] = answers
        return counts

    def times(self, *, since: int, until: int, width: int, limit: int) -> list[Timed]:
        """Return stretches with their newest single answers: one step down the index by route for each."""
        within = f"FROM {self._name} WHERE route = 'predict' AND predicted_at >= ? AND predicted_at < ?"
        counted = f"SELECT (predicted_at - ?) / ?, count(*) {within} GROUP BY 1 ORDER BY 1"
        newest = f"SELECT latency_us {within} ORDER BY predicted_at DESC LIMIT ?"
        with self._database.reading() as connection:
            stretches = connection.execute(counted, (since, width, since, until)).fetchall()
            found: list[Timed] = []
            for number, answers in stretches:
                first, end = since + number * width, min(until, since + (number + 1) * width)
                rows = connection.execute(newest, (first, end, limit)).fetchall()
                found.append(Timed(first, answers, [row[0] for row in rows]))
        return found

    def of_arm(self, arm: Arm, *, since: int, limit: int) -> list[Prediction]:
        """Return the newest of an arm, from the index that holds experiments' answers alone."""
        return self._table.select(
            "WHERE arm = ? AND predicted_at >= ? ORDER BY predicted_at DESC, prediction_id DESC LIMIT ?",
            arm,
            since,
            limit,
        )

    def first_answers(self, arm: Arm, *, since: int, until: int) -> dict[str, int]:
        """Return when each user of an arm was first answered."""
        statement = (
            f"SELECT user_id, min(predicted_at) FROM {self._name} "  # noqa: S608 - our own name
            "WHERE arm = ? AND predicted_at >= ? AND predicted_at < ? GROUP BY user_id"
        )
        with self._database.reading() as connection:
            return dict(connection.execute(statement, (arm, since, until)).fetchall())


class SqliteScores:
    """protocol.ScoreStore on one file."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._table = Table(database, "scores", Score)

    def add(self, scores: Iterable[Score]) -> int:
        """Store scores; return how many were new."""
        return self._table.add(scores)

    def cutoffs(self, limit: int) -> list[int]:
        """Return the newest cutoffs that have scores, descending: one step down the index for each."""
        found: list[int] = []
        below = 2**63 - 1
        with self._database.reading() as connection:
            while len(found) < limit:
                row = connection.execute(
                    "SELECT max(cutoff) FROM scores WHERE cutoff < ?", (below,)
                ).fetchone()
                if row[0] is None:
                    break
                below = int(row[0])
                found.append(below)
        return found

    def finish(self, cutoff: int) -> None:
        """Say that everybody active at a cutoff is scored."""
        with self._database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO finished_cutoffs (cutoff) VALUES (?)", (cutoff,))

    def finished(self, limit: int) -> list[int]:
        """Return the newest cutoffs of which that was said, descending."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT cutoff FROM finished_cutoffs ORDER BY cutoff DESC LIMIT ?", (limit,)
            ).fetchall()
        return [int(row[0]) for row in rows]

    def top(self, cutoff: int, limit: int) -> list[Score]:
        """Return the scores of a cutoff by probability descending, then user_id ascending."""
        return self._table.select(
            "WHERE cutoff = ? ORDER BY probability DESC, user_id LIMIT ?", cutoff, limit
        )

    def ranked(self, cutoff: int, *, chunk_rows: int = 50_000) -> Iterator[list[Ranked]]:
        """Yield users and probabilities, best first, in chunks."""
        statement = (
            "SELECT user_id, probability FROM scores WHERE cutoff = ? ORDER BY probability DESC, user_id"
        )
        with (
            self._database.reading() as connection,
            closing(connection.execute(statement, (cutoff,))) as cursor,
        ):
            while block := cursor.fetchmany(chunk_rows):
                yield list(map(Ranked._make, block))

    def scan(self, cutoff: int, *, chunk_rows: int = 50_000) -> Iterator[list[Score]]:
        """Yield a cutoff's scores by user, in chunks."""
        return self._table.chunks("WHERE cutoff = ? ORDER BY user_id", cutoff, rows=chunk_rows)

    def count(self, cutoff: int) -> int:
        """Count the users scored at a cutoff."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT count(*) FROM scores WHERE cutoff = ?", (cutoff,)).fetchone()
        return int(row[0])

    def of_users(self, cutoff: int, user_ids: Sequence[str]) -> list[Score]:
        """Return the scores of some users, by user."""
        found: list[Score] = []
        for part in batches(sorted(set(user_ids)), VARIABLES):
            marks = ", ".join("?" * len(part))
            found += self._table.select(
                f"WHERE cutoff = ? AND user_id IN ({marks}) ORDER BY user_id", cutoff, *part
            )
        return found

    def tally(self, cutoff: int, edges: Sequence[float]) -> list[int]:
        """Count users between edges: one stretch of the index by probability for each."""
        statement = "SELECT count(*) FROM scores WHERE cutoff = ? AND probability >= ? AND probability < ?"
        with self._database.reading() as connection:
            return [
                int(connection.execute(statement, (cutoff, first, end)).fetchone()[0])
                for first, end in pairwise((*edges, math.inf))
            ]
