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


@dataclass(frozen=True)
class CellLayer(Layer):
    """Cells at about one depth; to tools that know rings only it is one ring of as many sectors.

    Args:
        cells: how many.
        mesh: name of the readout.
    """

    cells: int = 1
    mesh: str = "cells"

    def __getattribute__(self, name: str) -> object:
        if name in ("n_r", "n_alpha", "r_edges"):
            raise NoRings(object.__getattribute__(self, "mesh"))
        return object.__getattribute__(self, name)

    def __post_init__(self) -> None:
        """Nothing to check: its numbers are counted."""

    @property
    def n_voxels(self) -> int:
        return self.cells


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
    name: str, names: Sequence[str], centres: Float[Array, "V 3"], sizes: Float[Array, " V"], depths: Float[Array, "V 2"]
) -> tuple[CellMesh, Int[Array, " V"]]:
    """Cells put into layers by depth; and, for each as given, its place in the flat order.

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
        layers.append(CellLayer(i, (), 0, z, cells=len(inside), mesh=name))
    place = np.empty(len(names), int)
    place[flat] = np.arange(len(names))
    mesh = CellMesh(
        tuple(layers), name, None, tuple(names[i] for i in flat), centres[flat], sizes[flat], depths[flat]
    )
    return mesh, place
