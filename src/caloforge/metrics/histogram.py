"""Histograms that lose nothing: bins with an underflow, an overflow, and a bin for what is undefined."""

__all__ = ["bin_numbers", "contents"]

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array


def bin_numbers(values: Float[Array, " n"], edges: Float[Array, " e"]) -> Int[Array, " n"]:
    """Bin of each value: 0 is the underflow, then the bins (closed below), the overflow ``e``, undefined ``e + 1``.

    Args:
        values: NaN where undefined.
        edges: increasing, in the unit of the values.

    Example:
        >>> bin_numbers(np.array([-1.0, 0.0, 1.0, np.nan]), np.array([0.0, 1.0])).tolist()
        [0, 1, 2, 3]
    """
    return np.searchsorted(edges, values, side="right") + np.isnan(values)


def contents(
    values: Float[Array, " n"], edges: Float[Array, " e"], weights: Float[Array, " n"] | None = None
) -> Float[Array, " b"]:
    """Sum of the weights (number of the values where there are none) in each of the ``e + 2`` bins.

    Args:
        values: in the unit of ``edges``; NaN where undefined.
        edges: increasing edges.
        weights: of the values; all one unless given.
    """
    return np.bincount(bin_numbers(values, edges), weights, len(edges) + 2).astype(np.float64)
