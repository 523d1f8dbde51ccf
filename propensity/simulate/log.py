"""The visible log: events drawn day by day, so that memory holds the visits and one day's events."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from propensity.events.event import DAY, EVENT_TYPES
from propensity.simulate.arrays import Ints
from propensity.simulate.funnel import FAVORITE, Aisle, Clicks, draw_clicks
from propensity.simulate.hidden import Hidden, Stage, stream
from propensity.simulate.process import Kind
from propensity.simulate.scenario import Scenario

SCHEMA: Final = pl.Schema(
    {
        "event_id": pl.String(),
        "user_id": pl.String(),
        "event_type": pl.String(),
        "event_time": pl.Int64(),
        "product_id": pl.String(),
        "category_id": pl.String(),
        "price": pl.Int64(),
        "session_id": pl.String(),
    }
)
"""Columns of the log; times in microseconds since the epoch, prices in minor units."""


def draw_days(scenario: Scenario, hidden: Hidden) -> Iterator[pl.DataFrame]:
    """Yield the log day by day, sorted by time; events of a visit over midnight come with their own day."""
    written = 0
    late = Clicks.none()
    for day in range(scenario.days):
        begin = scenario.start_time + day * DAY
        clicks = late.with_more(_draw_day(scenario, hidden, day=day)).sorted()
        today, late = clicks.split(begin + DAY)
        yield _frame(today, hidden=hidden, written=written)
        written += len(today.time)


def user_ids(users: Ints) -> pl.Series:
    """Return the ids of users by their numbers."""
    return _ids("u", users, width=7)


def _draw_day(scenario: Scenario, hidden: Hidden, *, day: int) -> Clicks:
    """Draw all events of the visits that begin on a day."""
    begin = scenario.start_time + day * DAY
    visits = hidden.visits
    which = visits.between(begin, begin + DAY)
    random = stream(scenario.seed, Stage.CLICKS, day)
    kind, spell = visits.kind[which], visits.spell[which]
    strolling = hidden.catalogue.draw_categories(len(spell), random=random)
    aisle = Aisle(
        kind=kind,
        buys=visits.buys[which],
        category=np.where(kind != Kind.BROWSING, hidden.intents.category[spell], strolling),
        choices=hidden.intents.choices[spell],
        catalogue=hidden.catalogue,
        process=hidden.regime_at(begin).process,
        random=random,
    )
    return draw_clicks(visits, aisle, which=which)


def _frame(clicks: Clicks, *, hidden: Hidden, written: int) -> pl.DataFrame:
    """Return events as a frame; `written` events came before them."""
    prices = pl.Series(hidden.catalogue.prices(clicks.product, times=clicks.time))
    return pl.DataFrame(
        {
            "event_id": _ids("e", np.arange(written, written + len(clicks.time)), width=9),
            "user_id": user_ids(hidden.visits.user[clicks.visit]),
            "event_type": pl.Series(EVENT_TYPES).gather(clicks.kind),
            "event_time": clicks.time,
            "product_id": _ids("p", clicks.product, width=5),
            "category_id": _ids("c", hidden.catalogue.category[clicks.product], width=3),
            # A favourite button sends no price: readers of the log must live with a missing one.
            "price": prices.set(pl.Series(clicks.kind == FAVORITE), None),
            "session_id": _ids("s", clicks.visit, width=8),
        },
        schema=SCHEMA,
    )


def _ids(prefix: str, numbers: Ints, *, width: int) -> pl.Series:
    return prefix + pl.Series(numbers, dtype=pl.Int64).cast(pl.String).str.zfill(width)
