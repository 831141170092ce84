"""CaloGAN HDF5: ``energy`` (N, 1) in GeV; ``layer_0``, ``layer_1``, ``layer_2`` in MeV, of three shapes; ``overflow``.

The file does not say its particle; positrons, photons and charged pions were published. ``overflow`` (N, 3), MeV, is
energy beside the cells: it is not read.
"""

__all__ = ["CaloGan", "CaloGanFile"]

from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.checks import describe_open_error
from caloforge.data.formats.base import Format, Opened
from caloforge.data.formats.blocks import as_float32, rows_of_a_block
from caloforge.data.formats.mesh_note import NotedFile, read_mesh_note, write_mesh_note
from caloforge.data.formats.options import ReadOptions, WriteOptions
from caloforge.data.formats.peek import Peek, reading
from caloforge.data.incident import Incident
from caloforge.data.mesh_file import MeshFile
from caloforge.data.points.point_file import PointFile
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.calogan_mesh import CALOGAN_SHAPES, calogan_mesh
from caloforge.units import GeV

_LAYERS = tuple(f"layer_{i}" for i in range(len(CALOGAN_SHAPES)))
_ANGLES = {"theta": "caloforge_theta", "phi": "caloforge_phi"}
_PDG = "incident_pdg"
_PACKED = {"compression": "gzip", "compression_opts": 6, "shuffle": True}


class CaloGanFile(NotedFile):
    """A file of CaloGAN.

    Args:
        path: HDF5 file.
        options: the particle, and units where they are not GeV and MeV.

    Raises:
        BadFile: damaged, shapes that are not those of CaloGAN, a particle that nobody said.
        UnitsUnknown: energies that are hardly in these units.
    """

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path, self._options, units = path, options, options.units
        self.units_certain, self.axes_checked = units is not None, False
        self._factors = (units and units.incident) or GeV, (units and units.cells) or 1.0
        self.binning = calogan_mesh()
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise self.bad(*describe_open_error(path, error)) from error
        try:
            with reading(path):
                note = read_mesh_note(self._file, path, CaloGan.name)
                self.detector, self.provenance = note.detector, note.provenance
                self._check_shapes()
                self.rows_at_once = max((self._file[name].chunks or (1,))[0] for name in _LAYERS)
                self._doubt_overflow()
                self.check_energies()
        except BaseException:
            self.close()
            raise

    def _check_shapes(self) -> None:
        n = self._file["energy"].shape[0]
        if not n:
            raise self.bad("the file holds no shower")
        expected: dict[str, tuple[int, ...]] = {}
        expected |= {name: (n, *shape) for name, shape in zip(_LAYERS, CALOGAN_SHAPES, strict=True)}
        expected |= {name: (n,) for name in (_PDG, *_ANGLES.values()) if name in self._file}
        for name, shape in expected.items():
            if self._file[name].shape != shape:
                raise self.bad(f"{name} has shape {self._file[name].shape}, not {shape} of CaloGAN")
        if self._file["energy"].size != n:
            raise self.bad(f"energy has shape {self._file['energy'].shape} for {n} showers")
        if _PDG in self._file and self._options.particle:
            raise BadValue("particle", self._options.particle, f"{self.path} says its particles; leave it out")
        if _PDG not in self._file and not self._options.particle:
            command = f"caloforge convert {self.path} OUT.h5 --particle e+"
            remedy = f"give particle='e+', gamma or pi+, as CaloGAN's three files have, or convert it: {command}"
            raise self.bad("the file does not say its particle", remedy)

    def _doubt_overflow(self) -> None:
        if "overflow" not in self._file:
            return
        first = slice(0, 1000)
        with np.errstate(all="ignore"):  # cells that are not finite are refused later
            beside = float(np.sum(self._file["overflow"][first], dtype=float))
            inside = sum(float(np.sum(self._file[name][first], dtype=float)) for name in _LAYERS)
        if 0 < beside < np.inf:
            self.doubts = (f"its overflow, {beside / (inside + beside):.2%} of the deposited energy, is not read",)

    def __len__(self) -> int:
        return int(self._file["energy"].shape[0])

    def cells(self, rows: slice) -> Float[Array, "n V"]:
        """Deposited energies of these showers, MeV: layer, phi, eta.

        Args:
            rows: of the file, forwards.

        Raises:
            BadFile: truncated or damaged.
        """
        with reading(self.path):
            layers = [self._file[name][rows] for name in _LAYERS]
        flat = np.concatenate([layer.reshape(len(layer), -1) for layer in layers], axis=1)
        return as_float32(flat, self._factors[1])

    def incident(self, rows: slice = slice(None)) -> Incident:
        """The particles that made these showers.

        Args:
            rows: of the file; all if not given.

        Raises:
            BadFile: truncated or damaged, or angles that are no directions.
        """
        with reading(self.path):
            energy = np.asarray(self._file["energy"][rows], float).reshape(-1) * self._factors[0]
            n = len(energy)
            pdg = self._file[_PDG][rows] if _PDG in self._file else np.full(n, self._options.particle)
            theta, phi = (self._file[key][rows] if key in self._file else np.zeros(n) for key in _ANGLES.values())
        try:
            return Incident(as_float32(energy), np.asarray(pdg, np.int32), theta, phi)
        except BadValue as error:
            raise self.bad(str(error)) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CaloGan(Format):
    """HDF5 of CaloGAN."""

    name, title, holds = "calogan", "CaloGAN HDF5", "mesh"
    lacks = frozenset({"events", "time"})
    aside = frozenset({"particle", "angles", "provenance"})
    takes = frozenset({"units", "particle"})
    writes = True

    def recognises(self, peek: Peek) -> bool:
        """``energy`` beside three layers of three axes."""
        layers = [peek.datasets.get(name) for name in _LAYERS]
        return "energy" in peek.datasets and all(layer is not None and len(layer.shape) == 3 for layer in layers)

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `CaloGanFile`."""
        return CaloGanFile(path, options)

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Stream showers on the cells of CaloGAN into the file.

        Raises:
            BadFile: other cells.
        """
        assert isinstance(source, MeshFile)
        if not calogan_mesh().same_cells(source.binning):
            problem = f"its cells are those of {source.binning.name}, {self.title} holds its own 504 alone"
            raise BadFile(source.path, problem, "choose another --to")
        n, start, edges = len(source), 0, calogan_mesh().layer_starts
        with h5py.File(path, "w") as file:
            file.create_dataset("energy", (n, 1), "f8")
            for name, shape in zip(_LAYERS, CALOGAN_SHAPES, strict=True):
                file.create_dataset(name, (n, *shape), "f8", chunks=(min(n, 100), *shape), **_PACKED)
            for name, kind in ((_PDG, "i4"), *((key, "f4") for key in _ANGLES.values())):
                file.create_dataset(name, (n,), kind)
            for batch in source.batches(rows_of_a_block(source.binning.n_voxels)):
                here = slice(start, start + len(batch))
                for i, (name, shape) in enumerate(zip(_LAYERS, CALOGAN_SHAPES, strict=True)):
                    file[name][here] = batch.energy[:, edges[i] : edges[i + 1]].reshape(-1, *shape)
                file["energy"][here, 0] = batch.incident_energy.astype(float) / GeV
                for name, values in ((_PDG, batch.pdg), *zip(_ANGLES.values(), (batch.theta, batch.phi), strict=True)):
                    file[name][here] = values
                start += len(batch)
            write_mesh_note(file, source)
