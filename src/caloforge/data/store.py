"""The HDF5 file of showers: CaloChallenge layout plus conditions, binning and provenance; append, slice, stream.

Every CaloChallenge tool reads it: ``incident_energies`` (N, 1) and ``showers`` (N, V) in MeV, gzip, chunked by shower.
caloforge adds ``incident_pdg``, ``incident_theta``, ``incident_phi`` and the attributes ``schema``, ``binning_xml``,
``detector`` and ``provenance`` (JSON).
"""

__all__ = ["SCHEMA", "NoBinning", "ShowerFile", "ShowerWriter", "trim_mantissa", "write_showers"]

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.ids import digest_of
from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import BadFile, BadValue, BinningMismatch, UnwritablePath
from caloforge.geometry.binning import Binning

SCHEMA = "caloforge-showers-1"
_CHUNK_BYTES = 2**18
_COLUMNS = {
    "incident_pdg": ("pdg", np.int32),
    "incident_theta": ("theta", np.float32),
    "incident_phi": ("phi", np.float32),
}


def trim_mantissa(energy: Float[Array, "..."], bits: int) -> Float[Array, "..."]:
    """Round float32 to ``bits`` explicit mantissa bits so that gzip packs it well.

    The relative error is at most 2^-(bits+1).

    Raises:
        BadValue: not between 1 and 23 bits.
    """
    if not 1 <= bits <= 23:
        raise BadValue("mantissa bits", bits, "keep between 1 and 23 bits")
    drop = 23 - bits
    if drop == 0:
        return np.asarray(energy, np.float32)
    words = np.ascontiguousarray(energy, np.float32).view(np.uint32)
    half = np.uint32(1 << (drop - 1))
    return ((words + half) & np.uint32(0xFFFFFFFF << drop & 0xFFFFFFFF)).view(np.float32)


