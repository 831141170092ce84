r"""The readout mesh: a stack of layers, each cut into rings in r and sectors in alpha.

Cells lie in a cylinder about the shower axis. Cell :math:`(i, j)` of a layer covers :math:`r_i \le r < r_{i+1}` and the
:math:`j`-th of ``n_alpha`` equal sectors from :math:`-\pi`. Flat order is layer, alpha, r with **r fastest**, as in the
CaloChallenge (arXiv:2410.21611), whose XML is read and written; an optional attribute ``z_edges`` (mm from the
calorimeter's face) lets a mesh be laid over a detector, and tools that do not know it ignore it.
"""

__all__ = ["Binning", "Layer", "require_one_mesh"]

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import BadFile, BadValue, BinningMismatch
from caloforge.geometry.layer import Layer

_MOST_CELLS = 10**7  # of a mesh from a file
_NO_LAYER = "0"  # how CaloChallenge XML writes the r edges of a layer without cells


@dataclass(frozen=True)
class Binning:
    """All layers of a readout in flat order.

    Args:
        layers: in order of their ids.
        name: of the mesh; it does not decide which cells there are, see `same_cells`.
        pdg: particle whose showers the mesh was published for, None where it says nothing; no part of equality.

    Raises:
        BadValue: no layer, or layer ids that do not increase.
    """

    layers: tuple[Layer, ...]
    name: str = "custom"
    pdg: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        ids = [layer.id for layer in self.layers]
        if not ids or ids != sorted(set(ids)):
            raise BadValue("layer ids", ids, "give at least one layer, ids increasing")

    @property
    def n_layers(self) -> int:
        return len(self.layers)

    @cached_property
    def layer_starts(self) -> Int[Array, " edges"]:
        """Flat index of each layer's first cell, then the number of cells."""
        return np.cumsum([0, *(layer.n_voxels for layer in self.layers)])

    @property
    def n_voxels(self) -> int:
        return int(self.layer_starts[-1])

    @cached_property
    def layer_of_voxel(self) -> Int[Array, " V"]:
        """Position (not id) of each cell's layer."""
        return np.repeat(np.arange(self.n_layers), np.diff(self.layer_starts))

    @cached_property
    def ring_of_voxel(self) -> Int[Array, " V"]:
        """Index of each cell's ring, 0 on the axis."""
        return np.concatenate([np.tile(np.arange(layer.n_r), layer.n_alpha) for layer in self.layers])

    @cached_property
    def sector_of_voxel(self) -> Int[Array, " V"]:
        """Index of each cell's sector, 0 at -pi."""
        return np.concatenate([np.repeat(np.arange(layer.n_alpha), layer.n_r) for layer in self.layers])

    @cached_property
    def r_centres(self) -> Float[Array, " V"]:
        """Middle of each cell's ring, mm."""
        middles = [np.convolve(layer.r_edges, [0.5, 0.5], "valid") for layer in self.layers]
        return np.concatenate([np.tile(m, layer.n_alpha) for m, layer in zip(middles, self.layers, strict=True)])

    @cached_property
    def alpha_centres(self) -> Float[Array, " V"]:
        """Middle of each cell's sector, rad, in (-pi, pi)."""
        n_alpha = np.array([layer.n_alpha for layer in self.layers])[self.layer_of_voxel]
        return -math.pi + (self.sector_of_voxel + 0.5) * 2 * math.pi / n_alpha

    @cached_property
    def z_edges(self) -> Float[Array, "L 2"] | None:
        """Depth range of each layer, mm; None where the mesh does not know its depth."""
        edges = [layer.z_edges for layer in self.layers]
        return None if any(e is None for e in edges) else np.array(edges, dtype=float)

    @cached_property
    def areas(self) -> Float[Array, " V"]:
        """Area of each cell across the axis, mm2."""
        rings = [np.diff(np.square(layer.r_edges)) * math.pi / layer.n_alpha for layer in self.layers]
        return np.concatenate([np.tile(a, layer.n_alpha) for a, layer in zip(rings, self.layers, strict=True)])

    @property
    def volumes(self) -> Float[Array, " V"]:
        """Volume of each cell, mm3.

        Raises:
            BadValue: the mesh has no depth.
        """
        if self.z_edges is None:
            raise BadValue("z_edges", None, f"binning {self.name} has no depth, so its cells have areas but no volumes")
        return self.areas * np.diff(self.z_edges, axis=1)[self.layer_of_voxel, 0]

    def same_cells(self, mesh: "Binning") -> bool:
        """Whether both are the same mesh: equal ids, rings and sectors, and depths where both know them.

        Everything that joins or compares showers asks this; names, particles and unknown depths do not matter.

        Args:
            mesh: to compare with.
        """
        if len(self.layers) != len(mesh.layers):
            return False
        pairs = zip(self.layers, mesh.layers, strict=True)
        return all((a.id, a.r_edges, a.n_alpha) == (b.id, b.r_edges, b.n_alpha) for a, b in pairs) and (
            self.z_edges is None or mesh.z_edges is None or np.array_equal(self.z_edges, mesh.z_edges)
        )

    def with_depths_of(self, mesh: "Binning") -> "Binning":
        """This mesh, or ``mesh`` if only that one knows its depths.

        Args:
            mesh: one of the `same_cells`.
        """
        return mesh if self.z_edges is None else self

    @cached_property
    def _kinds(self) -> tuple[tuple[tuple[float, ...], int], ...]:
        """Rings and sectors of the layers, each kind once."""
        return tuple(dict.fromkeys((layer.r_edges, layer.n_alpha) for layer in self.layers))

    @cached_property
    def _kind_of_layer(self) -> Int[Array, " L_and_none"]:
        """Position of the rings and sectors of each layer in `_kinds`; last -1, for no layer."""
        return np.array([*(self._kinds.index((layer.r_edges, layer.n_alpha)) for layer in self.layers), -1])

    def flat_index(self, layer: Int[Array, " n"], r: Float[Array, " n"], alpha: Float[Array, " n"]) -> Int[Array, " n"]:
        """Cell that contains each point, or -1 where no cell does.

        Args:
            layer: position of the layer.
            r: distance from the axis, mm.
            alpha: azimuth, rad.
        """
        index = np.full(len(layer), -1)
        kind = self._kind_of_layer[layer]
        for k, (r_edges, n_alpha) in enumerate(self._kinds):
            here = np.flatnonzero(kind == k)
            ring = np.searchsorted(r_edges, r[here], side="right") - 1
            turn = (alpha[here] + math.pi) / (2 * math.pi) % 1.0
            sector = np.minimum((turn * n_alpha).astype(int), n_alpha - 1)
            inside = (ring >= 0) & (ring < len(r_edges) - 1)
            cell = self.layer_starts[layer[here]] + sector * (len(r_edges) - 1) + ring
            index[here[inside]] = cell[inside]
        return index

    def layer_at_depth(self, z: Float[Array, " n"]) -> Int[Array, " n"]:
        """Position of the layer that contains each depth (mm), or -1.

        Args:
            z: depths, mm.

        Raises:
            BadValue: the mesh has no depth.
        """
        if self.z_edges is None:
            raise BadValue("z_edges", None, f"binning {self.name} does not say at which depth its layers lie")
        inside = (z[:, None] >= self.z_edges[:, 0]) & (z[:, None] < self.z_edges[:, 1])
        return np.where(inside.any(1), inside.argmax(1), -1)

    def to_xml(self) -> str:
        """CaloChallenge XML for the mesh's particle, electrons where it names none.

        Ids without cells are written as empty layers, as the CaloChallenge's tools expect.
        """
        root = ElementTree.Element("Bins")
        table = ElementTree.SubElement(root, "Bin", pid=str(self.pdg or 11), name=self.name)
        by_id = {layer.id: layer for layer in self.layers}
        for layer_id in range(max(by_id) + 1):
            ElementTree.SubElement(table, "Layer", _attributes(layer_id, by_id.get(layer_id)))
        ElementTree.indent(root)
        return ElementTree.tostring(root, encoding="unicode")

    @classmethod
    def from_xml(cls, text: str, source: str | Path = "binning XML") -> "Binning":
        """Read CaloChallenge XML from text.

        Args:
            text: XML.
            source: what errors call it.

        Raises:
            BadFile: not XML, or not a binning.
        """
        try:
            root = ElementTree.fromstring(text, ElementTree.XMLParser(target=_NoDoctype()))
            table = next(iter(root.iter("Bin")))
            layers = tuple(_read_layers(table.iter("Layer")))
            pid = table.get("pid")
            return cls(layers, table.get("name", "custom"), None if pid is None else int(pid))
        except (ElementTree.ParseError, StopIteration, LookupError, ValueError, BadValue) as error:
            problem = f"not a CaloChallenge binning ({str(error) or 'no <Bin> element'})"
            raise BadFile(source, problem, "give XML with <Bins><Bin><Layer id r_edges n_bin_alpha/>") from error


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a document type, and with it every entity: nothing of a foreign XML expands or is fetched."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it declares a document type, which a binning has no use for")


