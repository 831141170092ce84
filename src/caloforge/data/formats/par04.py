r"""HDF5 of Geant4's example Par04 and of LEMURS: ``showers`` (N, r, phi, z) in MeV, z fastest, not rescaled.

``incident_energy`` (N,) stands beside, of LEMURS also ``incident_theta`` and ``incident_phi``. Their theta is that to
the beam of a collider, and a barrel is hit straight on at :math:`\pi/2`: the angle to the normal is
:math:`|\theta - \pi/2|`, with azimuth 0 where the particle flies on along the beam and :math:`\pi` where it flies back.
Older files have one dataset for each energy, and that energy, in GeV, is its name: ``Angle_90/64`` or ``64``.
"""

__all__ = ["Par04", "Par04File"]

import math
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.checks import describe_open_error
from caloforge.data.formats.base import Format, Opened
from caloforge.data.formats.blocks import as_float32, rows_of_a_block
from caloforge.data.formats.mesh_note import NotedFile, read_mesh_note, write_mesh_note
from caloforge.data.formats.options import AXES, ReadOptions, WriteOptions
from caloforge.data.formats.par04_keys import Segment, find_segments, recognises_par04
from caloforge.data.formats.peek import Peek, reading
from caloforge.data.incident import Incident
from caloforge.data.mesh_file import MeshFile
from caloforge.data.points.point_file import PointFile
from caloforge.data.sanity import regular_shape
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.readouts import readout

ON_DISK = ("r", "alpha", "layer")
_MESHES = {(9, 16, 45): "calochallenge-2", (18, 50, 45): "calochallenge-3"}  # of the example's macros
_ELECTRON = 11
_OWN = {"theta": "caloforge_theta", "phi": "caloforge_phi"}  # angles to the normal, exactly as they were
_PACKED = {"compression": "gzip", "compression_opts": 6, "shuffle": True}


class Par04File(NotedFile):
    """A file of Par04 or LEMURS.

    Args:
        path: HDF5 file.
        options: mesh, units, particle and order of the axes, where the user gives them.

    Raises:
        BadFile: damaged, shapes that do not fit, a mesh that nobody knows.
        UnitsUnknown: energies that are hardly in MeV.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path, self._options, units = path, options, options.units
        self.units_certain = units is not None
        self._factors = (units and units.incident) or 1.0, (units and units.cells) or 1.0
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise self.bad(*describe_open_error(path, error)) from error
        try:
            with reading(path):
                note = read_mesh_note(self._file, path, Par04.name)
                self._segments = find_segments(self._file, path)
                self.detector, self.provenance = note.detector, note.provenance
                self.binning = self._mesh(note.binning)
                self.rows_at_once = max((s.cells.chunks or (1,))[0] for s in self._segments)
                self._check_columns()
                self.check_energies()
        except BaseException:
            self.close()
            raise

    def _mesh(self, noted: Binning | None) -> Binning:
        """The mesh, and its sizes held against those of the datasets."""
        axes = self._options.axes or ON_DISK
        sizes = dict(zip(axes, self._segments[0].cells.shape[1:], strict=True))
        shape = sizes["layer"], sizes["alpha"], sizes["r"]
        name = _MESHES.get(shape[::-1])
        binning = self._options.binning or noted or (readout(name) if name else None)
        if binning is None and shape in _MESHES:
            raise self.bad(
                f"its axes {shape[::-1]} are in the order layer, alpha, r", "give axes='layer,alpha,r' (--axes)"
            )
        if binning is None:
            raise self.bad(
                f"nobody knows the mesh of {shape[2]} x {shape[1]} x {shape[0]} cells in r, phi, z", _GIVE_MESH
            )
        if regular_shape(binning) != shape:
            cells = f"{shape[2]} x {shape[1]} x {shape[0]} cells in r, phi, z"
            raise self.bad(f"its {cells} are not those of binning {binning.name}", "give the mesh, or --axes")
        return binning

    def _check_columns(self) -> None:
        if self._options.particle and "incident_pdg" in self._file:
            raise BadValue("particle", self._options.particle, f"{self.path} says its particles; leave it out")
        for name in ("incident_pdg", *_OWN.values()):
            if name in self._file and self._file[name].shape != (len(self),):
                raise self.bad(f"{name} has shape {self._file[name].shape} for {len(self)} showers")
        azimuths = [segment.phi for segment in self._segments if segment.phi is not None]
        if azimuths and _OWN["phi"] not in self._file and np.ptp(azimuths[0][:]) > 0:
            text = "its incident_phi, the azimuth about the collider's beam, is not read: the mesh follows the shower"
            self.doubts = (text,)

    def __len__(self) -> int:
        return sum(len(segment) for segment in self._segments)

    def _parts(self, rows: slice) -> list[tuple[Segment, slice]]:
        """The segments that hold some rows, and their rows there."""
        wanted, start, parts = range(*rows.indices(len(self))), 0, list[tuple[Segment, slice]]()
        for segment in self._segments:
            first = wanted.start + max(0, -(-(start - wanted.start) // wanted.step)) * wanted.step
            inside = range(first, min(wanted.stop, start + len(segment)), wanted.step)
            if len(inside) or not parts:
                low = max(0, inside.start - start)
                parts.append((segment, slice(low, low + (inside[-1] - first + 1 if len(inside) else 0), wanted.step)))
            start += len(segment)
        return parts

    def cells(self, rows: slice) -> Float[Array, "n V"]:
        """Deposited energies of these showers, MeV, in flat order of the mesh.

        Args:
            rows: of the file, forwards.

        Raises:
            BadFile: truncated or damaged.
        """
        axes = self._options.axes or ON_DISK
        with reading(self.path):
            blocks = [np.asarray(segment.cells[part]) for segment, part in self._parts(rows)]
        order = [0, *(1 + axes.index(axis) for axis in AXES)]
        flat = [block.transpose(order).reshape(len(block), self.binning.n_voxels) for block in blocks]
        cells = np.concatenate(flat) if len(flat) > 1 else flat[0]
        return as_float32(cells, self._factors[1])

    def incident(self, rows: slice = slice(None)) -> Incident:
        """The particles that made these showers, without reading their cells.

        Args:
            rows: of the file; all if not given.

        Raises:
            BadFile: truncated or damaged, or angles that are no directions.
        """
        with reading(self.path):
            parts = [(segment.energies(part), segment.angles(part)) for segment, part in self._parts(rows)]
            named = not isinstance(self._segments[0].incident, h5py.Dataset)  # by the name, which is in GeV
            energy = np.concatenate([energies for energies, _ in parts]) * (1.0 if named else self._factors[0])
            theta, phi = _to_normal(np.concatenate([angles for _, angles in parts]))
            own = {key: self._file[name][rows] for key, name in _OWN.items() if name in self._file}
            plain = np.full(len(energy), self._options.particle or _ELECTRON, np.int32)
            pdg = np.asarray(self._file["incident_pdg"][rows], np.int32) if "incident_pdg" in self._file else plain
        angles = {"theta": as_float32(theta), "phi": as_float32(phi)} | own
        try:
            return Incident(as_float32(energy), pdg, angles["theta"], angles["phi"])
        except BadValue as error:
            raise self.bad(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


_GIVE_MESH = "give it: --binning NAME or --binning FILE.xml"


def _to_normal(theta: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Angle to the normal of a barrel and azimuth, of an angle to the beam."""
    return np.abs(theta - math.pi / 2), np.where(theta > math.pi / 2, math.pi, 0.0)


