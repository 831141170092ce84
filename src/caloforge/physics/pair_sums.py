r"""Sums over pairs of neighbouring cells that the observables of local structure share, in float64.

With :math:`x_i = \ln(1 + E_i / E_0)`, :math:`E_0` = 0.1 MeV, the hits :math:`h_i = [E_i > 0]`, and
:math:`y_i = x_i - \langle x \rangle_\text{ring of i}` they are

.. math:: \sum x_i x_j, \quad \sum h_i h_j, \quad \sum y_i y_j, \quad \sum (y_i^2 + y_j^2), \quad
          \sum h_i h_j (x_i - x_j)^2

over the pairs (i, j) a distance d apart along r, alpha or the depth, by the layer of i; those of nearest neighbours
also by the ring of i. The mean over a ring is what a profile in depth and radius knows; y is what goes beyond it.
"""

__all__ = ["DISTANCES", "PairSums", "blocks", "log_energy"]

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.physics.adjacency import DIRECTIONS, Direction, pairs, ring_means, ring_sums
from caloforge.physics.moments import ratio
from caloforge.units import MeV

DISTANCES = (1, 2, 3)

_SCALE = 0.1 * MeV
_BLOCK = 2**18  # cells in float64 at a time
_NOTHING = 1e-12  # a sum of squares below this is rounding

Key = tuple[Direction, int]


def log_energy(energy: Float[Array, "..."]) -> Float[Array, "..."]:
    """ln(1 + E / 0.1 MeV) of cell energies in MeV, in float64.

    Args:
        energy: MeV.
    """
    return np.log1p(energy.astype(np.float64) / _SCALE)


