"""Trees asked one by one: where columns are exchanged, only those that look at one of them answer anew."""

__all__ = ["TreeValues"]

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array


class TreeValues:
    """The leaf of each tree that each shower falls into, and their sum.

    Args:
        trees: nodes of each tree, as scikit-learn's ``HistGradientBoostingClassifier`` keeps them.
        start: logit before the first tree.
        x: features of the showers; NaN where undefined.
    """

    def __init__(self, trees: Sequence[Any], start: float, x: Float[Array, "N f"]) -> None:
        nodes = np.concatenate(trees)
        lengths = [len(tree) for tree in trees]
        self._roots = np.cumsum([0, *lengths[:-1]])
        self._leaf, place = nodes["is_leaf"] != 0, np.arange(len(nodes))
        first = np.repeat(self._roots, lengths)
        self._left, self._right = (np.where(self._leaf, place, first + nodes[side]) for side in ("left", "right"))
        self._feature = np.where(self._leaf, 0, nodes["feature_idx"])
        self._threshold, self._missing_left = nodes["num_threshold"], nodes["missing_go_to_left"] != 0
        self._value = nodes["value"]
        self._looks_at = np.zeros((len(trees), x.shape[1]), bool)
        self._looks_at[np.repeat(np.arange(len(trees)), lengths)[~self._leaf], self._feature[~self._leaf]] = True
        self._start, self._values = start, self._leaves(self._roots, x)

    def exchanged(self, x: Float[Array, "N f"], columns: Int[Array, " c"]) -> Float[Array, " N"]:
        """Logits of the same showers with other values in some columns.

        Args:
            x: features of the showers, as they are now.
            columns: the only ones that may differ.
        """
        values, asked = self._values, np.flatnonzero(self._looks_at[:, columns].any(axis=1))
        if asked.size:
            values = values.copy()
            values[asked] = self._leaves(self._roots[asked], x)
        return (self._start + values.sum(axis=0)).astype(np.float32)

    def _leaves(self, roots: Int[Array, " t"], x: Float[Array, "N f"]) -> Float[Array, "t N"]:
        """All showers go down all of these trees, a node at a time; in a leaf they stay."""
        node, values, row = np.repeat(roots[:, None], len(x), axis=1), x.reshape(-1), np.arange(len(x)) * x.shape[1]
        while not self._leaf.take(node).all():
            value = values.take(row + self._feature.take(node))
            left = value <= self._threshold.take(node)
            left |= np.isnan(value) & self._missing_left.take(node)
            node = np.where(left, self._left.take(node), self._right.take(node))
        return self._value.take(node)
