"""The HDF5 file of showers: CaloChallenge layout plus conditions, binning and provenance; slice, stream.

Every CaloChallenge tool reads it: ``incident_energies`` (N, 1) and ``showers`` (N, V) in MeV, gzip, chunked by shower.
caloforge adds ``incident_pdg``, ``incident_theta``, ``incident_phi`` and the attributes ``schema``, ``binning_xml``,
``detector`` and ``provenance`` (JSON). A file of events also holds the tables of `caloforge.data.event_particles`, one
whose cells were changed after the simulation also ``source_ids``, of the showers that these come from, one with times
of cells the datasets ``time`` and ``first_time`` of `caloforge.data.cell_times`.
"""

__all__ = ["NoBinning", "ShowerFile"]

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float, UInt64
from numpy import ndarray as Array

from caloforge.data.cell_table import read_cells
from caloforge.data.cell_times import CellTimes, check_times, holds_times, read_times
from caloforge.data.checks import describe_open_error
from caloforge.data.event_particles import EventParticles, check_events, holds_events, read_events
from caloforge.data.formats.blocks import as_float32
from caloforge.data.incident import Incident
from caloforge.data.mesh_file import MeshFile
from caloforge.data.provenance import Provenance, parse_provenance
from caloforge.data.showers import NO_IDS
from caloforge.data.writer import COLUMNS
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.binning import Binning

_PERPENDICULAR = 1e-4  # rad; below, a direction is that of the normal


class NoBinning(BadFile):
    """A plain CaloChallenge file, which does not carry its mesh.

    Args:
        path: of the file.
        meshes: by name, that have as many cells.
    """

    def __init__(self, path: str | Path, meshes: Sequence[str] = ()) -> None:
        fitting = f"; its number of cells is that of {' and '.join(meshes)}" if meshes else ""
        remedy = f"give binning=NAME or FILE.xml (--binning NAME or --binning FILE.xml){fitting}"
        super().__init__(path, "the file names no binning", remedy)


