"""Exact Shapley values of trees: what each feature adds to the raw output, as TreeSHAP defines it.

The game is that of Lundberg et al. 2020 (Nature Machine Intelligence 2:56-67), "path-dependent": a feature that is not
known lets a row take both branches, in proportion to the training rows that did. A leaf with value v then gives

    v * product over its path's features of (o if known else z),    o = 1 where the row satisfies what the path asks,
                                                                    z = share of the training rows that did

and a feature's Shapley value in it is v (o - z) times an integral over t from 0 to 1 of the product of
t o + (1 - t) z over the path's other features (Owen 1972, Management Science 18:64-79). That is a polynomial in t
whose degree is below the depth, so Gauss-Legendre quadrature with half as many nodes gives it exactly, up to rounding;
all terms are positive, so nothing cancels. The products are shared along the paths, as in Linear TreeSHAP (Yu et al.
2022): down the tree they are multiplied up, and the leaves' shares of them are summed on the way back.

On an edge a row is in one of three states: it satisfies what the path asks of the feature up to here; it did so until
this edge; or it did not even above. What the edge multiplies by, and how much the feature gains by it, is worked out
for each state when the model is read, so that an explanation is little more than looking things up.
"""

import numpy as np
from numpy.typing import NDArray

from propensity.explanation.forest import Floats, Forest, Places


class Shapley:
    """Explains rows by a forest; thread-safe. Holds 300 bytes for each node of a forest twelve deep."""

    def __init__(self, forest: Forest) -> None:
        """Work out the tables."""
        self._forest = forest
        self.base = forest.base
        self._factors, self._gains = _tables(forest)
        starts = [level.start for level in forest.levels] + [len(forest.value)]
        self._edges = np.searchsorted(forest.branches, starts).tolist()

    def contributions(self, rows: NDArray[np.float32]) -> tuple[Floats, Floats]:
        """Return each feature's contribution, shape (n, features), and the raw outputs, shape (n,)."""
        added = np.empty(rows.shape)
        raw = np.empty(len(rows))
        for place, row in enumerate(rows):
            states, raw[place] = self._walk(row)
            added[place] = self._explain(states, features=len(row))
        return added, raw

    def _walk(self, row: NDArray[np.float32]) -> tuple[Places, float]:
        """Return where each edge's state stands in the tables, and the raw output."""
        forest, roots = self._forest, self._forest.levels[0].stop
        count = len(forest.value)
        satisfied = np.ones(count, dtype=np.bool_)
        yes = row[forest.asked] <= forest.threshold
        satisfied[roots::2], satisfied[roots + 1 :: 2] = yes, ~yes
        reached = satisfied.copy()
        for level in forest.levels[1:]:
            satisfied[level] &= satisfied[forest.above[level]]
            reached[level] &= reached[forest.parent[level]]
        states = 2 - satisfied.astype(np.intp) - satisfied[forest.above]
        return states * count + np.arange(count), forest.offset + float(forest.value[reached].sum())

    def _explain(self, states: Places, *, features: int) -> Floats:
        """Multiply down the paths, sum up beneath each edge, and give its feature what it gains there."""
        forest, roots = self._forest, self._forest.levels[0].stop
        product = self._factors.take(states, axis=0)
        for level in forest.levels[1:]:
            product[level] *= product.take(forest.parent[level], axis=0)
        for depth in range(len(forest.levels) - 2, -1, -1):
            first, last = self._edges[depth], self._edges[depth + 1]
            children = slice(roots + 2 * first, roots + 2 * last)
            product[forest.branches[first:last]] = product[children][::2] + product[children][1::2]
        gained = np.einsum("nq,nq->n", product, self._gains.take(states, axis=0))
        added: Floats = np.bincount(forest.feature, weights=gained, minlength=features).astype(np.float64)
        return added


def _tables(forest: Forest) -> tuple[Floats, Floats]:
    """Return factor and gain by state, node and point of the quadrature, shape (3 x nodes, points); leaves hold their value.

    With z the share at an edge and a that of the edge above, a factor is f(z)/f(a), where f is t + (1 - t) z in the
    first state and (1 - t) z in the others; a gain is h(z) - h(a), where h is (o - z)/f.
    """
    points, weights = np.polynomial.legendre.leggauss(max(1, (forest.depth + 1) // 2))
    known = (points + 1) / 2
    unknown = 1 - known
    share = forest.share[:, None]
    kept, lost = known + unknown * share, unknown * share
    kept_gain, lost_gain = (1 - share) / kept, -1 / unknown
    over, nothing = kept[forest.above], np.zeros_like(kept)
    factors = np.stack([kept / over, lost / over, lost / lost[forest.above]])
    gains = np.stack([kept_gain - kept_gain[forest.above], lost_gain - kept_gain[forest.above], nothing])
    leaves = np.setdiff1d(np.arange(len(forest.value)), forest.branches)
    factors[:, leaves] *= forest.value[leaves, None]
    return factors.reshape(-1, len(points)), (gains * weights / 2).reshape(-1, len(points))
