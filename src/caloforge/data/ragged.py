"""Ragged tables: rows of many owners one after the other, and the offsets at which each owner's rows begin."""

__all__ = ["offsets_of", "rows_of"]

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray as Array


def offsets_of(counts: Int[Array, " N"] | Bool[Array, " N"]) -> Int[Array, " M"]:
    """First row of each owner, and the number of all rows behind them: M = N + 1.

    Args:
        counts: (N,) rows of each, or whether it has one.
    """
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


def rows_of(offsets: Int[Array, " M"], owners: Int[Array, " n"]) -> tuple[Int[Array, " m"], Int[Array, " k"]]:
    """Offsets of a table of these owners alone, m = n + 1, and its k rows in the whole table.

    Args:
        offsets: of the whole table.
        owners: numbers of those to take, in any order.
    """
    counts = np.diff(offsets)[owners]
    taken = offsets_of(counts)
    return taken, np.repeat(offsets[owners] - taken[:-1], counts) + np.arange(taken[-1])
