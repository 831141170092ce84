r"""Sums over pairs of neighbouring cells that the observables of local structure share, in float64.

With :math:`x_i = \ln(1 + E_i / E_0)`, :math:`E_0` = 0.1 MeV, the hits :math:`h_i = [E_i > 0]`, and
:math:`y_i = x_i - \langle x \rangle_\text{ring of i}` they are

.. math:: \sum x_i x_j, \quad \sum h_i h_j, \quad \sum y_i y_j, \quad \sum (y_i^2 + y_j^2), \quad
          \sum h_i h_j (x_i - x_j)^2

over the pairs (i, j) a distance d apart along r, alpha or the depth, by the layer of i; those of nearest neighbours
also by the ring of i. The mean over a ring is what a profile in depth and radius knows; y is what goes beyond it.
"""

__all__ = ["DISTANCES", "PairSums"]

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.physics.adjacency import DIRECTIONS, Direction, pairs, ring_means
from caloforge.physics.cell_blocks import Places, blocks
from caloforge.physics.moments import ratio
from caloforge.units import MeV

DISTANCES = (1, 2, 3)

_SCALE = 0.1 * MeV
_NOTHING = 1e-12  # a sum of squares below this is rounding

Key = tuple[Direction, int]


@dataclass(frozen=True, eq=False)
class _Sums:
    """The five sums over the pairs of one direction and distance, by the layer, then by the ring of the first cell."""

    products: Float[Array, "N P"]
    hits: Float[Array, "N P"]
    residuals: Float[Array, "N P"]
    squares: Float[Array, "N P"]
    differences: Float[Array, "N P"]


class PairSums:
    """Sums over pairs of a batch of showers; one pass over the cells gives all of them.

    Args:
        showers: a batch.
    """

    def __init__(self, showers: Showers) -> None:
        self._showers, self._places = showers, Places(showers.binning)
        mesh = showers.binning
        self._pairs = {(direction, d): pairs(mesh, direction, d) for direction in DIRECTIONS for d in DISTANCES}

    @cached_property
    def _sums(self) -> dict[Key, _Sums]:
        parts = list(self._parts())
        sums = {key: zip(*(part[key] for part in parts), strict=True) for key in self._pairs}
        return {key: _Sums(*map(np.concatenate, of_parts)) for key, of_parts in sums.items()}

    def _parts(self) -> Iterator[dict[Key, tuple[Float[Array, "n P"], ...]]]:
        """The five sums of some showers after the other."""
        means, add = ring_means(self._showers.binning), self._places.sum
        degrees = {key: graph.sum(axis=1)[:, None] for key, graph in self._pairs.items()}
        for _, energy in blocks(self._showers):
            hit = energy > 0
            x, h = np.zeros(energy.shape), hit.astype(np.float64)
            x[hit] = np.log1p(energy[hit].astype(np.float64) / _SCALE)
            y, x_square, one = x - means @ x, x * x, np.ones_like(x)
            y_square, sums = y * y, dict[Key, tuple[Array, ...]]()
            for key, graph in self._pairs.items():
                both, products = graph @ h, add(x, graph @ x)
                sums[key] = (
                    products,
                    add(h, both),
                    add(y, graph @ y),
                    add(one, degrees[key] * y_square + graph @ y_square),
                    add(x_square, both) + add(h, graph @ x_square) - 2 * products,
                )
            yield sums

    def counts(self, direction: Direction, distance: int = 1) -> Float[Array, " L"]:
        """Number of pairs by the layer of their first cell.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
        """
        return self._counts[direction, distance][: self._places.layers]

    @cached_property
    def _counts(self) -> dict[Key, Float[Array, " P"]]:
        one = np.ones((self._showers.binning.n_voxels, 1))
        return {key: self._places.sum(one, graph @ one)[0] for key, graph in self._pairs.items()}

    def _layers(self, sums: Float[Array, "_ P"], by_layer: bool) -> Float[Array, "_ k"]:
        """Of each layer, or of all together."""
        layers = sums[:, : self._places.layers]
        return layers if by_layer else layers.sum(axis=1, keepdims=True)

    def _rings(self, sums: Float[Array, "N P"]) -> Float[Array, "N R"]:
        return sums[:, self._places.layers :]

    def _mean(self, sums: Float[Array, "N P"], key: Key, by_layer: bool) -> Float[Array, "N k"]:
        above, below = (self._layers(x, by_layer) for x in (sums, self._counts[key][None]))
        return ratio(above, np.broadcast_to(below, above.shape))

    def product(self, direction: Direction, distance: int = 1, by_layer: bool = False) -> Float[Array, "N k"]:
        """Mean of x_i x_j over the pairs of the mesh, or of each layer; NaN where there are none.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
            by_layer: by the layer of the first cell, or for the mesh as a whole.
        """
        key = (direction, distance)
        return self._mean(self._sums[key].products, key, by_layer)

    def hits(self, direction: Direction, distance: int = 1, by_layer: bool = False) -> Float[Array, "N k"]:
        """Share of pairs whose cells both have energy, in the mesh or in each layer; NaN where there are no pairs.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
            by_layer: by the layer of the first cell, or for the mesh as a whole.
        """
        key = (direction, distance)
        return self._mean(self._sums[key].hits, key, by_layer)

    def correlation(self, direction: Direction, distance: int = 1, by_layer: bool = False) -> Float[Array, "N k"]:
        r""":math:`2 \sum y_i y_j / \sum (y_i^2 + y_j^2)`, from -1 to 1, over the pairs of the mesh or of each layer.

        NaN where no ring varies. Which cell of a pair comes first does not matter, so it turns with the mesh.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
            by_layer: by the layer of the first cell, or for the mesh as a whole.
        """
        sums = self._sums[direction, distance]
        product, square = (self._layers(x, by_layer) for x in (sums.residuals, sums.squares))
        return ratio(2 * product, np.where(square > _NOTHING, square, 0.0))

    def covariance(self, direction: Direction, distance: int = 1) -> Float[Array, "N 1"]:
        """Mean of y_i y_j over the pairs of the mesh; NaN where there are none.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
        """
        key = (direction, distance)
        return self._mean(self._sums[key].residuals, key, by_layer=False)

    def ring_covariance(self, direction: Direction) -> Float[Array, "N R"]:
        """Mean of y_i y_j over the nearest neighbours of each ring of all layers, by the ring of the first cell.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
        """
        sums = self._rings(self._sums[direction, 1].residuals)
        return ratio(sums, np.broadcast_to(self._rings(self._counts[direction, 1][None]), sums.shape))

    def difference(self, direction: Direction, distance: int = 1) -> Float[Array, "N 1"]:
        """Root mean square of x_i - x_j over the pairs whose cells both have energy; NaN where there are none.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
            distance: in cells, 1, 2 or 3.
        """
        sums = self._sums[direction, distance]
        return _root(*(self._layers(x, by_layer=False) for x in (sums.differences, sums.hits)))

    def ring_difference(self, direction: Direction) -> Float[Array, "N R"]:
        """`difference` of the nearest neighbours of each ring of all layers, by the ring of the first cell.

        Args:
            direction: ``r``, ``alpha`` or ``depth``.
        """
        sums = self._sums[direction, 1]
        return _root(self._rings(sums.differences), self._rings(sums.hits))


def _root(squares: Float[Array, "N k"], counts: Float[Array, "N k"]) -> Float[Array, "N k"]:
    return np.sqrt(ratio(np.where(squares > _NOTHING * counts, squares, 0.0), counts))