class NoBinning(BadFile):
    """A plain CaloChallenge file, which does not carry its mesh."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "the file names no binning", "give --binning NAME or --binning FILE.xml")


class ShowerWriter:
    """Appends showers to a new file, which appears under its name only when all of it is written.

    Use as a context manager; an exception inside removes what was written.

    Raises:
        UnwritablePath: the file cannot be created.
        BinningMismatch: appended showers have another mesh.
    """

    def __init__(
        self, path: str | Path, binning: Binning, detector: str, provenance: dict[str, Any], mantissa_bits: int = 23
    ) -> None:
        self.path = Path(path)
        self.partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        self.binning, self.mantissa_bits = binning, mantissa_bits
        try:
            self._file = h5py.File(self.partial, "w")
        except OSError as error:
            raise UnwritablePath(self.path, error.strerror or "the folder is missing or read-only") from error
        self._file.attrs.update(
            schema=SCHEMA, binning_xml=binning.to_xml(), detector=detector, provenance=json.dumps(provenance)
        )
        self._create_datasets()

    def _create_datasets(self) -> None:
        cells = self.binning.n_voxels
        rows = max(1, _CHUNK_BYTES // (4 * cells))
        packed = {"compression": "gzip", "compression_opts": 6, "shuffle": True}
        self._file.create_dataset("showers", (0, cells), "f4", maxshape=(None, cells), chunks=(rows, cells), **packed)
        self._file.create_dataset("incident_energies", (0, 1), "f4", maxshape=(None, 1), chunks=(1024, 1), **packed)
        for name, (_, kind) in _COLUMNS.items():
            self._file.create_dataset(name, (0,), kind, maxshape=(None,), chunks=(1024,), **packed)

    def append(self, showers: Showers) -> None:
        """Add showers at the end."""
        if showers.binning.layers != self.binning.layers:
            raise BinningMismatch(self.binning.name, showers.binning.name)
        self._extend("showers", trim_mantissa(showers.energy, self.mantissa_bits))
        self._extend("incident_energies", showers.incident_energy[:, None])
        for name, (attribute, _) in _COLUMNS.items():
            self._extend(name, getattr(showers, attribute))

    def _extend(self, name: str, rows: Array) -> None:
        dataset = self._file[name]
        start = len(dataset)
        dataset.resize(start + len(rows), axis=0)
        dataset[start:] = rows

    def note(self, **facts: Any) -> None:
        """Add facts known only at the end (host time per shower, say) to the provenance."""
        provenance = json.loads(self._file.attrs["provenance"]) | facts
        self._file.attrs["provenance"] = json.dumps(provenance)

    def __enter__(self) -> "ShowerWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if kind is None:
            self.partial.replace(self.path)
        else:
            self.partial.unlink(missing_ok=True)


def write_showers(
    path: str | Path, showers: Showers, detector: str, provenance: dict[str, Any], mantissa_bits: int = 23
) -> None:
    """Write one file at once; see `ShowerWriter` for errors."""
    with ShowerWriter(path, showers.binning, detector, provenance, mantissa_bits) as writer:
        writer.append(showers)


class ShowerFile:
    """A file of showers, read by slices: ``file[a:b]`` is a `Showers`.

    A plain CaloChallenge file needs ``binning``; its showers count as perpendicular electrons, since it does not say.

    Raises:
        BadFile: missing, empty, truncated, not HDF5, wrong shapes, NaN or negative energies, no binning.
    """

    def __init__(self, path: str | Path, binning: Binning | None = None) -> None:
        self.path = Path(path)
        self._file = self._open()
        try:
            self.binning = binning or self._stored_binning()
            self._check_shapes()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> h5py.File:
        if not self.path.is_file():
            raise BadFile(self.path, "no such file", "give an HDF5 file of showers")
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise self._bad("empty, truncated or not an HDF5 file") from error

    def _bad(self, problem: str, remedy: str = "make it again or give another file") -> BadFile:
        return BadFile(self.path, problem, remedy)

    def _stored_binning(self) -> Binning:
        if "binning_xml" not in self._file.attrs:
            raise NoBinning(self.path)
        return Binning.from_xml(str(self._file.attrs["binning_xml"]), self.path)

    def _check_shapes(self) -> None:
        for name in ("showers", "incident_energies"):
            if not isinstance(self._file.get(name), h5py.Dataset):
                raise self._bad(f"no dataset {name!r}", "give a file in CaloChallenge layout")
        shape, n = self._file["showers"].shape, self._file["incident_energies"].shape[:1]
        if len(shape) != 2 or shape[1] != self.binning.n_voxels:
            expected = f"(N, {self.binning.n_voxels}) of binning {self.binning.name}"
            raise self._bad(f"showers have shape {shape}, not {expected}", "give the binning they were made with")
        if shape[0] == 0:
            raise self._bad("the file holds no shower")
        for name in ("incident_energies", *(c for c in _COLUMNS if c in self._file)):
            if self._file[name].shape[:1] != shape[:1] or self._file[name].size != shape[0]:
                raise self._bad(f"{name} has shape {self._file[name].shape} for {shape[0]} showers ({n[0]} energies)")

    def __len__(self) -> int:
        return int(self._file["showers"].shape[0])

    def __getitem__(self, rows: slice) -> Showers:
        try:
            incident = np.asarray(self._file["incident_energies"][rows], np.float32).reshape(-1)
            energy = np.asarray(self._file["showers"][rows], np.float32)
            columns = {a: np.asarray(self._file[c][rows]) for c, (a, _) in _COLUMNS.items() if c in self._file}
        except OSError as error:
            raise self._bad("truncated or damaged") from error
        plain = {"pdg": np.full(len(incident), 11), "theta": np.zeros(len(incident)), "phi": np.zeros(len(incident))}
        try:
            return Showers(energy=energy, incident_energy=incident, binning=self.binning, **(plain | columns))
        except BadValue as error:
            raise self._bad(str(error)) from error

    def incident(self, rows: slice = slice(None)) -> Incident:
        """The particles that made these showers, without reading their cells.

        Raises:
            BadFile: truncated or damaged.
        """
        try:
            energy = np.asarray(self._file["incident_energies"][rows], np.float32).reshape(-1)
            columns = {a: np.asarray(self._file[c][rows]) for c, (a, _) in _COLUMNS.items() if c in self._file}
        except OSError as error:
            raise self._bad("truncated or damaged") from error
        return replace(Incident.alike(energy), **columns)

    def batches(self, size: int = 1000) -> Iterator[Showers]:
        """The file in order, ``size`` showers at a time."""
        return (self[start : start + size] for start in range(0, len(self), size))

    def read(self) -> Showers:
        """All showers."""
        return self[:]

    @property
    def digest(self) -> str:
        """Hash of all showers, whatever their order, as of `Showers`; reads the file in batches."""
        return digest_of(np.concatenate([batch.ids for batch in self.batches()]))

    @property
    def detector(self) -> str:
        """Name of the detector, or "unknown"."""
        return str(self._file.attrs.get("detector", "unknown"))

    @property
    def provenance(self) -> dict[str, Any]:
        """How the file was made; empty for a file that does not say."""
        facts: dict[str, Any] = json.loads(str(self._file.attrs.get("provenance", "{}")))
        return facts

    def origin(self, name: str | Path) -> dict[str, Any]:
        """Where its showers come from: the name it was asked for by, its detector and its provenance."""
        return {"file": str(name), "detector": self.detector, **self.provenance}

    def __enter__(self) -> "ShowerFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
