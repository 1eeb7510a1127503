"""A forest of econml as arrays, and back: the nodes of all trees, and how many each has."""

from __future__ import annotations

from typing import Any

import numpy as np

from dunnhumby_pipeline.engine.arrays import Arrays, ArraysFileError

# What econml keeps of a tree's nodes: structure, then estimates, Jacobians and preconditioned moments.
_OF_NODES = ("nodes", "values", "jac", "precond")


def forest_arrays(forest: Any) -> Arrays:
    """The arrays of a fitted econml.grf.CausalForest of one treatment, or RegressionForest of one outcome."""
    states = [tree.tree_.__getstate__() for tree in forest.estimators_]
    stored = {name: np.concatenate([state[name] for state in states]) for name in _OF_NODES}
    sizes = {f"{name}": np.array([state[name] for state in states]) for name in ("node_count", "max_depth")}
    bag = np.array(len(forest.slices_[0]))
    return {**stored, **sizes, "n_features": np.array(forest.n_features_), "bag": bag}


def forest_from(arrays: Arrays) -> Any:
    """The forest that gave `arrays`, which predicts as it did and cannot be grown further.

    Raises ArraysFileError when the nodes are not trees.
    """
    from econml.grf._base_grftree import GRFTree
    from econml.tree._tree import Tree

    n_features, bag = int(arrays["n_features"]), int(arrays["bag"])
    ends = np.cumsum(arrays["node_count"])
    n_outputs, trees = arrays["values"].shape[1], []
    for count, end, depth in zip(arrays["node_count"], ends, arrays["max_depth"], strict=True):
        state = {name: arrays[name][end - count : end] for name in _OF_NODES}
        _require_tree(state["nodes"], n_features)
        tree = GRFTree()
        tree.n_features_in_, tree.n_outputs_, tree.n_relevant_outputs_ = n_features, n_outputs, 1
        tree.tree_ = Tree(n_features, n_outputs, 1, True)
        tree.tree_.__setstate__({"max_depth": int(depth), "node_count": int(count), **state})
        trees.append(tree)
    return forest_of(trees, n_features, n_outputs, bag)


def forest_of(trees: list[Any], n_features: int, n_outputs: int, bag: int) -> Any:
    """A forest of trees that are grown already, every `bag` of them on one half of the trials."""
    from econml.grf import CausalForest, RegressionForest

    # A causal forest's leaves hold the effect and a level, a regression forest's the mean alone.
    kind = CausalForest if n_outputs == 2 else RegressionForest
    forest = kind(n_estimators=len(trees), subforest_size=bag, n_jobs=1)
    forest.n_features_, forest.n_outputs_, forest.n_relevant_outputs_ = n_features, n_outputs, 1
    forest.slices_ = np.array_split(np.arange(len(trees)), len(trees) // bag)
    forest.estimators_ = trees
    return forest


def _require_tree(nodes: Any, n_features: int) -> None:
    """Compiled code follows these numbers unchecked: children must come later in the tree, features must exist."""
    own = np.arange(len(nodes))
    inner = nodes["left_child"] != -1
    later = [(nodes[side] > own) & (nodes[side] < len(nodes)) for side in ("left_child", "right_child")]
    known = (nodes["feature"] >= 0) & (nodes["feature"] < n_features)
    if len(nodes) == 0 or not (later[0] & later[1] & known)[inner].all():
        raise ArraysFileError("these nodes are not trees; fit the model of the effect again")
