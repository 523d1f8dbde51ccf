"""The constants of the shop and its users: how intents come and go, how often people visit, what a visit holds.

Rates are per day of an average rhythm. They are one declared table so that a reader can see all of what makes the
data, and so that drift is nothing but another table from a day on.
"""

import math
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Final

from propensity.errors import SettingsError

RATES: Final = ("mission_rate", "give_up_rate", "browsing_visits", "mission_visits")
SHARES: Final = ("browsing_conversion", "mission_conversion", "satisfaction", "farewells", "newcomers")


class Kind(IntEnum):
    """What a visit is for."""

    BROWSING = 0
    MISSION = 1
    OPENING = 2
    """The first visit of a mission: it looks around and never buys."""
    FAREWELL = 3
    """The last visit of a mission that is given up: it empties the cart and never buys."""


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What one visit holds on average, besides the two views and the purchase that are drawn apart."""

    views: float
    """Views beyond the first two."""
    favorites: float
    """Favourites."""
    carts: float
    """Things put into the cart that this visit doesn't buy."""
    minutes: float
    """Length of the visit; gamma-distributed with shape 2, whether it ends in a purchase or not."""


@dataclass(frozen=True, kw_only=True)
class Process:
    """Rates and probabilities of a typical user; each user has own ones around them."""

    mission_rate: float = 0.08
    """Missions begun per day of browsing; one in about 12 days for the average user."""
    give_up_rate: float = 0.05
    """Missions given up per day of mission; those without a farewell are a part of the truth that no log shows."""
    browsing_visits: float = 0.45
    """Visits per day while browsing."""
    mission_visits: float = 2.8
    """Visits per day while on a mission: intent shows first in how often one comes."""
    browsing_conversion: float = 0.010
    """Share of browsing visits that end in a purchase; it leaves the intent as it is."""
    mission_conversion: float = 0.21
    """Share of mission visits that end in a purchase: high enough to tell, far from certain."""
    satisfaction: float = 0.98
    """Share of mission purchases that end the mission; the others go on, for something else."""

    activity_spread: float = 1.2
    """Standard deviation of the logarithm of a user's visits: a few users make most of the traffic."""
    eagerness_spread: float = 0.1
    """The same for the missions a user begins, beyond what the activity explains."""
    conversion_spread: float = 0.1
    """The same for the odds that a visit ends in a purchase."""
    newcomers: float = 0.1
    """Share of users who first appear after the log has begun, evenly over its days."""

    browsing: Visit = Visit(views=0.3, favorites=0.02, carts=0.01, minutes=5.0)
    """A visit while browsing."""
    mission: Visit = Visit(views=0.8, favorites=0.8, carts=0.9, minutes=14.0)
    """A visit on a mission: longer, with favourites and carts."""
    opening: Visit = Visit(views=6.0, favorites=2.0, carts=1.2, minutes=18.0)
    """The first visit of a mission, which looks around and never buys: the begin of an intent can be seen."""
    farewell: Visit = Visit(views=0.5, favorites=0.0, carts=0.0, minutes=6.0)
    """The last visit of some missions that are given up, which empties the cart."""
    farewells: float = 0.85
    """Share of missions given up that end with such a visit; the others end in silence."""
    removal: float = 0.25
    """Share of carted things that the same visit removes again."""
    carted_first: float = 0.75
    """Share of purchases carted in the same visit; the others come from an earlier cart or straight from the page."""
    second_item: float = 0.15
    """Share of purchases with a second thing in the same order."""
    focus: float = 0.65
    """Share of a mission's views that look at one of the things in mind."""

    def __post_init__(self) -> None:
        for name in RATES:
            if not 0 < getattr(self, name) < math.inf:
                raise SettingsError(f"{name} is {getattr(self, name)}: choose a rate above 0.")
        for name in SHARES:
            if not 0 <= getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}: choose a share from 0 to below 1.")

    @property
    def visits(self) -> tuple[Visit, Visit, Visit, Visit]:
        """What visits hold, by Kind."""
        return self.browsing, self.mission, self.opening, self.farewell

    def with_drifted_intent(self, strength: float) -> "Process":
        """Fewer and shorter missions that buy less, and more purchases out of the blue: intent tells less."""
        return replace(
            self,
            mission_rate=self.mission_rate * (1 - 0.4 * strength),
            give_up_rate=self.give_up_rate * (1 + 3 * strength),
            mission_conversion=self.mission_conversion * (1 - 0.7 * strength),
            browsing_conversion=self.browsing_conversion * (1 + 3 * strength),
        )

    def with_drifted_mix(self, strength: float) -> "Process":
        """Visits with fewer views and more favourites and carts; nobody buys more or less often for it."""
        return replace(
            self,
            browsing=_shifted(self.browsing, strength=strength),
            mission=_shifted(self.mission, strength=strength),
            opening=_shifted(self.opening, strength=strength),
        )


def _shifted(visit: Visit, *, strength: float) -> Visit:
    return replace(
        visit,
        views=visit.views * (1 - 0.7 * strength),
        favorites=visit.favorites * (1 + 4 * strength),
        carts=visit.carts * (1 + 2 * strength),
    )
