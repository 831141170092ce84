r"""Showers with the sums over their cells that observables share, each computed once a batch, in float64.

All sums that are linear in the cell energies come from one matrix product a layer,

.. math:: S_{nlk} = \sum_{i \in l} E_{ni} W_{ik}, \qquad
          W_{i\cdot} = (1, r_i, r_i^2, x_i, y_i, x_i^2, y_i^2, [i \in \text{ring } 0], [i \in \text{ring } 1], \dots),

instead of one pass over the cells for each of them. :math:`x_i = r_i\cos\alpha_i` and :math:`y_i = r_i\sin\alpha_i` are
what the CaloChallenge (arXiv:2410.21611) calls eta and phi.
"""

__all__ = ["Sums"]

from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning

_MOMENTS = ("one", "r", "rr", "x", "y", "xx", "yy")
_HOTTEST = 5

Result = TypeVar("Result")


class Sums(Showers):
    """A batch of showers that remembers its sums; whatever takes `Showers` takes it."""

    @classmethod
    def of(cls, showers: Showers) -> "Sums":
        """The same showers; the object itself where it is one already.

        Args:
            showers: any.
        """
        if isinstance(showers, cls):
            return showers
        s = showers
        return cls(s.energy, s.incident_energy, s.pdg, s.theta, s.phi, s.binning)

    @cached_property
    def _linear(self) -> tuple[Float[Array, "L N 7"], Float[Array, "N Q"]]:
        """Moments of each layer, and energies of all rings of all layers, layer by layer."""
        weights = _layer_weights(self.binning)
        cells = pairwise(self.binning.layer_starts)
        blocks = [self.energy[:, a:b].astype(np.float64) @ w for (a, b), w in zip(cells, weights, strict=True)]
        n = len(_MOMENTS)
        return np.stack([block[:, :n] for block in blocks]), np.concatenate([block[:, n:] for block in blocks], axis=1)

    def layer_sum(self, moment: str) -> Float[Array, "N L"]:
        """Sum over the cells of each layer of energy times ``one``, ``r``, ``rr``, ``x``, ``y``, ``xx`` or ``yy``.

        Args:
            moment: its name.
        """
        return self._linear[0][:, :, _MOMENTS.index(moment)].T

    @cached_property
    def layer_energy(self) -> Float[Array, "N L"]:
        """Energy in each layer, MeV."""
        return np.ascontiguousarray(self.layer_sum("one"))

    @cached_property
    def total_energy(self) -> Float[Array, " N"]:
        """Energy in all cells, MeV."""
        return self.layer_energy.sum(axis=1)

    @cached_property
    def ring_energy(self) -> Float[Array, "N R"]:
        """Energy in the first, second, ... ring of all layers, MeV."""
        index = np.concatenate([np.arange(layer.n_r) for layer in self.binning.layers])
        return self._linear[1] @ (index[:, None] == np.arange(index.max() + 1)).astype(np.float64)

    @property
    def outer_ring_energy(self) -> Float[Array, " N"]:
        """Energy in the outermost ring of every layer together, MeV."""
        last = np.cumsum([layer.n_r for layer in self.binning.layers]) - 1
        return self._linear[1][:, last].sum(axis=1)

    @cached_property
    def radial(self) -> tuple[Float[Array, "N U"], Float[Array, "U 2"]]:
        """Energy (MeV) and radii (inner and outer, mm) of the rings; those of the same radii are added up."""
        edges = [np.asarray(layer.r_edges) for layer in self.binning.layers]
        rings = np.concatenate([np.stack([e[:-1], e[1:]], axis=1) for e in edges])
        radii, which = np.unique(rings, axis=0, return_inverse=True)
        return self._linear[1] @ np.eye(len(radii))[which.reshape(-1)], radii

    @cached_property
    def layer_hits(self) -> Float[Array, "N L"]:
        """Cells with energy in each layer."""
        hit = (self.energy > 0).view(np.uint8)
        counts = [hit[:, a:b].sum(axis=1, dtype=np.uint32) for a, b in pairwise(self.binning.layer_starts)]
        return np.stack(counts, axis=1).astype(np.float64)

    @cached_property
    def _results(self) -> dict[Callable[..., Any], Any]:
        return {}

    def once(self, function: Callable[["Sums"], Result]) -> Result:
        """What a function makes of these showers, computed the first time it is asked for.

        Args:
            function: of the showers alone.
        """
        if function not in self._results:
            self._results[function] = function(self)
        return self._results[function]

    @cached_property
    def hottest(self) -> Float[Array, "N 5"]:
        """Energies of the five hottest cells, MeV, falling; zeros where a mesh has fewer cells."""
        left, rows = self.energy.copy(), np.arange(len(self))
        top = np.zeros((len(self), _HOTTEST))
        for i in range(_HOTTEST):  # five searches cost a tenth of one partition
            where = left.argmax(axis=1)
            top[:, i] = left[rows, where]
            left[rows, where] = 0
        return top


def _layer_weights(binning: Binning) -> list[Float[Array, "v k"]]:
    """The matrix W of each layer."""
    r, alpha, ring = binning.r_centres, binning.alpha_centres, binning.ring_of_voxel
    x, y = r * np.cos(alpha), r * np.sin(alpha)
    columns = np.stack([np.ones_like(r), r, r * r, x, y, x * x, y * y], axis=1)
    return [
        np.concatenate([columns[a:b], ring[a:b, None] == np.arange(layer.n_r)], axis=1)
        for layer, (a, b) in zip(binning.layers, pairwise(binning.layer_starts), strict=True)
    ]
