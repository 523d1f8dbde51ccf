"""Writes into an exported tree model how many training rows each node had: what exact explanations need.

ONNX has a place for it, `nodes_hitrates`, which is for whoever wants to know how popular a node is, and which skl2onnx
fills with ones. So model.onnx carries its own explanation, and serving needs no scikit-learn for it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from propensity.explanation import forest


def write_covers(exported: Any, model: Any) -> None:
    """Put the rows of each node of a fitted forest or boosting model into its ONNX; other models are left alone."""
    covers = list(_covers(model))
    for node in exported.graph.node if covers else ():
        if node.op_type == forest.KIND:
            given = {attribute.name: attribute for attribute in node.attribute}
            trees, numbers = given["nodes_treeids"].ints, given["nodes_nodeids"].ints
            rates = given["nodes_hitrates"].floats
            rates[:] = [float(covers[tree][number]) for tree, number in zip(trees, numbers, strict=True)]


def _covers(model: Any) -> Iterator[NDArray[np.float64]]:
    """Yield the weighted rows of each tree's nodes, by node number."""
    if isinstance(model, RandomForestClassifier):
        for tree in model.estimators_:
            yield tree.tree_.weighted_n_node_samples
    if isinstance(model, HistGradientBoostingClassifier):
        for stage in model._predictors:
            yield stage[0].nodes["count"].astype(np.float64)
