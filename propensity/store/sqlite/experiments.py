"""The experiment that is on, in SQLite: one row, and one for each process that reports on its challenger."""

import msgspec

from propensity.store.experiments import Experiment, Trial
from propensity.store.sqlite.database import Database


class SqliteExperiments:
    """protocol.ExperimentStore on one file."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def current(self) -> Experiment | None:
        """Return the experiment that is on."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT record FROM experiment").fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Experiment)

    def set_current(self, experiment: Experiment | None) -> None:
        """Overwrite which experiment is on; None for none."""
        with self._database.writing() as connection:
            if experiment is None:
                connection.execute("DELETE FROM experiment")
                return
            connection.execute(
                "INSERT OR REPLACE INTO experiment (only_one, record) VALUES (1, ?)",
                (msgspec.json.encode(experiment),),
            )

    def report(self, trial: Trial) -> None:
        """Write or overwrite what a process saw of an experiment."""
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO trials (number, boot, record) VALUES (?, ?, ?)",
                (trial.number, trial.boot, msgspec.json.encode(trial)),
            )

    def trials(self, number: int) -> list[Trial]:
        """Return what all processes saw of an experiment, by boot."""
        with self._database.reading() as connection:
            rows = connection.execute(
                "SELECT record FROM trials WHERE number = ? ORDER BY boot", (number,)
            ).fetchall()
        return [msgspec.json.decode(record, type=Trial) for (record,) in rows]
