r"""Observables of neighbouring cells: products, pairs of hits, correlations, differences, gaps, the hottest cell.

Means of products and shares of pairs are those of `pair_sums`, over pairs a distance d apart along r, alpha or the
depth. A hit is a cell with energy. What a mesh has no pairs for (alpha, without sectors) is NaN.
"""

__all__ = [
    "PAIR_COLUMNS",
    "MAXIMUM_SHARES",
    "pair_product",
    "pair_hits",
    "pair_correlation",
    "pair_covariance",
    "pair_difference",
    "layer_pair_product",
    "layer_pair_hits",
    "layer_pair_correlation",
    "ring_pair_covariance",
    "ring_pair_difference",
    "gaps",
    "hottest_neighbours",
    "hits_above_maximum_share",
]

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.physics.adjacency import DIRECTIONS, Direction, around, pairs
from caloforge.physics.cell_blocks import blocks
from caloforge.physics.moments import ratio
from caloforge.physics.pair_sums import DISTANCES, PairSums
from caloforge.physics.sums import Sums

PAIR_COLUMNS = tuple(f"{direction} {d}" for direction in DIRECTIONS for d in DISTANCES)
MAXIMUM_SHARES = (0.5, 0.1, 0.01, 0.001)


def _at_distances(function: Callable[[Direction, int], Float[Array, "N 1"]]) -> Float[Array, "N 9"]:
    return np.concatenate([function(direction, d) for direction in DIRECTIONS for d in DISTANCES], axis=1)


def pair_product(s: Sums) -> Float[Array, "N 9"]:
    """Mean product of the log energies ln(1 + E / 0.1 MeV) of two cells: the two-point function.

    Args:
        s: N showers and their sums.
    """
    return _at_distances(s.once(PairSums).product)


def pair_hits(s: Sums) -> Float[Array, "N 9"]:
    """Share of the pairs of cells that are both hit.

    Args:
        s: N showers and their sums.
    """
    return _at_distances(s.once(PairSums).hits)


def pair_correlation(s: Sums) -> Float[Array, "N 9"]:
    r"""Correlation :math:`2 \sum y_i y_j / \sum (y_i^2 + y_j^2)` of log energies less the mean of their ring.

    Cells that are drawn independently given the energies of rings have a value near zero along r and the depth.

    Args:
        s: N showers and their sums.
    """
    return _at_distances(s.once(PairSums).correlation)


def pair_covariance(s: Sums) -> Float[Array, "N 9"]:
    r"""Mean of :math:`y_i y_j`, of log energies less the mean of their ring: the numerator of `pair_correlation`.

    Args:
        s: N showers and their sums.
    """
    return _at_distances(s.once(PairSums).covariance)


def pair_difference(s: Sums) -> Float[Array, "N 9"]:
    """Root mean square difference of the log energies ln(1 + E / 0.1 MeV) of two cells that are both hit.

    Args:
        s: N showers and their sums.
    """
    return _at_distances(s.once(PairSums).difference)


def layer_pair_product(s: Sums, direction: Direction) -> Float[Array, "N L"]:
    """`pair_product` of nearest neighbours, by the layer of the first cell.

    Args:
        s: N showers and their sums.
        direction: ``r``, ``alpha`` or ``depth``.
    """
    return s.once(PairSums).product(direction, 1, by_layer=True)


def layer_pair_hits(s: Sums, direction: Direction) -> Float[Array, "N L"]:
    """`pair_hits` of nearest neighbours, by the layer of the first cell.

    Args:
        s: N showers and their sums.
        direction: ``r``, ``alpha`` or ``depth``.
    """
    return s.once(PairSums).hits(direction, 1, by_layer=True)


def layer_pair_correlation(s: Sums, direction: Direction) -> Float[Array, "N L"]:
    """`pair_correlation` of nearest neighbours, by the layer of the first cell.

    Args:
        s: N showers and their sums.
        direction: ``r``, ``alpha`` or ``depth``.
    """
    return s.once(PairSums).correlation(direction, 1, by_layer=True)


def ring_pair_covariance(s: Sums, direction: Direction) -> Float[Array, "N R"]:
    """`pair_covariance` of nearest neighbours, by the ring of the first cell, all layers together.

    Args:
        s: N showers and their sums.
        direction: ``r``, ``alpha`` or ``depth``.
    """
    return s.once(PairSums).ring_covariance(direction)


def ring_pair_difference(s: Sums, direction: Direction) -> Float[Array, "N R"]:
    """`pair_difference` of nearest neighbours, by the ring of the first cell, all layers together.

    Args:
        s: N showers and their sums.
        direction: ``r``, ``alpha`` or ``depth``.
    """
    return s.once(PairSums).ring_difference(direction)


def gaps(s: Sums) -> Float[Array, " N"]:
    """Cells without energy that overlap, along the depth, a hit in the layer before and one in the layer after.

    NaN on a mesh of fewer than three layers.

    Args:
        s: N showers and their sums.
    """
    counts = np.full(len(s), np.nan)
    if s.binning.n_layers < 3:
        return counts
    after = pairs(s.binning, "depth")
    before = after.T.tocsr()
    for rows, energy in blocks(s):
        hit = (energy > 0).astype(np.float32)
        counts[rows] = ((hit == 0) & (after @ hit > 0) & (before @ hit > 0)).sum(axis=0)
    return counts


def hottest_neighbours(s: Sums) -> Float[Array, " N"]:
    """Energy of the up to eight cells about the hottest one, in its layer, over its own; NaN where it has none.

    Args:
        s: N showers and their sums.
    """
    rows, hottest = np.arange(len(s)), s.energy.argmax(axis=1)
    nearby = around(s.binning)[hottest]
    energy = np.where(nearby >= 0, s.energy[rows[:, None], nearby], 0).sum(axis=1, dtype=np.float64)
    share = ratio(energy, s.energy[rows, hottest].astype(np.float64))
    return np.where((nearby >= 0).any(axis=1), share, np.nan)


def hits_above_maximum_share(s: Sums, shares: Sequence[float] = MAXIMUM_SHARES) -> Float[Array, "N T"]:
    """Cells that hold more than a share of the energy of the hottest one.

    Args:
        s: N showers and their sums.
        shares: T of them, 0 to 1.
    """
    thresholds = (np.float32(share) * s.energy.max(axis=1, keepdims=True) for share in shares)
    return np.stack([np.count_nonzero(s.energy > t, axis=1) for t in thresholds], axis=1).astype(np.float64)
