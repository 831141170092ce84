"""A readout whose cells are volumes, wherever they lie: a list of centres and volumes, in layers by depth.

`CellMesh` stands where a `Binning` stands. What rests on layers, distances from the axis and volumes works as ever;
what needs rings and sectors raises `NoRings`, one sentence. Cells of a layer begin within the depth of its first one.
"""

__all__ = ["CellLayer", "CellMesh", "NoRings", "cell_mesh"]

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Never

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import BadValue, CaloforgeError
from caloforge.geometry.binning import Binning
from caloforge.geometry.layer import Layer


class NoRings(CaloforgeError):
    """Rings or sectors asked of cells that are volumes of a detector."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the cells of {name} are volumes of a detector, without the rings and sectors that this needs; "
            "simulate without --cells volumes to have a mesh about the shower's axis"
        )


class CellLayer(Layer):
    """Cells at about one depth, without rings and sectors.

    Args:
        number: its id, from 0 on.
        cells: how many.
        z_edges: depths between which they lie, mm.
        mesh: name of the readout, for errors.
    """

    def __init__(self, number: int, cells: int, z_edges: tuple[float, float], mesh: str) -> None:
        self.__dict__.update(id=number, cells=cells, z_edges=z_edges, mesh=mesh)

    @property
    def n_voxels(self) -> int:
        return int(self.__dict__["cells"])

    @property
    def r_edges(self) -> Never:
        raise NoRings(self.__dict__["mesh"])

    @property
    def n_alpha(self) -> Never:
        raise NoRings(self.__dict__["mesh"])

    @property
    def n_r(self) -> Never:
        raise NoRings(self.__dict__["mesh"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CellLayer) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(tuple(self.__dict__.values()))

    def __repr__(self) -> str:
        """Number, cells and depths."""
        return f"<CellLayer {self.id}: {self.n_voxels} cells, {self.z_edges} mm>"


@dataclass(frozen=True)
class CellMesh(Binning):
    """Cells by name, in flat order: layer by layer, in a layer as they lie in the detector's tree.

    Args:
        names: of the cells, each once: the path of copies through the detector.
        centres: x, y from the shower's axis, and depth, mm; rows in flat order.
        sizes: volume of each cell, mm3.
        depths: where each cell begins and ends, mm.
    """

    names: tuple[str, ...] = field(default=(), repr=False)
    centres: Float[Array, "V 3"] = field(default_factory=lambda: np.zeros((0, 3)), compare=False, repr=False)
    sizes: Float[Array, " V"] = field(default_factory=lambda: np.zeros(0), compare=False, repr=False)
    depths: Float[Array, "V 2"] = field(default_factory=lambda: np.zeros((0, 2)), compare=False, repr=False)

    @cached_property
    def r_centres(self) -> Float[Array, " V"]:
        """Distance of each cell's centre from the axis, mm."""
        return np.hypot(self.centres[:, 0], self.centres[:, 1])

    @cached_property
    def alpha_centres(self) -> Float[Array, " V"]:
        """Azimuth of each cell's centre, rad."""
        return np.arctan2(self.centres[:, 1], self.centres[:, 0])

    @property
    def volumes(self) -> Float[Array, " V"]:
        """Volume of each cell, mm3."""
        return self.sizes

    @property
    def areas(self) -> Never:
        raise NoRings(self.name)

    @property
    def ring_of_voxel(self) -> Never:
        raise NoRings(self.name)

    @property
    def sector_of_voxel(self) -> Never:
        raise NoRings(self.name)

    def flat_index(self, layer: Int[Array, " n"], r: Float[Array, " n"], alpha: Float[Array, " n"]) -> Never:
        raise NoRings(self.name)

    def same_cells(self, mesh: Binning) -> bool:
        """Whether both are the same cells at the same places.

        Args:
            mesh: to compare with.
        """
        return isinstance(mesh, CellMesh) and self.names == mesh.names and np.array_equal(self.centres, mesh.centres)

    def to_xml(self) -> str:
        """CaloChallenge XML with one ring and a sector for each cell: for tools that know no other cells.

        It says how many cells a layer has and where it lies, not where they lie in it.
        """
        reach = float(self.r_centres.max()) + 1.0
        layers = [Layer(layer.id, (0.0, reach), layer.n_voxels, layer.z_edges) for layer in self.layers]
        return Binning(tuple(layers), self.name).to_xml()


def cell_mesh(
    name: str,
    names: Sequence[str],
    centres: Float[Array, "V 3"],
    sizes: Float[Array, " V"],
    depths: Float[Array, "V 2"],
) -> CellMesh:
    """Cells put into layers by depth.

    Args:
        name: of the readout.
        names: of the cells, each once.
        centres: x, y and depth, mm.
        sizes: volumes, mm3.
        depths: where each begins and ends, mm.

    Raises:
        BadValue: no cell, or two of one name.
    """
    if not names or len(set(names)) != len(names):
        raise BadValue("cells", len(names), "give at least one, each with a name of its own")
    order = np.lexsort((np.arange(len(names)), np.round(centres[:, 2], 6)))
    layer, end = np.zeros(len(names), int), -np.inf
    number = -1
    for cell in order:
        if centres[cell, 2] >= end:
            number, end = number + 1, depths[cell, 1]
        layer[cell] = number
    flat = np.argsort(layer, kind="stable")
    layers = []
    for i in range(number + 1):
        inside = depths[layer == i]
        z = float(inside[:, 0].min()), float(inside[:, 1].max())
        layers.append(CellLayer(i, len(inside), z, name))
    columns = tuple(names[i] for i in flat), centres[flat], sizes[flat], depths[flat]
    return CellMesh(tuple(layers), name, None, *columns)