def _number(value: float) -> str:
    return f"{value:.10g}"


def _attributes(layer_id: int, layer: Layer | None) -> dict[str, str]:
    if layer is None:
        return {"id": str(layer_id), "r_edges": _NO_LAYER, "n_bin_alpha": "1"}
    attributes = {
        "id": str(layer_id),
        "r_edges": ",".join(map(_number, layer.r_edges)),
        "n_bin_alpha": str(layer.n_alpha),
    }
    return attributes | ({"z_edges": ",".join(map(_number, layer.z_edges))} if layer.z_edges else {})


def _read_layers(elements: Iterable[ElementTree.Element]) -> Iterable[Layer]:
    cells = 0
    for element in elements:
        edges = tuple(float(text) for text in element.attrib["r_edges"].split(","))
        if len(edges) < 2:
            continue
        z_text = element.get("z_edges")
        low_high = tuple(float(text) for text in z_text.split(",")) if z_text else None
        z_edges = None if low_high is None else (low_high[0], low_high[1])
        n_alpha = int(element.attrib["n_bin_alpha"])
        cells += n_alpha * (len(edges) - 1)
        if cells > _MOST_CELLS:
            raise ValueError(f"more than {_MOST_CELLS} cells")
        yield Layer(int(element.attrib["id"]), edges, n_alpha, z_edges)


def require_one_mesh(first: Binning, second: Binning) -> None:
    """Refuse to compare or join what does not lie on one mesh, see `Binning.same_cells`.

    Args:
        first: mesh of some showers.
        second: mesh of others.

    Raises:
        BinningMismatch: the cells differ.
    """
    if not first.same_cells(second):
        raise BinningMismatch(first.name, second.name)
