r"""Which cells of a mesh are neighbours: sparse matrices of pairs of cells along r, alpha and the depth.

Along r, cells of one sector are a distance d apart when d - 1 rings lie between them; along alpha, cells of one ring
when d - 1 sectors do, the ring being closed. Layers follow each other in the order of the mesh, and their rings and
sectors may differ: two cells of layers l and l + d are a pair along the depth when they overlap, looked at along the
axis. Every pair enters once, as the entry (first, second) of the matrix. A ring of n sectors has pairs at distances up
to n/2; one without sectors has none.
"""

__all__ = ["DIRECTIONS", "Direction", "pairs", "neighbours", "overlap", "around", "ring_means", "ring_sums", "highest"]

from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy import sparse

from caloforge.geometry.binning import Binning, Layer

Direction = Literal["r", "alpha", "depth"]
DIRECTIONS: tuple[Direction, ...] = ("r", "alpha", "depth")

_TOUCH = 1e-6  # rings that share less than this part of the outer radius only touch


def _product(sectors: Array, rings: Array) -> sparse.csr_array:
    """Cells linked where both their sectors and their rings are, r fastest; the zeros that scipy stores are dropped."""
    product = sparse.csr_array(sparse.kron(sparse.csr_array(sectors), sparse.csr_array(rings)))
    product.eliminate_zeros()
    return product


def _along_r(layer: Layer, distance: int) -> sparse.csr_array:
    return _product(np.eye(layer.n_alpha), np.eye(layer.n_r, k=distance))


def _along_alpha(layer: Layer, distance: int) -> sparse.csr_array:
    n = layer.n_alpha
    first = np.arange(0 if n < 2 * distance else distance if n == 2 * distance else n)
    steps = np.zeros((n, n))
    steps[first, (first + distance) % n] = 1
    return _product(steps, np.eye(layer.n_r))


@lru_cache(maxsize=256)
def overlap(first: Layer, second: Layer) -> sparse.csr_array:
    """Cells of one layer (rows) that overlap those of another (columns), looked at along the axis.

    Args:
        first: V1 cells.
        second: V2 cells.

    Returns: (V1, V2) of zeros and ones.
    """
    (low, high), (second_low, second_high) = (
        (np.array(x.r_edges)[:-1], np.array(x.r_edges)[1:]) for x in (first, second)
    )
    margin = _TOUCH * max(high[-1], second_high[-1])
    rings = (low[:, None] < second_high - margin) & (second_low < high[:, None] - margin)
    j, k, n, m = np.arange(first.n_alpha)[:, None], np.arange(second.n_alpha), first.n_alpha, second.n_alpha
    sectors = (j * m < (k + 1) * n) & (k * n < (j + 1) * m)
    return _product(sectors.astype(float), rings.astype(float))


def _placed(blocks: list[tuple[int, int, sparse.csr_array]], n_voxels: int) -> sparse.csr_array:
    """One matrix over all cells from blocks that begin at given rows and columns."""
    entries = [(row + block.row, column + block.col) for row, column, b in blocks for block in [b.tocoo()]]
    rows, columns = (np.concatenate([np.zeros(0, int), *(entry[i] for entry in entries)]) for i in (0, 1))
    return sparse.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(n_voxels, n_voxels))


@lru_cache(maxsize=64)
def pairs(binning: Binning, direction: Direction, distance: int = 1) -> sparse.csr_array:
    """Pairs of cells a distance apart along one direction, (V, V) of zeros and ones, each pair once.

    Args:
        binning: the mesh.
        direction: ``r``, ``alpha`` or ``depth``; along the depth the first cell is that of the earlier layer.
        distance: in cells, from 1.
    """
    layers, starts = binning.layers, binning.layer_starts
    if direction == "depth":
        blocks = [
            (int(starts[i]), int(starts[i + distance]), overlap(layers[i], layers[i + distance]))
            for i in range(len(layers) - distance)
        ]
    else:
        along = _along_r if direction == "r" else _along_alpha
        blocks = [(int(a), int(a), along(layer, distance)) for layer, a in zip(layers, starts, strict=False)]
    return _placed(blocks, binning.n_voxels)


@lru_cache(maxsize=64)
def neighbours(binning: Binning, directions: tuple[Direction, ...] = DIRECTIONS) -> sparse.csr_array:
    """Neighbours of each cell (row) along the given directions, (V, V) of zeros and ones, symmetric.

    Args:
        binning: the mesh.
        directions: one or more.
    """
    once = sum((pairs(binning, direction) for direction in directions[1:]), pairs(binning, directions[0]))
    return sparse.csr_array(once + once.T)


@lru_cache(maxsize=8)
def around(binning: Binning) -> Int[Array, "V 8"]:
    """The up to eight cells of the same layer that touch each cell by a side or a corner; -1 where there are fewer.

    Args:
        binning: the mesh.
    """
    table = np.full((binning.n_voxels, 8), -1)
    for layer, start in zip(binning.layers, binning.layer_starts, strict=False):
        n, sectors = layer.n_alpha, np.arange(layer.n_alpha)
        turn = np.zeros((n, n))
        for step in (-1, 0, 1):
            turn[sectors, (sectors + step) % n] = 1
        near = _product(turn, np.tri(layer.n_r, k=1) - np.tri(layer.n_r, k=-2)).tocoo()
        away = near.row != near.col
        row, column = near.row[away], near.col[away]
        order = np.lexsort((column, row))
        row, column = row[order], column[order]
        place = np.arange(len(row)) - np.searchsorted(row, row)
        table[start + row, place] = start + column
    return table


@lru_cache(maxsize=8)
def ring_means(binning: Binning) -> sparse.csr_array:
    """The matrix that gives each cell the mean over its ring, (V, V).

    Args:
        binning: the mesh.
    """
    blocks = [_product(np.full((x.n_alpha, x.n_alpha), 1 / x.n_alpha), np.eye(x.n_r)) for x in binning.layers]
    return sparse.csr_array(sparse.block_diag(blocks))


@lru_cache(maxsize=8)
def ring_sums(binning: Binning) -> sparse.csr_array:
    """The matrix that adds up the cells of the first, second, ... ring of all layers, (R, V) of zeros and ones.

    Args:
        binning: the mesh.
    """
    rings = binning.ring_of_voxel
    shape = int(rings.max()) + 1, binning.n_voxels
    return sparse.csr_array((np.ones(len(rings), np.float32), (rings, np.arange(len(rings)))), shape=shape)


def highest(graph: sparse.csr_array, values: Float[Array, "v n"]) -> Float[Array, "w n"]:
    """Highest value among the neighbours of each cell, 0 for a cell without any.

    Args:
        graph: (w, v) of zeros and ones, a row a cell.
        values: not negative, of the v cells of n showers.
    """
    result = np.zeros((graph.shape[0], values.shape[1]))
    filled = np.diff(graph.indptr) > 0
    if filled.any():
        result[filled] = np.maximum.reduceat(values[graph.indices], graph.indptr[:-1][filled], axis=0)
    return result
