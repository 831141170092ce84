r"""Nearest neighbours among showers, as Euclidean distances of standardised features, in blocks."""

__all__ = ["nearest", "nearest_rows", "squared_distances"]

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

_CLIP = 10.0


_BLOCK = 500


def nearest(
    points: Float[Array, "n f"], among: Float[Array, "m f"], k: int = 1, same: bool = False
) -> Float[Array, " n"]:
    """Distance of each point to its k-th nearest neighbour.

    NaN counts as zero, the mean of a standardised feature, and outliers stop at ten.

    Args:
        points: standardised features of some showers.
        among: the same features of the showers that may be neighbours.
        k: 1 is the nearest.
        same: both are one sample, row by row, and a point is not its own neighbour.
    """
    x, y = (np.clip(np.nan_to_num(a), -_CLIP, _CLIP).astype(np.float64) for a in (points, among))
    squared = np.empty(len(x))
    for rows, distance in squared_distances(x, y):
        if same:
            np.fill_diagonal(distance[:, rows], np.inf)
        squared[rows] = np.partition(distance, k - 1, axis=1)[:, k - 1]
    return np.sqrt(np.maximum(squared, 0))


def nearest_rows(points: Float[Array, "n f"], among: Float[Array, "m f"]) -> Int[Array, " n"]:
    """Row of each point's nearest neighbour, for few points.

    Args:
        points: standardised features of some showers; NaN counts as zero.
        among: the same features of the showers that may be neighbours.
    """
    x, y = (np.nan_to_num(a).astype(np.float64) for a in (points, among))
    return np.array([((y - point) ** 2).sum(axis=1).argmin() for point in x], np.int64)


def squared_distances(
    first: Float[Array, "n f"], second: Float[Array, "m f"]
) -> Iterator[tuple[slice, Float[Array, "b m"]]]:
    """Squared distances of some rows of the first sample to all of the second.

    Args:
        first: features of n showers, all defined.
        second: the same features of m showers.
    """
    norms = np.einsum("ij,ij->i", second, second)
    for start in range(0, len(first), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = first[rows]
        distance = norms - 2 * (block @ second.T) + np.einsum("ij,ij->i", block, block)[:, None]
        yield rows, distance
