"""The HDF5 file of showers: CaloChallenge layout plus conditions, binning and provenance; slice, stream.

Every CaloChallenge tool reads it: ``incident_energies`` (N, 1) and ``showers`` (N, V) in MeV, gzip, chunked by shower.
caloforge adds ``incident_pdg``, ``incident_theta``, ``incident_phi`` and the attributes ``schema``, ``binning_xml``,
``detector`` and ``provenance`` (JSON).
"""

__all__ = ["NoBinning", "ShowerFile"]

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge.data.checks import describe_open_error, doubts_of_response, excess_of_response
from caloforge.data.ids import digest_of
from caloforge.data.incident import Incident
from caloforge.data.provenance import Provenance, parse_provenance
from caloforge.data.showers import NO_IDS, Showers
from caloforge.data.writer import COLUMNS
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.binning import Binning

_PLACES, _AT_A_PLACE = 8, 25  # showers by which the unit of energy is judged: 25 at each of 8 places of the file
_SAMPLE_BYTES = 2**28  # of cells that are unpacked for that at most, but for one place
_PERPENDICULAR = 1e-4  # rad; below, a direction is that of the normal


class NoBinning(BadFile):
    """A plain CaloChallenge file, which does not carry its mesh."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(
            path, "the file names no binning", "give binning=NAME or FILE.xml (--binning NAME or --binning FILE.xml)"
        )


class ShowerFile:
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
            self.binning = binning or self._stored_binning()
            self.provenance = self._stored_provenance()
            self._check_shapes()
            self.doubts = self._check_energies()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> h5py.File:
        if not self.path.exists():
            raise BadFile(self.path, "no such file", "give an HDF5 file of showers")
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise self._bad(*describe_open_error(self.path, error)) from error

    def _bad(self, problem: str, remedy: str = "make it again or give another file") -> BadFile:
        return BadFile(self.path, problem, remedy)

    def _stored_binning(self) -> Binning:
        if "binning_xml" not in self._file.attrs:
            raise NoBinning(self.path)
        return Binning.from_xml(str(self._file.attrs["binning_xml"]), self.path)

    def _stored_provenance(self) -> Provenance:
        try:
            return parse_provenance(str(self._file.attrs.get("provenance", "{}")))
        except ValueError as error:
            raise self._bad(f"its provenance is {error}", "mend or delete that attribute of the file") from error

    def _check_shapes(self) -> None:
        for name in ("showers", "incident_energies"):
            if not isinstance(self._file.get(name), h5py.Dataset):
                raise self._bad(f"no dataset {name!r}", "give a file in CaloChallenge layout")
        shape = self._file["showers"].shape
        if len(shape) != 2 or shape[1] != self.binning.n_voxels:
            expected = f"(N, {self.binning.n_voxels}) of binning {self.binning.name}"
            raise self._bad(f"showers have shape {shape}, not {expected}", "give the binning they were made with")
        if shape[0] == 0:
            raise self._bad("the file holds no shower")
        for name in ("incident_energies", *(c for c in COLUMNS if c in self._file)):
            if self._file[name].shape[:1] != shape[:1] or self._file[name].size != shape[0]:
                raise self._bad(f"{name} has shape {self._file[name].shape} for {shape[0]} showers")

    def _check_energies(self) -> tuple[str, ...]:
        """Refuse units that cannot be MeV, judged place by place; a model may make any energies, so of those say it."""
        doubts: list[str] = []
        for start in self._places():
            showers = self[start : start + _AT_A_PLACE]
            energies = showers.total_energy, showers.incident_energy, showers.pdg
            excess = excess_of_response(*energies)
            if excess and not self.provenance.values("generator"):
                raise self._bad(f"from shower {start}, {excess}", "write a file with both in MeV")
            doubts += [excess] if excess else doubts_of_response(*energies)
        return tuple(doubts[:1])

    def _places(self) -> list[int]:
        """First showers of the places at which energies are judged: the first, the last and evenly between."""
        cells = self._file["showers"]
        rows = max(_AT_A_PLACE, (cells.chunks or (1,))[0])  # chunks are unpacked whole
        affordable = max(1, _SAMPLE_BYTES // (rows * self.binning.n_voxels * cells.dtype.itemsize))
        places = min(_PLACES, affordable, -(-len(self) // _AT_A_PLACE))
        return np.linspace(0, max(0, len(self) - _AT_A_PLACE), places).astype(int).tolist()

    def __len__(self) -> int:
        return int(self._file["showers"].shape[0])

    def __getitem__(self, rows: slice) -> Showers:
        incident = self.incident(rows)
        try:
            energy = np.asarray(self._file["showers"][rows], np.float32)
            columns = incident.energy, incident.pdg, incident.theta, incident.phi
            return Showers(energy, *columns, self.binning, self.detector, self.provenance, self.training_ids)
        except OSError as error:
            raise self._bad("truncated or damaged") from error
        except BadValue as error:
            raise self._bad(str(error)) from error

    def incident(self, rows: slice = slice(None)) -> Incident:
        """The particles that made these showers, without reading their cells.

        Args:
            rows: of the file; all if not given.

        Raises:
            BadFile: truncated or damaged, or angles that are not radians.
        """
        try:
            energy = np.asarray(self._file["incident_energies"][rows], np.float32).reshape(-1)
            columns = {a: self._file[c][rows].reshape(-1) for c, (a, _) in COLUMNS.items() if c in self._file}
        except OSError as error:
            raise self._bad("truncated or damaged") from error
        n = len(energy)
        plain: dict[str, Any] = {
            "pdg": np.full(n, self.binning.pdg or 11, np.int32),
            "theta": np.zeros(n),
            "phi": np.zeros(n),
        }
        try:
            return Incident(energy, **(plain | columns))
        except BadValue as error:
            raise self._bad(str(error)) from error

    def batches(self, size: int = 1000) -> Iterator[Showers]:
        """The file in order, ``size`` showers at a time.

        Args:
            size: showers in a batch; the last may have fewer.

        Raises:
            BadFile: truncated or damaged, NaN or negative energies.
        """
        return (self[start : start + size] for start in range(0, len(self), size))

    def read(self) -> Showers:
        """All showers."""
        return self[:]

    @property
    def digest(self) -> str:
        """Hash of all showers, whatever their order, as of `Showers`; reads the file in batches."""
        return digest_of(np.concatenate([batch.ids for batch in self.batches()]))

    @cached_property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Ids of the showers that the generator of these was trained on; none where the file does not say."""
        if "training_ids" not in self._file:
            return NO_IDS
        return np.asarray(self._file["training_ids"], np.uint64)

    @property
    def detector(self) -> str:
        """Name of the detector, or "unknown"."""
        return str(self._file.attrs.get("detector", "unknown"))

    @property
    def oblique(self) -> bool:
        """Whether any shower comes from elsewhere than straight ahead."""
        return "incident_theta" in self._file and bool(np.max(self._file["incident_theta"][:]) > _PERPENDICULAR)

    def origin(self, name: str | Path) -> dict[str, Any]:
        """Where its showers come from: the name it was asked for by, its detector and its provenance.

        Args:
            name: what the file was asked for by.
        """
        return {"file": str(name), "detector": self.detector, **self.provenance.facts}

    def __enter__(self) -> "ShowerFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
