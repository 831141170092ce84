"""Files seen as the other kind: points as showers on a mesh, showers on a mesh as points; block by block."""

__all__ = ["ScatteredFile", "VoxelisedFile"]

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.mesh_file import MeshFile
from caloforge.data.points.hits import Hits
from caloforge.data.points.placement import Placement
from caloforge.data.points.point_file import PointFile
from caloforge.data.points.voxelise import Place, devoxelise, frame_of, voxelise
from caloforge.data.showers import Showers
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.binning import Binning

_CELLS = 2**23  # at once
_FIRST = 100  # showers at most by which a placement is resolved


class VoxelisedFile(MeshFile):
    """Points as showers on a mesh; what the first showers, a hundred at most, decide of the placement holds for all.

    Args:
        points: the file; closing this closes it.
        binning: the mesh.
        placement: where it lies.

    Attributes:
        placement: where it lies, in numbers.

    Raises:
        BadValue: as `voxelise`.
        BadFile: damaged points.
    """

    def __init__(self, points: PointFile, binning: Binning, placement: Placement | None = None) -> None:
        self.points, self.binning, self.path = points, binning, points.path
        self.provenance, self.detector, self.doubts = points.provenance, points.detector, points.doubts
        first = points[: min(_FIRST, points.showers_at_once)]
        self.placement = (placement or Placement()).resolved(first, max(layer.r_edges[-1] for layer in binning.layers))
        self._energy = np.zeros(2)  # of all points, and of those outside, MeV, of the blocks that were read
        self.provenance = points.provenance.with_facts(readout=binning.name, mesh=frame_of(first, self.placement))

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, rows: slice) -> Showers:
        start, stop, _ = rows.indices(len(self))
        size = max(1, min(self.points.showers_at_once, _CELLS // self.binning.n_voxels))
        ends = range(start, max(start + 1, stop), size)
        return Showers.concatenate([self._block(slice(i, min(i + size, stop))) for i in ends])

    def _block(self, rows: slice) -> Showers:
        hits = self.points[rows]
        try:
            showers, outside = voxelise(hits, self.binning, self.placement)
        except BadValue as error:
            raise BadFile(self.path, str(error)) from error
        self._energy += hits.total_energy.sum(), outside.sum()
        return showers

    def cells(self, rows: slice) -> Float[Array, "n V"]:
        """Energies of the cells of these showers, MeV.

        Args:
            rows: of the file, forwards.
        """
        return self[rows].energy

    def incident(self, rows: slice = slice(None)) -> Incident:
        """The particles that made these showers; reads their points.

        Args:
            rows: of the file; all if not given.
        """
        start, stop, _ = rows.indices(len(self))
        size = self.points.showers_at_once
        ends = range(start, max(start + 1, stop), size)
        return Incident.concatenate([Incident.of(self[i : min(i + size, stop)]) for i in ends])

    @property
    def outside(self) -> float:
        """Share of the energy of all points that were read which lies outside the mesh."""
        return float(self._energy[1] / self._energy[0]) if self._energy[0] else 0.0

    @property
    def final_facts(self) -> dict[str, Any]:
        """Share of the deposited energy that no cell holds, also of what the points had lost before; the placement."""
        before = self.points.provenance.energy_outside_mesh or 0.0
        placement = {"axis": self.placement.axis, "origin_mm": self.placement.origin}
        placement |= {"first_layer": self.placement.first_layer, "energy_outside": self.outside}
        return {"energy_outside_mesh": 1 - (1 - before) * (1 - self.outside), "voxelised": placement}

    def close(self) -> None:
        """Close the file of points."""
        self.points.close()


class ScatteredFile(PointFile):
    """Showers on a mesh as points, one in every cell that is hit.

    Args:
        mesh: the file; closing this closes it.
        place: in the middle of the cell, or uniform in it.
        seed: of the uniform places.
    """

    def __init__(self, mesh: MeshFile, place: Place = "centre", seed: int = 0) -> None:
        self.mesh, self.path, self.place, self.seed = mesh, mesh.path, place, seed
        self.detector, self.doubts = mesh.detector, mesh.doubts
        self.showers_at_once = max(1, min(1000, 2_000_000 // mesh.binning.n_voxels))
        self.provenance = mesh.provenance.without("cell_encoding").with_facts(
            points=place, **({"seed_of_points": seed} if place == "uniform" else {})
        )

    def __len__(self) -> int:
        return len(self.mesh)

    def __getitem__(self, rows: slice) -> Hits:
        hits = devoxelise(self.mesh[rows], self.place, self.seed, rows.indices(len(self))[0])
        return replace(hits, provenance=self.provenance)

    def close(self) -> None:
        """Close the file of showers."""
        self.mesh.close()
