"""The shop: categories of uneven size and popularity, products with prices, and a sale now and then."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from propensity.events.event import DAY
from propensity.simulate.arrays import Floats, Ints

CATEGORIES: Final = 60
PRODUCTS: Final = 3_000
SKEW: Final = 2.5
"""Power of a uniform draw that chooses within a category: a third of it takes about two thirds of the interest."""
CHOICES: Final = 4
"""Products a mission has in mind."""
SALE: Final = 0.85
"""Share of the price that is asked in a product's sale weeks."""
SALE_CYCLE: Final = 17
"""Every product is on sale in one week of so many."""


@dataclass(frozen=True)
class Catalogue:
    """Products are numbered by category: those of one category follow each other."""

    first: Ints
    """First product of each category, and one past the last product."""
    popularity: Floats
    """Cumulated share of interest of the categories."""
    category: Ints
    """Category of each product."""
    price: Ints
    """Minor units, for each product."""

    def draw_categories(self, count: int, *, random: np.random.Generator) -> Ints:
        """Draw categories by their popularity."""
        return np.searchsorted(self.popularity, random.random(count)).astype(np.int64)

    def draw_products(self, categories: Ints, *, random: np.random.Generator) -> Ints:
        """Draw one product of each given category, the popular ones more often."""
        size = self.first[categories + 1] - self.first[categories]
        rank = size * random.random(len(categories)) ** SKEW
        return self.first[categories] + rank.astype(np.int64)

    def prices(self, products: Ints, *, times: Ints) -> Ints:
        """Return what the products cost at these times."""
        on_sale = (products + times // (7 * DAY)) % SALE_CYCLE == 0
        return np.where(on_sale, np.round(self.price[products] * SALE), self.price[products]).astype(np.int64)


def draw_catalogue(random: np.random.Generator) -> Catalogue:
    """Draw the shop."""
    share = random.dirichlet(np.full(CATEGORIES, 2.0))
    sizes = 1 + random.multinomial(PRODUCTS - CATEGORIES, share)
    interest = share * random.lognormal(0.0, 0.5, CATEGORIES)
    popularity = np.cumsum(interest / interest.sum())
    popularity[-1] = 1.0
    category = np.repeat(np.arange(CATEGORIES), sizes)
    level = random.lognormal(3.2, 0.8, CATEGORIES)[category]
    whole = np.maximum(1, np.round(level * random.lognormal(0.0, 0.4, PRODUCTS)))
    return Catalogue(
        first=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        popularity=popularity,
        category=category.astype(np.int64),
        price=(whole * 100 - 1).astype(np.int64),
    )
