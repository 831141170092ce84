"""CaloChallenge HDF5 (arXiv:2410.21611), plain or as caloforge writes it, with the XML of its mesh beside.

The CaloChallenge's datasets 2 and 3 hold deposited energies times 1/0.033, clipped at 0, in the order layer, alpha, r.
"""

__all__ = ["CaloChallenge", "Native", "PlainFile"]

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.formats.base import Format, Opened
from caloforge.data.formats.blocks import as_float32, rows_of_a_block
from caloforge.data.formats.options import AXES, ReadOptions, WriteOptions
from caloforge.data.formats.peek import Peek, reading
from caloforge.data.incident import Incident
from caloforge.data.mesh_file import MeshFile
from caloforge.data.points.point_file import PointFile
from caloforge.data.sanity import regular_shape
from caloforge.data.store import NoBinning, ShowerFile
from caloforge.data.writer import ShowerWriter
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.readouts import READOUTS

SCALED, ENERGY_SCALE = ("calochallenge-2", "calochallenge-3"), 1 / 0.033
_SCALED_RESPONSE = 0.2  # between 0.02 to 0.03 of deposited energies and 0.6 to 0.9 of those times 1/0.033


class PlainFile(ShowerFile):
    """A file in CaloChallenge layout, with what the user says of it.

    Args:
        path: HDF5 file.
        options: mesh, units, particle, order of axes and sampling fraction.

    Raises:
        BadFile: as `ShowerFile`.
        BadValue: a particle for a file that says its own, axes of a mesh whose layers differ.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        units = options.units
        self.units_certain, self.axes_checked = units is not None, not options.axes
        self._options = options
        self._incident_factor = (units and units.incident) or 1.0
        self._factor = ((units and units.cells) or 1.0) * (options.sampling_fraction or 1.0)
        self._order: Int[Array, " V"] | None = None
        super().__init__(path, options.binning)
        try:
            self._note_scale()
            if not self.states_units and not options.particle and not self.binning.pdg:
                self.doubts = (*self.doubts, "it names no particle, so its showers count as those of electrons")
        except BaseException:
            self.close()
            raise

    def _stored_binning(self) -> Binning:
        beside = self.path.with_suffix(".xml")
        if "binning_xml" in self._file.attrs or not beside.is_file():
            try:
                return super()._stored_binning()
            except NoBinning as error:
                raise NoBinning(self.path, self._fitting()) from error
        with reading(beside):
            return Binning.from_xml(beside.read_text(), beside)

    def _fitting(self) -> list[str]:
        cells = self._file["showers"].shape[1:] if "showers" in self._file else ()
        return [name for name, make in READOUTS.items() if int(np.prod(cells)) == make().n_voxels]

    def _check_shapes(self) -> None:
        super()._check_shapes()
        if self._options.particle and "incident_pdg" in self._file:
            raise BadValue("particle", self._options.particle, f"{self.path} says its particles; leave it out")
        if self._options.axes:
            self._order = cell_order(self._options.axes, self.binning)

    def _note_scale(self) -> None:
        """Keep the factor of datasets 2 and 3; a sampling fraction undoes it."""
        scale = self.provenance.energy_scale
        if (
            scale is None
            and not self.states_units
            and any(self.binning.same_cells(READOUTS[name]()) for name in SCALED)
        ):
            first = self[:25]
            response = first.total_energy.sum() / first.incident_energy.sum() / (self._options.sampling_fraction or 1)
            scale = ENERGY_SCALE if response > _SCALED_RESPONSE else None
        if self._options.sampling_fraction is not None:
            scale = (scale or 1.0) * self._options.sampling_fraction
        if scale is not None:
            self.provenance = self.provenance.with_facts(energy_scale=scale)

    def cells(self, rows: slice) -> Float[Array, "n V"]:
        """Deposited energies of these showers, MeV, in flat order of the mesh.

        Args:
            rows: of the file, forwards.

        Raises:
            BadFile: truncated or damaged.
        """
        cells = super().cells(rows)
        if self._order is not None:
            cells = cells[:, self._order]
        return as_float32(cells, self._factor)

    def incident(self, rows: slice = slice(None)) -> Incident:
        """The particles that made these showers, without reading their cells.

        Args:
            rows: of the file; all if not given.

        Raises:
            BadFile: truncated or damaged, or angles that are not radians.
        """
        incident = super().incident(rows)
        if self._options.particle:
            incident = replace(incident, pdg=np.full(len(incident), self._options.particle, np.int32))
        if self._incident_factor == 1:
            return incident
        return replace(incident, energy=as_float32(incident.energy, self._incident_factor))


def cell_order(axes: tuple[str, ...], binning: Binning) -> Int[Array, " V"]:
    """Place on disk of each cell in flat order.

    Args:
        axes: of cells on disk, the slowest first.
        binning: a mesh whose layers are alike.

    Raises:
        BadValue: a mesh whose layers differ.
    """
    shape = regular_shape(binning)
    if shape is None:
        raise BadValue("axes", axes, f"the layers of {binning.name} differ, so its cells have no axes")
    sizes = dict(zip(AXES, shape, strict=True))
    on_disk = np.arange(binning.n_voxels).reshape([sizes[axis] for axis in axes])
    return on_disk.transpose([axes.index(axis) for axis in AXES]).reshape(-1)


class Native(Format):
    """caloforge's own: CaloChallenge layout that carries its mesh, particles, angles and provenance."""

    name, title, holds = "caloforge", "caloforge's file of showers", "mesh"
    takes = frozenset({"binning", "units", "particle", "sampling_fraction", "axes"})
    writes = True

    def recognises(self, peek: Peek) -> bool:
        """HDF5 with ``showers`` of two axes that carries ``binning_xml``."""
        showers = peek.datasets.get("showers")
        return showers is not None and len(showers.shape) == 2 and "binning_xml" in peek.attributes

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `PlainFile`."""
        return PlainFile(path, options)

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Stream showers into the file."""
        assert isinstance(source, MeshFile)
        origin = source.binning, source.detector, source.provenance
        with ShowerWriter(path, *origin, options.mantissa_bits, source.has_source_ids) as writer:
            for batch in source.batches(rows_of_a_block(source.binning.n_voxels)):
                writer.append(batch)
            writer.keep_training_ids(source.training_ids)
            writer.note(**source.final_facts)


class CaloChallenge(Native):
    """The plain file: energies in MeV, nothing else; the mesh is an XML file beside."""

    name, title = "calochallenge", "CaloChallenge HDF5"
    aside = frozenset({"angles", "particle", "provenance", "depth"})

    def recognises(self, peek: Peek) -> bool:
        """HDF5 with ``showers`` of two axes and ``incident_energies``, without ``binning_xml``."""
        showers = peek.datasets.get("showers")
        plain = "incident_energies" in peek.datasets and "binning_xml" not in peek.attributes
        return plain and showers is not None and len(showers.shape) == 2 and showers.kind != "O"

    def companions(self, source: MeshFile | PointFile, path: Path) -> Mapping[Path, bytes]:
        """The XML of the mesh, under the name of the file."""
        assert isinstance(source, MeshFile)
        kinds = {int(pdg) for pdg in np.unique(source.incident().pdg)}
        mesh = replace(source.binning, pdg=kinds.pop()) if len(kinds) == 1 else source.binning
        return {path.with_suffix(".xml"): mesh.to_xml().encode()}
