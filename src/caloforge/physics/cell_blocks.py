"""Cells of some showers at a time, as columns, and sums over layers and rings.

What looks at two cells at once makes many arrays of all cells. A block of showers is so small that those in use stay in
the processor's cache; products are summed over the sectors of each ring of each layer as they are made.
"""

__all__ = ["Places", "blocks"]

from collections.abc import Iterator
from itertools import groupby

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy import sparse

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning

_BLOCK = 2**16  # cells


def blocks(showers: Showers) -> Iterator[tuple[slice, Float[Array, "V n"]]]:
    """Some showers at a time, as columns: their rows, and their cell energies, MeV.

    Args:
        showers: N of them.
    """
    size = max(1, _BLOCK // showers.binning.n_voxels)
    for start in range(0, len(showers), size):
        rows = slice(start, start + size)
        yield rows, np.ascontiguousarray(showers.energy[rows].T)


class Places:
    """The L layers of a mesh, then the first, second, ... of its R rings in all layers: where sums are made.

    Args:
        mesh: of V cells.
    """

    def __init__(self, mesh: Binning) -> None:
        self.layers = mesh.n_layers
        layer = np.repeat(np.arange(self.layers), [x.n_r for x in mesh.layers])
        ring = self.layers + np.concatenate([np.arange(x.n_r) for x in mesh.layers])
        columns = np.arange(len(ring))
        self._places = sparse.csr_array(
            (np.ones(2 * len(ring)), (np.concatenate([layer, ring]), np.concatenate([columns, columns])))
        )
        self._alike, start = list[tuple[slice, tuple[int, int, int]]](), 0
        for (sectors, rings), layers in groupby((x.n_alpha, x.n_r) for x in mesh.layers):
            shape = (len(list(layers)), sectors, rings)
            self._alike.append((slice(start, start + int(np.prod(shape))), shape))
            start = self._alike[-1][0].stop

    def sum(self, first: Float[Array, "V n"], second: Float[Array, "V n"]) -> Float[Array, "n P"]:
        """Sums of the products of two values over the cells of each of the P = L + R places.

        Args:
            first: a value of each cell of n showers.
            second: another.
        """
        over_sectors = [
            np.einsum("larn,larn->lrn", *(values[cells].reshape(*shape, -1) for values in (first, second)))
            for cells, shape in self._alike
        ]
        return (self._places @ np.concatenate([part.reshape(-1, first.shape[1]) for part in over_sectors])).T
