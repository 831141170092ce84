r"""What the events leave in the cells: energies and, where asked for, times.

The time of a cell is the mean :math:`\sum_i e_i t_i / \sum_i e_i` over its deposits, and that of the first of them;
NaN in a cell that nothing was left in.
"""

__all__ = ["Scores"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.cell_times import CellTimes
from caloforge.simulation.geant4.steps import Steps


@dataclass(frozen=True)
class Scores:
    """Of n events.

    Args:
        cells: MeV, float32.
        sensitive: energy in all sensitive slabs, in the mesh or not, MeV.
        times: of the cells, where they are kept.
    """

    cells: Float[Array, "n V"]
    sensitive: Float[Array, " n"]
    times: CellTimes | None

    @classmethod
    def empty(cls, n: int, n_voxels: int, times: bool) -> "Scores":
        """Nothing left anywhere.

        Args:
            n: events.
            n_voxels: cells of the mesh.
            times: whether to keep them.
        """
        never = [np.full((n, n_voxels), np.nan, np.float32) for _ in range(2 * times)]
        return cls(np.zeros((n, n_voxels), np.float32), np.zeros(n), CellTimes(*never) if times else None)

    def fill(self, index: int, steps: Steps, cell: Int[Array, " n"]) -> None:
        """Enter an event.

        Args:
            index: of the event.
            steps: of the event.
            cell: of each step, or -1.
        """
        self.sensitive[index] = steps.deposit.sum()
        inside = cell >= 0
        cell, deposit = cell[inside], steps.deposit[inside]
        energy = np.bincount(cell, deposit, self.cells.shape[1])
        self.cells[index] = energy
        if self.times is None:
            return
        time = steps.time[inside]
        first = np.full(len(energy), np.inf)
        np.minimum.at(first, cell[deposit > 0], time[deposit > 0])
        hit = self.cells[index] > 0
        mean = np.bincount(cell, deposit * time, len(energy))[hit] / energy[hit]
        self.times.first[index, hit] = first[hit]
        self.times.mean[index, hit] = np.maximum(mean, first[hit])  # rounding may put it a bit before the first