def _to_beam(theta: Float[Array, " n"], phi: Float[Array, " n"]) -> Float[Array, " n"]:
    """Angle to the beam, of a direction about the normal of a barrel."""
    return np.arccos(np.clip(np.sin(theta) * np.cos(phi), -1, 1))


class Par04(Format):
    """HDF5 of Par04 and LEMURS."""

    name, title, holds = "par04", "HDF5 of Par04 and LEMURS", "mesh"
    lacks = frozenset({"events", "time"})
    aside = frozenset({"particle", "provenance", "mesh", "depth"})
    takes = frozenset({"binning", "units", "particle", "axes"})
    writes = True

    def recognises(self, peek: Peek) -> bool:
        """``showers`` of four axes beside incident energies, or datasets of four axes named by energies."""
        return recognises_par04(peek.datasets)

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `Par04File`."""
        return Par04File(path, options)

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Stream showers into the file, with particles, angles to the normal and a note of the rest.

        Raises:
            BadValue: a mesh whose layers differ.
        """
        assert isinstance(source, MeshFile)
        shape = regular_shape(source.binning)
        if shape is None:
            raise BadValue(
                "output format", self.name, f"the layers of {source.binning.name} differ; choose another --to"
            )
        start, n, rows = 0, len(source), max(1, 2**18 // (4 * source.binning.n_voxels))
        with h5py.File(path, "w") as file:
            cells = (n, *shape[::-1])
            file.create_dataset("showers", cells, "f4", chunks=(min(n, rows), *shape[::-1]), **_PACKED)
            for name in ("incident_energy", "incident_theta", "incident_phi", *_OWN.values()):
                file.create_dataset(name, (n,), "f4")
            file.create_dataset("incident_pdg", (n,), "i4")
            for batch in source.batches(rows_of_a_block(source.binning.n_voxels)):
                here = slice(start, start + len(batch))
                file["showers"][here] = batch.energy.reshape(-1, *shape).transpose(0, 3, 2, 1)
                file["incident_energy"][here], file["incident_pdg"][here] = batch.incident_energy, batch.pdg
                file["incident_theta"][here] = _to_beam(batch.theta, batch.phi)
                file[_OWN["theta"]][here], file[_OWN["phi"]][here] = batch.theta, batch.phi
                start += len(batch)
            write_mesh_note(file, source)
