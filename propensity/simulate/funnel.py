"""What happens within a visit: views, favourites, carts, removals, and the purchase at its end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from propensity.simulate.arrays import Bools, Floats, Ints
from propensity.simulate.catalogue import CHOICES, Catalogue
from propensity.simulate.process import Kind, Process, Visit
from propensity.simulate.visits import Visits

VIEW, FAVORITE, CART, REMOVE, PURCHASE = range(5)
"""Positions in propensity.events.event.EVENT_TYPES."""


@dataclass(frozen=True)
class Clicks:
    """One entry per event in each array."""

    visit: Ints
    """Which of the visits the event belongs to."""
    kind: Ints
    """Position in EVENT_TYPES."""
    time: Ints
    product: Ints

    @classmethod
    def none(cls) -> Self:
        """Return no events."""
        return cls(*(np.zeros(0, dtype=np.int64) for _ in range(4)))

    def with_more(self, more: Self) -> "Clicks":
        """Return these events followed by others."""
        return Clicks(*(np.concatenate(pair) for pair in zip(self._arrays(), more._arrays(), strict=True)))

    def sorted(self) -> "Clicks":
        """Return the events by time, those of one instant by visit and as a visit goes."""
        order = np.lexsort((self.kind, self.visit, self.time))
        return Clicks(*(array[order] for array in self._arrays()))

    def split(self, time: int) -> "tuple[Clicks, Clicks]":
        """Return sorted events before a time, and from it on."""
        first = int(np.searchsorted(self.time, time))
        arrays = self._arrays()
        return Clicks(*(array[:first] for array in arrays)), Clicks(*(array[first:] for array in arrays))

    def _arrays(self) -> tuple[Ints, Ints, Ints, Ints]:
        return self.visit, self.kind, self.time, self.product


@dataclass(frozen=True)
class Part:
    """Events of one kind, before they have a time: `moment` runs from 0, the visit's begin, to 1, its end."""

    kind: int
    visit: Ints
    moment: Floats
    product: Ints


@dataclass(frozen=True)
class Aisle:
    """The visits of one stretch of time with what their users have in mind, and the chance to draw from."""

    kind: Ints
    """What each visit is for, a value of Kind."""
    buys: Bools
    category: Ints
    choices: Ints
    """What each visit's mission has in mind, one row per visit."""
    catalogue: Catalogue
    process: Process
    random: np.random.Generator

    def counts(self, mean: Callable[[Visit], float]) -> Ints:
        """Draw how many events of a kind each visit holds, given the mean for a kind of visit."""
        means = np.array([mean(visit) for visit in self.process.visits])
        return self.random.poisson(means[self.kind]).astype(np.int64)

    def moments(self, count: int, *, begin: float, end: float) -> Floats:
        """Draw moments evenly between two."""
        return self.random.uniform(begin, end, count)

    def products(self, visit: Ints, *, focus: float) -> Ints:
        """Draw products: on a mission one in mind with probability `focus`, else any of the visit's category."""
        other = self.catalogue.draw_products(self.category[visit], random=self.random)
        choice = (CHOICES * self.random.random(len(visit)) ** 2).astype(np.int64)
        focused = (self.kind[visit] != Kind.BROWSING) & (self.random.random(len(visit)) < focus)
        return np.where(focused, self.choices[visit, choice], other)


def draw_clicks(visits: Visits, aisle: Aisle, *, which: slice) -> Clicks:
    """Draw the events of the chosen visits, in no order."""
    purchases = _purchases(aisle)
    carts, removals = _carts(aisle, purchases=purchases)
    parts = (_views(aisle), _favorites(aisle), carts, removals, purchases)
    visit = np.concatenate([part.visit for part in parts])
    kind = np.repeat([part.kind for part in parts], [len(part.visit) for part in parts])
    begin, end = visits.begin[which][visit], visits.end[which][visit]
    moment = np.concatenate([part.moment for part in parts])
    time = begin + ((end - begin) * moment).astype(np.int64)
    product = np.concatenate([part.product for part in parts])
    return Clicks(visit=visit + which.start, kind=kind, time=time, product=product)


def _views(aisle: Aisle) -> Part:
    """Draw views: one at the very begin, and one at the very end unless a purchase stands there."""
    counts = 2 + aisle.counts(lambda visit: visit.views)
    visit = np.repeat(np.arange(len(counts)), counts)
    moment = aisle.moments(len(visit), begin=0.0, end=1.0)
    first = np.cumsum(counts) - counts
    moment[first] = 0.0
    moment[first[~aisle.buys] + 1] = 1.0
    return Part(VIEW, visit, moment, aisle.products(visit, focus=aisle.process.focus))


def _favorites(aisle: Aisle) -> Part:
    counts = aisle.counts(lambda visit: visit.favorites)
    visit = np.repeat(np.arange(len(counts)), counts)
    moment = aisle.moments(len(visit), begin=0.05, end=0.95)
    return Part(FAVORITE, visit, moment, aisle.products(visit, focus=1.0))


def _purchases(aisle: Aisle) -> Part:
    buyers = np.flatnonzero(aisle.buys)
    second = aisle.random.random(len(buyers)) < aisle.process.second_item
    visit = np.repeat(buyers, 1 + second)
    return Part(PURCHASE, visit, np.ones(len(visit)), aisle.products(visit, focus=1.0))


def _carts(aisle: Aisle, *, purchases: Part) -> tuple[Part, Part]:
    """Draw carts, of which some are removed again, and before most purchases the cart of the thing bought."""
    process = aisle.process
    counts = aisle.counts(lambda visit: visit.carts)
    visit = np.repeat(np.arange(len(counts)), counts)
    moment = aisle.moments(len(visit), begin=0.1, end=0.8)
    product = aisle.products(visit, focus=1.0)
    removed = aisle.random.random(len(visit)) < process.removal
    later = moment + (0.97 - moment) * aisle.random.random(len(visit))

    carted = aisle.random.random(len(purchases.visit)) < process.carted_first
    carts = Part(
        CART,
        np.concatenate([visit, purchases.visit[carted]]),
        np.concatenate([moment, aisle.moments(int(carted.sum()), begin=0.1, end=0.9)]),
        np.concatenate([product, purchases.product[carted]]),
    )
    farewell = np.repeat(np.flatnonzero(aisle.kind == Kind.FAREWELL), 2)
    removals = Part(
        REMOVE,
        np.concatenate([visit[removed], farewell]),
        np.concatenate([later[removed], aisle.moments(len(farewell), begin=0.1, end=0.9)]),
        np.concatenate([product[removed], aisle.choices[farewell, np.arange(len(farewell)) % 2]]),
    )
    return carts, removals