def blocks(showers: Showers) -> Iterator[tuple[slice, Float[Array, "V n"]]]:
    """Some showers at a time, as columns: their rows, and their cell energies, MeV.

    Args:
        showers: N of them.
    """
    size = max(1, _BLOCK // showers.binning.n_voxels)
    for start in range(0, len(showers), size):
        rows = slice(start, start + size)
        yield rows, np.ascontiguousarray(showers.energy[rows].T)


@dataclass(frozen=True, eq=False)
class _Sums:
    """The five sums over the pairs of one direction and distance, by layer or by ring."""

    products: Float[Array, "N k"]
    hits: Float[Array, "N k"]
    residuals: Float[Array, "N k"]
    squares: Float[Array, "N k"]
    differences: Float[Array, "N k"]


class PairSums:
    """Sums over pairs of a batch of showers; one pass over the cells gives all of them.

    Args:
        showers: a batch.
    """

    def __init__(self, showers: Showers) -> None:
        self._showers = showers

    @cached_property
    def _sums(self) -> tuple[dict[Key, _Sums], dict[Key, _Sums]]:
        """By layer, and those of nearest neighbours by ring."""
        mesh, n = self._showers.binning, len(self._showers)
        starts, means, rings = mesh.layer_starts[:-1], ring_means(mesh), ring_sums(mesh)
        keys: list[Key] = [(direction, d) for direction in DIRECTIONS for d in DISTANCES]
        layers = {key: _empty(n, mesh.n_layers) for key in keys}
        of_rings = {key: _empty(n, rings.shape[0]) for key in keys if key[1] == 1}
        for rows, energy in blocks(self._showers):
            x, hit = log_energy(energy), (energy > 0).astype(np.float64)
            y = x - means @ x
            y_square, x_square = y * y, x * x
            for key in keys:
                graph = pairs(mesh, *key)
                neighbour, both = graph @ x, graph @ hit
                products = (
                    x * neighbour,
                    hit * both,
                    y * (graph @ y),
                    graph.sum(axis=1)[:, None] * y_square + graph @ y_square,
                    x_square * both + hit * (graph @ x_square) - 2 * x * neighbour,
                )
                for field, values in zip(fields(_Sums), products, strict=True):
                    getattr(layers[key], field.name)[rows] = np.add.reduceat(values, starts, axis=0).T
                    if key in of_rings:
                        getattr(of_rings[key], field.name)[rows] = (rings @ values).T
        return layers, of_rings

    def counts(self, direction: Direction, distance: int = 1) -> Float[Array, " L"]:
        """Number of pairs by the layer of their first cell.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
        """
        mesh = self._showers.binning
        return np.add.reduceat(pairs(mesh, direction, distance).sum(axis=1), mesh.layer_starts[:-1])

    def _ring_counts(self, direction: Direction) -> Float[Array, " R"]:
        mesh = self._showers.binning
        return ring_sums(mesh) @ pairs(mesh, direction, 1).sum(axis=1)

    def _mean(self, sums: Float[Array, "N L"], key: Key, by_layer: bool) -> Float[Array, "N k"]:
        counts = np.broadcast_to(self.counts(*key), sums.shape)
        return ratio(sums, counts) if by_layer else ratio(*(x.sum(axis=1, keepdims=True) for x in (sums, counts)))

    def product(self, direction: Direction, distance: int = 1, by_layer: bool = False) -> Float[Array, "N k"]:
        """Mean of x_i x_j over the pairs of the mesh, or of each layer; NaN where there are none.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
            by_layer: by the layer of the first cell, or for the mesh as a whole.
        """
        key = (direction, distance)
        return self._mean(self._sums[0][key].products, key, by_layer)

    def hits(self, direction: Direction, distance: int = 1, by_layer: bool = False) -> Float[Array, "N k"]:
        """Share of pairs whose cells both have energy, in the mesh or in each layer; NaN where there are no pairs.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
            by_layer: by the layer of the first cell, or for the mesh as a whole.
        """
        key = (direction, distance)
        return self._mean(self._sums[0][key].hits, key, by_layer)

    def correlation(self, direction: Direction, distance: int = 1, by_layer: bool = False) -> Float[Array, "N k"]:
        r""":math:`2 \sum y_i y_j / \sum (y_i^2 + y_j^2)`, from -1 to 1, over the pairs of the mesh or of each layer.

        NaN where no ring varies. Which cell of a pair comes first does not matter, so it turns with the mesh.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
            by_layer: by the layer of the first cell, or for the mesh as a whole.
        """
        sums = self._sums[0][direction, distance]
        parts = sums.residuals, sums.squares
        product, square = parts if by_layer else (x.sum(axis=1, keepdims=True) for x in parts)
        return ratio(2 * product, np.where(square > _NOTHING, square, 0.0))

    def covariance(self, direction: Direction, distance: int = 1) -> Float[Array, "N 1"]:
        """Mean of y_i y_j over the pairs of the mesh; NaN where there are none.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
        """
        key = (direction, distance)
        return self._mean(self._sums[0][key].residuals, key, by_layer=False)

    def ring_covariance(self, direction: Direction) -> Float[Array, "N R"]:
        """Mean of y_i y_j over the nearest neighbours of each ring of all layers, by the ring of the first cell.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
        """
        sums = self._sums[1][direction, 1].residuals
        return ratio(sums, np.broadcast_to(self._ring_counts(direction), sums.shape))

    def difference(self, direction: Direction, distance: int = 1) -> Float[Array, "N 1"]:
        """Root mean square of x_i - x_j over the pairs whose cells both have energy; NaN where there are none.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
        """
        sums = self._sums[0][direction, distance]
        return _root(*(sum_.sum(axis=1, keepdims=True) for sum_ in (sums.differences, sums.hits)))

    def ring_difference(self, direction: Direction) -> Float[Array, "N R"]:
        """`difference` of the nearest neighbours of each ring of all layers, by the ring of the first cell.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
        """
        sums = self._sums[1][direction, 1]
        return _root(sums.differences, sums.hits)


def _empty(n: int, columns: int) -> _Sums:
    return _Sums(*(np.empty((n, columns)) for _ in fields(_Sums)))


def _root(squares: Float[Array, "N k"], counts: Float[Array, "N k"]) -> Float[Array, "N k"]:
    return np.sqrt(ratio(np.where(squares > _NOTHING * counts, squares, 0.0), counts))
