"""Showers with swapped cables, for chapter 4: five of them, in each of which the cells of a layer are exchanged."""

__all__ = ["swapped_cables", "swapped_rows"]

import numpy as np
from jaxtyping import Int
from numpy import ndarray as Array

from caloforge.data.showers import Showers
from caloforge.errors import EmptySample
from caloforge.rng import stream

_COUNT, _SEED = 5, 4


def swapped_rows(n: int) -> Int[Array, " k"]:
    """Rows of the showers that `swapped_cables` changes, in order.

    Args:
        n: showers.
    """
    return np.sort(stream(_SEED, "swapped-cables").choice(n, _COUNT, replace=False))


def swapped_cables(showers: Showers) -> Showers:
    """The showers, five of which have the cells of the layer with the most energy exchanged at random.

    Args:
        showers: 20 of them at least.

    Raises:
        EmptySample: fewer.
    """
    if len(showers) < 4 * _COUNT:
        raise EmptySample(f"swapping cables needs {4 * _COUNT} showers", len(showers))
    energy, starts = showers.energy.copy(), showers.binning.layer_starts
    rng = stream(_SEED, "permutation")
    for row in swapped_rows(len(showers)):
        layer = int(np.argmax(showers.layer_energy[row]))
        cells = slice(starts[layer], starts[layer + 1])
        energy[row, cells] = rng.permutation(energy[row, cells])
    return showers.with_cells(energy)