class ShowerFile(MeshFile):
    """A file of showers, read by slices: ``file[a:b]`` is a `Showers`.

    A plain CaloChallenge file does not say all: it needs ``binning``, and its showers count as perpendicular ones of
    the particle that the binning names, of electrons where it names none.

    The unit of its energies is judged on opening, by 25 showers at each of up to eight places from its first shower to
    its last. Showers that a model generated are refused for nothing that a bad model may do; `doubts` then say it.

    Args:
        path: HDF5 file.
        binning: the mesh, for files that do not carry one.

    Attributes:
        provenance: how the file was made; empty for a file that does not say.
        doubts: sentences on what is odd about its energies, though possible.

    Raises:
        BadFile: missing, empty, truncated, not HDF5, open in a process that writes it, wrong shapes, NaN or negative
            energies, no binning, cells that hold more than their particles brought, unreadable provenance.
    """

    def __init__(self, path: str | Path, binning: Binning | None = None) -> None:
        self.path = Path(path)
        self._file = self._open()
        try:
            self.states_units = "schema" in self._file.attrs
            self.binning = binning or self._stored_binning()
            self.provenance = self._stored_provenance()
            self._check_shapes()
            self.detector = str(self._file.attrs.get("detector", "unknown"))
            self.rows_at_once = (self._file["showers"].chunks or (1,))[0]
            self.check_energies()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> h5py.File:
        if not self.path.exists():
            raise BadFile(self.path, "no such file", "give an HDF5 file of showers")
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise self.bad(*describe_open_error(self.path, error)) from error

    def _stored_binning(self) -> Binning:
        if "binning_xml" not in self._file.attrs:
            raise NoBinning(self.path)
        try:
            return read_cells(self._file, Binning.from_xml(str(self._file.attrs["binning_xml"]), self.path))
        except BadValue as error:
            raise self.bad(f"its cells cannot be read: {error}") from error

    def _stored_provenance(self) -> Provenance:
        try:
            return parse_provenance(str(self._file.attrs.get("provenance", "{}")))
        except ValueError as error:
            raise self.bad(f"its provenance is {error}", "mend or delete that attribute of the file") from error

    def _check_shapes(self) -> None:
        for name in ("showers", "incident_energies"):
            if not isinstance(self._file.get(name), h5py.Dataset):
                raise self.bad(f"no dataset {name!r}", "give a file in CaloChallenge layout")
        shape = self._file["showers"].shape
        if len(shape) != 2 or shape[1] != self.binning.n_voxels:
            expected = f"(N, {self.binning.n_voxels}) of binning {self.binning.name}"
            raise self.bad(f"showers have shape {shape}, not {expected}", "give the binning they were made with")
        if shape[0] == 0:
            raise self.bad("the file holds no shower")
        for name in ("incident_energies", *(c for c in (*COLUMNS, "source_ids") if c in self._file)):
            column = self._file[name]
            if not isinstance(column, h5py.Dataset):
                raise self.bad(f"{name} is no dataset")
            if column.shape[:1] != shape[:1] or column.size != shape[0]:
                raise self.bad(f"{name} has shape {column.shape} for {shape[0]} showers")
        if self.has_source_ids and self._file["source_ids"].dtype != np.uint64:
            raise self.bad("source_ids are no ids (64-bit numbers without sign)", "delete that dataset of the file")
        if self.holds_events and (problem := check_events(self._file, shape[0])):
            raise self.bad(problem)
        if self.holds_times and (problem := check_times(self._file)):
            raise self.bad(problem)

    def __len__(self) -> int:
        return int(self._file["showers"].shape[0])

    def cells(self, rows: slice) -> Float[Array, "n V"]:
        """Deposited energies of these showers, MeV.

        Args:
            rows: of the file, forwards.

        Raises:
            BadFile: truncated or damaged.
        """
        try:
            return as_float32(self._file["showers"][rows])
        except OSError as error:
            raise self.bad("truncated or damaged") from error

    def incident(self, rows: slice = slice(None)) -> Incident:
        """The particles that made these showers, without reading their cells.

        Args:
            rows: of the file; all if not given.

        Raises:
            BadFile: truncated or damaged, or angles that are not radians.
        """
        try:
            energy = as_float32(self._file["incident_energies"][rows]).reshape(-1)
            columns = {a: self._file[c][rows].reshape(-1) for c, (a, _) in COLUMNS.items() if c in self._file}
        except OSError as error:
            raise self.bad("truncated or damaged") from error
        n = len(energy)
        plain: dict[str, Any] = {
            "pdg": np.full(n, self.binning.pdg or 11, np.int32),
            "theta": np.zeros(n),
            "phi": np.zeros(n),
        }
        try:
            return Incident(energy, **(plain | columns))
        except BadValue as error:
            raise self.bad(str(error)) from error

    @property
    def holds_events(self) -> bool:
        """Whether several particles made each shower together."""
        return holds_events(self._file)

    def events(self, rows: slice = slice(None)) -> EventParticles | None:
        """All particles of these showers, where several made each together; else None.

        Args:
            rows: of the file; all if not given.

        Raises:
            BadFile: truncated or damaged.
        """
        try:
            return read_events(self._file, rows) if self.holds_events else None
        except OSError as error:
            raise self.bad("truncated or damaged") from error

    @property
    def has_source_ids(self) -> bool:
        """Whether its showers are changed copies that know which showers they come from."""
        return "source_ids" in self._file

    def source_ids(self, rows: slice = slice(None)) -> UInt64[Array, " n"] | None:
        """Ids of the showers that these come from; None where no cell was changed.

        Args:
            rows: of the file; all if not given.

        Raises:
            BadFile: truncated or damaged.
        """
        try:
            return np.asarray(self._file["source_ids"][rows], np.uint64) if self.has_source_ids else None
        except OSError as error:
            raise self.bad("truncated or damaged") from error

    @property
    def holds_times(self) -> bool:
        """Whether the times of cells were kept."""
        return holds_times(self._file)

    def times(self, rows: slice = slice(None)) -> CellTimes | None:
        """Times of the cells of these showers, where they were kept; else None.

        Args:
            rows: of the file; all if not given.

        Raises:
            BadFile: truncated or damaged.
        """
        try:
            return read_times(self._file, rows) if self.holds_times else None
        except OSError as error:
            raise self.bad("truncated or damaged") from error

    @cached_property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Ids of the showers that the generator of these was trained on; none where the file does not say."""
        if "training_ids" not in self._file:
            return NO_IDS
        return np.asarray(self._file["training_ids"], np.uint64)

    @property
    def oblique(self) -> bool:
        """Whether any shower comes from elsewhere than straight ahead."""
        return "incident_theta" in self._file and bool(np.max(self._file["incident_theta"][:]) > _PERPENDICULAR)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
