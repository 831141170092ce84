"""Points summed in the cells of a calorimeter: a point in the middle of each cell that is hit, with the cell's id."""

__all__ = ["CelledFile", "sum_in_cells"]

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.points.hits import Hits
from caloforge.data.points.point_file import PointFile
from caloforge.data.ragged import offsets_of
from caloforge.errors import BadFile
from caloforge.geometry.calo_cells import CaloCells


def sum_in_cells(hits: Hits, cells: CaloCells) -> tuple[Hits, Float[Array, " N"]]:
    """The energy of points in the cells that contain them; times are lost.

    Args:
        hits: N showers, in the coordinates of the cells.
        cells: of the calorimeter.

    Returns:
        One point a cell that is hit, ordered by cell, and the energy of each shower that no cell contains, MeV.
    """
    cell = cells.locate(np.stack([hits.x, hits.y, hits.z], axis=1).astype(float))
    shower, inside, energy = hits.shower_of_point, cell >= 0, hits.energy.astype(float)
    keys, places = np.unique(shower[inside] * len(cells) + cell[inside], return_inverse=True)
    sums = np.bincount(places.reshape(-1), energy[inside], len(keys))
    owner, number = np.divmod(keys, len(cells))
    offsets = offsets_of(np.bincount(owner, minlength=len(hits)))
    x, y, z = cells.centre[number].T
    columns: dict[str, Any] = {
        "layer": cells.layer[number],
        "cell": cells.id[number],
        "time": None,
        "first_layer": None,
        "provenance": hits.provenance.without("cell_encoding"),
    }
    summed = replace(hits, x=x, y=y, z=z, energy=sums, offsets=offsets, **columns)
    return summed, np.bincount(shower[~inside], energy[~inside], len(hits)).astype(float)


class CelledFile(PointFile):
    """A file of points, summed in the cells of a calorimeter block by block.

    Args:
        points: the file; closing this closes it.
        cells: of the calorimeter.

    Raises:
        BadFile: depths that are numbers of layers, or points that are in the frame of the face.
    """

    def __init__(self, points: PointFile, cells: CaloCells) -> None:
        self.points, self.cells, self.path = points, cells, points.path
        self.provenance, self.detector, self.doubts = points.provenance, points.detector, points.doubts
        self.showers_at_once = points.showers_at_once
        first = points[:1]
        if first.depth != "mm" or first.normal is not None:
            problem = "its points are not in the coordinates of a detector"
            raise BadFile(self.path, problem, "cells of a calorimeter take points of full simulation, such as EDM4hep")
        self._energy = np.zeros(2)  # of all points, and of those in no cell, MeV, of the blocks that were read

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: slice) -> Hits:
        hits = self.points[rows]
        summed, outside = sum_in_cells(hits, self.cells)
        self._energy += hits.total_energy.sum(), outside.sum()
        return summed

    @property
    def final_facts(self) -> dict[str, Any]:
        """Share of the energy of all blocks that were read which no cell contains."""
        return {"energy_outside_mesh": float(self._energy[1] / self._energy[0]) if self._energy[0] else 0.0}

    def close(self) -> None:
        """Close the file of points."""
        self.points.close()
