"""A drawn log: its events, and what only the simulator can know, the true probabilities."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from propensity.errors import SettingsError
from propensity.events.event import DAY
from propensity.simulate import output
from propensity.simulate.arrays import Floats, Ints
from propensity.simulate.hidden import Hidden, draw_hidden
from propensity.simulate.log import draw_days, user_ids
from propensity.simulate.process import Kind
from propensity.simulate.scenario import Scenario
from propensity.simulate.truth import no_purchase

ACTIVE: Final = 30 * DAY
"""A user is active, and has a true probability, with an event in this time before the cutoff."""


class Simulation:
    """One scenario's log. What is hidden is drawn at once; events are drawn each time they are asked for, and equal."""

    def __init__(self, scenario: Scenario, *, hidden: Hidden) -> None:
        self.scenario = scenario
        self._hidden = hidden

    def events(self) -> pl.DataFrame:
        """Return all events, sorted by time: columns as in the file, times in microseconds, prices in minor units."""
        return pl.concat(draw_days(self.scenario, self._hidden))

    def write(self, path: Path | str, *, first_days: int | None = None) -> int:
        """Write the log, or its first days only, to a .csv, .csv.gz or .parquet file and return its events.

        Times are UTC (text with microseconds and Z in CSV, a timestamp in Parquet), prices major units, empty where
        unknown. Raise SettingsError for a path that can't be written.
        """
        days = islice(draw_days(self.scenario, self._hidden), first_days)
        return output.write(map(_readable, days), path, digits=2)

    def truth(self, cutoffs: Sequence[int]) -> pl.DataFrame:
        """Return user_id, cutoff and true probability of a purchase in [cutoff, cutoff + 24 h) of all active users.

        Cutoffs are microseconds since the epoch; rows follow their order, then the user's. Raise SettingsError for a
        cutoff before the log's second microsecond or after its end.
        """
        return pl.concat(self._truths(cutoffs))

    def write_truth(self, path: Path | str, cutoffs: Sequence[int]) -> int:
        """Write the truth at some cutoffs to a .csv, .csv.gz or .parquet file and return its rows."""
        return output.write(self._truths(cutoffs), path)

    def _truths(self, cutoffs: Sequence[int]) -> Iterator[pl.DataFrame]:
        if not cutoffs:
            raise SettingsError("No cutoff was given: name at least one instant within the log.")
        begin, end = self.scenario.start_time, self.scenario.end_time
        for cutoff in cutoffs:
            if not begin < cutoff <= end:
                raise SettingsError(
                    f"The cutoff {cutoff} is outside the log: choose from {begin + 1} to {end}."
                )
        return map(self._truth_at, cutoffs)

    def _truth_at(self, cutoff: int) -> pl.DataFrame:
        users = self._active_at(cutoff)
        probability = self._probability_at(cutoff)[users]
        return pl.DataFrame(
            {"user_id": user_ids(users), "cutoff": np.full(len(users), cutoff), "probability": probability},
            schema={"user_id": pl.String(), "cutoff": pl.Int64(), "probability": pl.Float64()},
        )

    def _active_at(self, cutoff: int) -> Ints:
        """Return the users with an event in the 30 days before the cutoff: both ends of a visit are events."""
        visits = self._hidden.visits
        began = visits.between(self.scenario.start_time, cutoff)
        return np.unique(visits.user[began][visits.end[began] >= cutoff - ACTIVE])

    def _probability_at(self, cutoff: int) -> Floats:
        """Return every user's probability of a purchase."""
        hidden = self._hidden
        browsing, mission = no_purchase(cutoff, regimes=hidden.regimes, rhythm=hidden.rhythm)
        tick = hidden.rhythm.shopping_time(cutoff)
        on_mission = hidden.intents.spells.on_mission_at(tick, users=self.scenario.users)

        # A visit under way counts with the intent it began with: a mission that its purchase ended is its outcome.
        visits = hidden.visits
        began = visits.between(self.scenario.start_time, cutoff)
        under_way = np.flatnonzero(visits.end[began] >= cutoff)
        user, kind = visits.user[under_way], visits.kind[under_way]
        on_mission[user] = (kind == Kind.MISSION) | (kind == Kind.OPENING)
        none = np.where(on_mission, mission, browsing)
        rates = hidden.regime_at(cutoff).rates
        none[user] *= 1 - np.select(
            [kind == Kind.BROWSING, kind == Kind.MISSION],
            [rates.browsing_conversion[user], rates.mission_conversion[user]],
            default=0.0,
        )
        return 1 - none


def simulate(scenario: Scenario) -> Simulation:
    """Draw a scenario's log."""
    return Simulation(scenario, hidden=draw_hidden(scenario))


def _readable(events: pl.DataFrame) -> pl.DataFrame:
    """Return events with times and prices as people write them."""
    return events.with_columns(
        pl.from_epoch("event_time", time_unit="us").dt.replace_time_zone("UTC"),
        pl.col("price") / 100,
    )
