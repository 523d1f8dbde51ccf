"""The trees of a model.onnx laid out level by level, so that NumPy can walk all of them at once.

Every node but a root is also the edge that leads to it. A path may ask for one feature several times; what it says of
the feature in all is kept at the last of these edges, together with the edge before that asked for it (`above`). So a
root stands for "not asked for yet": everybody satisfies it, and all of the training rows did.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from propensity.errors import BrokenBundle, NoExplanation
from propensity.explanation.graph import Node

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
KIND: Final = "TreeEnsembleClassifier"
_MODES: Final = {b"BRANCH_LEQ", b"LEAF"}


@dataclass(frozen=True, kw_only=True)
class Forest:
    """Arrays over all nodes, ordered by depth; the two children of a node lie side by side, yes before no."""

    levels: list[slice]
    """Where each depth lies; the roots are the first."""
    branches: Places
    """The nodes that have children, in order: the children of the k-th follow the roots at 2k and 2k + 1."""
    feature: Places
    """Asked for on the edge to the node; of roots, 0."""
    parent: Places
    above: Places
    """The edge before on the path with the same feature, or the root."""
    asked: Places
    """Asked for by each branch, in the order of `branches`."""
    threshold: NDArray[np.float32]
    """The answer is yes at or below it; by branch."""
    share: Floats
    """How many training rows take the path's turns at this feature: the product over its edges of child over parent."""
    value: Floats
    """What a leaf adds to the raw output; elsewhere 0."""
    base: float
    """The raw output averaged over the training rows."""
    offset: float
    """What the raw output starts from."""

    @property
    def depth(self) -> int:
        """Edges on the longest path."""
        return len(self.levels) - 1


def read_forest(node: Node) -> Forest:
    """Lay out an ensemble; NoExplanation where its nodes do not carry how many training rows they had."""
    if set(node.texts["nodes_modes"]) - _MODES:
        raise NoExplanation(
            "The model's trees branch in a way that is not explained. Train a forest instead."
        )
    table = _Table(node)
    table.require_rows()
    return _laid_out(table, *_by_level(table))


class _Table:
    """The nodes as they stand in the file."""

    def __init__(self, node: Node) -> None:
        ints = node.ints
        self._keys = ints["nodes_treeids"] << 32 | ints["nodes_nodeids"]
        self._sorted = np.argsort(self._keys)
        trees = ints["nodes_treeids"]
        self.is_branch = np.array([mode == b"BRANCH_LEQ" for mode in node.texts["nodes_modes"]])
        self.yes = self._at(trees, ints["nodes_truenodeids"])
        self.no = self._at(trees, ints["nodes_falsenodeids"])
        self.feature = ints["nodes_featureids"]
        self.threshold = node.floats["nodes_values"]
        self.rows = node.floats.get("nodes_hitrates", np.ones(len(trees))).astype(np.float64)
        self.value = np.zeros(len(trees))
        leaves = self._at(ints["class_treeids"], ints["class_nodeids"])
        np.add.at(self.value, leaves, node.floats["class_weights"].astype(np.float64))
        self.offset = float(node.floats.get("base_values", np.zeros(1))[0])

    def _at(self, trees: NDArray[np.int64], numbers: NDArray[np.int64]) -> Places:
        places = np.searchsorted(self._keys, trees << 32 | numbers, sorter=self._sorted)
        return self._sorted[np.minimum(places, len(self._keys) - 1)]

    def require_rows(self) -> None:
        """Raise NoExplanation unless two children have their parent's rows: an older model has 1 everywhere."""
        inner = self.is_branch
        together = self.rows[self.yes[inner]] + self.rows[self.no[inner]]
        if not (np.allclose(together, self.rows[inner], rtol=1e-6) and (self.rows > 0).all()):
            raise NoExplanation(
                "This version carries no explanation data: it was trained before there was any. Train a new version."
            )


def _by_level(table: _Table) -> tuple[Places, list[slice], Places]:
    """Return the file's nodes in our order, where each depth lies, and which of the order are branches."""
    children = np.concatenate([table.yes[table.is_branch], table.no[table.is_branch]])
    frontier = np.setdiff1d(np.arange(len(table.value)), children)
    found = list[Places]()
    while len(frontier):
        found.append(frontier)
        inner = frontier[table.is_branch[frontier]]
        frontier = np.stack([table.yes[inner], table.no[inner]], axis=1).ravel()
    order = np.concatenate(found)
    if len(order) != len(table.value):
        raise BrokenBundle("The trees of the bundle's model.onnx are no trees. Train the version again.")
    edges = np.cumsum([0, *map(len, found)]).tolist()
    return order, [slice(*pair) for pair in pairwise(edges)], np.flatnonzero(table.is_branch[order])


def _laid_out(table: _Table, order: Places, levels: list[slice], branches: Places) -> Forest:
    roots = levels[0].stop
    asked = table.feature[order[branches]].astype(np.intp)
    parent = np.concatenate([np.arange(roots), np.repeat(branches, 2)])
    feature = np.concatenate([np.zeros(roots, dtype=np.intp), np.repeat(asked, 2)])
    above = _above(parent, feature, roots=roots)
    rows, value = table.rows[order], table.value[order]
    share = rows / rows[parent]
    reached = share.copy()
    for level in levels[1:]:
        share[level] *= share[above[level]]
        reached[level] *= reached[parent[level]]
    return Forest(
        levels=levels,
        branches=branches,
        feature=feature,
        parent=parent,
        above=above,
        asked=asked,
        threshold=table.threshold[order[branches]],
        share=share,
        value=value,
        base=table.offset + float(value @ reached),
        offset=table.offset,
    )


def _above(parent: Places, feature: Places, *, roots: int) -> Places:
    """Climb from every edge until one with its feature, or a root, is met."""
    found = parent.copy()
    climbing = np.flatnonzero((found >= roots) & (feature[found] != feature))
    while len(climbing):
        found[climbing] = parent[found[climbing]]
        at = found[climbing]
        climbing = climbing[(at >= roots) & (feature[at] != feature[climbing])]
    return found
