"""Operations on cells, their energies and times: merged into a coarser mesh, cut at a threshold, or masked."""

__all__ = ["Mask", "MergeCells", "Threshold"]

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from pydantic import Field

from caloforge.data.cell_times import CellTimes
from caloforge.data.operations.operation import Operation
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.coarsening import cells_into, merged_mesh


class MergeCells(Operation):
    """Cells side by side become one that holds the sum of their energies, added in float64.

    Args:
        layers: that make one.
        sectors: that make one.
        rings: that make one.
        target: mesh to merge into, instead of factors; each of its cells is a union of whole cells.
    """

    operation: ClassVar[str] = "merge-cells"
    changes_cells: ClassVar[bool] = True
    layers: int = Field(1, ge=1)
    sectors: int = Field(1, ge=1)
    rings: int = Field(1, ge=1)
    target: Binning | None = None

    @property
    def untrue(self) -> tuple[str, ...]:
        """Fields of the provenance that no longer hold afterwards."""
        return ("readout", "mantissa_bits")

    def mesh(self, binning: Binning) -> Binning:
        """The coarser mesh.

        Args:
            binning: the finer one.

        Raises:
            BadValue: neither factors nor a target, or cells that would have to be cut.
        """
        factors = (self.layers, self.sectors, self.rings)
        if (self.target is None) == (factors == (1, 1, 1)):
            raise BadValue("what to merge", factors, "give layers, sectors or rings above 1, or else a target mesh")
        coarse = merged_mesh(binning, *factors) if self.target is None else self.target
        cells_into(binning, coarse)
        return coarse

    def apply(self, showers: Showers, first: int = 0) -> Showers:
        """The same energies in larger cells.

        Args:
            showers: on the finer mesh.
            first: of no consequence.
        """
        coarse, order, starts = _merging(self, showers.binning)
        energy = np.zeros((len(showers), coarse.n_voxels), np.float32)
        energy[:, starts[0]] = np.add.reduceat(showers.energy[:, order], starts[1], axis=1, dtype=np.float64)
        return showers.with_cells(energy, coarse, _merged_times(showers, energy, order, starts))

    @property
    def options(self) -> dict[str, Any]:
        """The factors, or the target as XML."""
        if self.target is None:
            return {"layers": self.layers, "sectors": self.sectors, "rings": self.rings}
        return {"target": self.target.name, "binning_xml": self.target.to_xml()}


def _merged_times(
    showers: Showers, merged: Float[Array, "N W"], order: Int[Array, " V"], starts: tuple[Array, Array]
) -> CellTimes | None:
    """Mean times weighted with the energy, and the first of all first deposits."""
    if showers.times is None:
        return None
    weighted = np.nan_to_num(showers.times.mean).astype(np.float64) * showers.energy
    mean, first = np.full((2, *merged.shape), np.nan, np.float32)
    cells, begin = starts
    with np.errstate(invalid="ignore"):  # empty cells: 0 / 0 is their NaN
        energy = np.add.reduceat(showers.energy[:, order], begin, axis=1, dtype=np.float64)
        mean[:, cells] = np.add.reduceat(weighted[:, order], begin, axis=1) / energy
    first[:, cells] = np.fmin.reduceat(showers.times.first[:, order], begin, axis=1)
    return CellTimes(np.maximum(mean, first), first)


def _emptied(showers: Showers, energy: Float[Array, "N V"]) -> Showers:
    """The showers with some cells empty now, which then have no time."""
    return showers.with_cells(energy, times=None if showers.times is None else showers.times.of_hit(energy))


@lru_cache(maxsize=4)
def _merging(merge: MergeCells, fine: Binning) -> tuple[Binning, Int[Array, " V"], tuple[Array, Array]]:
    """Coarse mesh; fine cells in the order of their coarse ones; the coarse cells, and where each of them starts."""
    coarse = merge.mesh(fine)
    into = cells_into(fine, coarse)
    order = np.argsort(into, kind="stable")
    return coarse, order, np.unique(into[order], return_index=True)


class Threshold(Operation):
    """Cells below a threshold are set to zero, as a readout with zero suppression gives them.

    Args:
        energy: MeV; a cell with just this energy stays.
    """

    operation: ClassVar[str] = "threshold"
    changes_cells: ClassVar[bool] = True
    energy: float = Field(gt=0, allow_inf_nan=False)

    def apply(self, showers: Showers, first: int = 0) -> Showers:
        """The showers without such cells.

        Args:
            showers: of any mesh.
            first: of no consequence.
        """
        return _emptied(showers, np.where(showers.energy < self.energy, np.float32(0), showers.energy))


class Mask(Operation):
    """Whole layers, or cells by their number, are set to zero: dead channels.

    Args:
        layers: ids of layers.
        cells: numbers in the flat order of the mesh, from 0.
    """

    operation: ClassVar[str] = "mask"
    changes_cells: ClassVar[bool] = True
    layers: tuple[int, ...] = ()
    cells: tuple[int, ...] = ()

    @property
    def untrue(self) -> tuple[str, ...]:
        """Fields of the provenance that no longer hold afterwards."""
        return ("energy_outside_mesh",)

    def mesh(self, binning: Binning) -> Binning:
        """The same mesh.

        Args:
            binning: of the showers.

        Raises:
            BadValue: nothing to mask, or layers or cells that there are not.
        """
        if not self.layers and not self.cells:
            raise BadValue("what to mask", "nothing", "give layers or cells")
        ids = [layer.id for layer in binning.layers]
        for what, numbers, choice in (("layer", self.layers, ids), ("cell", self.cells, range(binning.n_voxels))):
            if missing := [number for number in numbers if number not in choice]:
                limits = f"{binning.name} has {what}s {choice[0]} to {choice[-1]}"
                raise BadValue(f"{what} to mask", missing[0], limits)
        return binning

    def apply(self, showers: Showers, first: int = 0) -> Showers:
        """The showers without energy there.

        Args:
            showers: on a mesh that has these layers and cells.
            first: of no consequence.
        """
        mesh = self.mesh(showers.binning)
        ids = np.array([layer.id for layer in mesh.layers])[mesh.layer_of_voxel]
        dead = np.isin(ids, self.layers)
        dead[list(self.cells)] = True
        return _emptied(showers, np.where(dead, np.float32(0), showers.energy))
