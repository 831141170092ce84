"""Writing the HDF5 file of showers, see `caloforge.data.store` for what it holds: append, trim the mantissa."""

__all__ = ["COLUMNS", "SCHEMA", "ShowerWriter", "trim_mantissa", "write_showers"]

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from jaxtyping import Float, Int, UInt64
from numpy import ndarray as Array

from caloforge.data.cell_table import write_cells
from caloforge.data.cell_times import append_times
from caloforge.data.event_particles import append_events, holds_events
from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.errors import BadValue, UnwritablePath
from caloforge.geometry.binning import Binning, require_one_mesh

SCHEMA = "caloforge-showers-1"
# Datasets beside those of the CaloChallenge: name in the file, name in `Showers`, type.
COLUMNS = {
    "incident_pdg": ("pdg", np.int32),
    "incident_theta": ("theta", np.float32),
    "incident_phi": ("phi", np.float32),
}
UNITS = {"showers": "MeV", "incident_energies": "MeV", "incident_theta": "rad", "incident_phi": "rad"}
_CHUNK_BYTES = 2**18


def trim_mantissa(energy: Float[Array, "..."], bits: int) -> Float[Array, "..."]:
    """Round float32 to ``bits`` explicit mantissa bits so that gzip packs it well.

    The relative error is at most 2^-(bits+1).

    Args:
        energy: of any shape.
        bits: of the mantissa to keep, 1 to 23.

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


class ShowerWriter:
    """Appends showers to a new file, which appears under its name only when all of it is written.

    Use as a context manager; an exception inside removes what was written.

    Args:
        path: of the file.
        binning: mesh of all showers.
        detector: name of the calorimeter.
        provenance: where the showers come from; a mapping is checked and becomes a `Provenance`.
        mantissa_bits: bits of the mantissa of cell energies, and times, to keep.
        source_ids: keep the ids of the showers beside them, since some are changed copies.

    Raises:
        UnwritablePath: the file cannot be created.
        BinningMismatch: appended showers have another mesh.
    """

    def __init__(
        self,
        path: str | Path,
        binning: Binning,
        detector: str,
        provenance: Provenance | Mapping[str, Any],
        mantissa_bits: int = 23,
        source_ids: bool = False,
    ) -> None:
        self.path = Path(path)
        self.partial = self.path.with_name(f".{self.path.name}.{platform.node()}.{os.getpid()}.partial")
        self.binning, self.mantissa_bits = binning, mantissa_bits
        self.provenance = Provenance.model_validate(provenance)
        try:
            self._file = h5py.File(self.partial, "w")
        except OSError as error:
            problem = os.strerror(error.errno) if error.errno else "the folder is missing or read-only"
            raise UnwritablePath(self.path, problem) from error
        self._file.attrs.update(schema=SCHEMA, binning_xml=binning.to_xml(), detector=detector)
        self._file.attrs["provenance"] = self.provenance.to_json()
        self._create_datasets()
        if source_ids:
            self._file.create_dataset("source_ids", (0,), np.uint64, maxshape=(None,), chunks=(1024,))

    def _create_datasets(self) -> None:
        write_cells(self._file, self.binning)
        cells = self.binning.n_voxels
        rows = max(1, _CHUNK_BYTES // (4 * cells))
        packed = {"compression": "gzip", "compression_opts": 6, "shuffle": True}
        self._file.create_dataset("showers", (0, cells), "f4", maxshape=(None, cells), chunks=(rows, cells), **packed)
        self._file.create_dataset("incident_energies", (0, 1), "f4", maxshape=(None, 1), chunks=(1024, 1), **packed)
        for name, (_, kind) in COLUMNS.items():
            self._file.create_dataset(name, (0,), kind, maxshape=(None,), chunks=(1024,), **packed)
        for name, unit in UNITS.items():
            self._file[name].attrs["units"] = unit

    def append(self, showers: Showers) -> None:
        """Add showers at the end.

        Args:
            showers: on the mesh of the file.

        Raises:
            BinningMismatch: they have another mesh.
            BadValue: they are of events, and those before them of single particles, or the reverse; or only some have
                times of cells.
        """
        require_one_mesh(self.binning, showers.binning)
        if len(self._file["showers"]) and holds_events(self._file) != (showers.events is not None):
            raise BadValue("showers of one file", "of events and of single particles", "keep them apart")
        if showers.events is not None and len(showers):
            append_events(self._file, showers.events)
        self._extend("showers", trim_mantissa(showers.energy, self.mantissa_bits))
        append_times(self._file, showers.times, lambda times: trim_mantissa(times, self.mantissa_bits))
        self._extend("incident_energies", showers.incident_energy[:, None])
        for name, (attribute, _) in COLUMNS.items():
            self._extend(name, getattr(showers, attribute))
        if "source_ids" in self._file:
            self._extend("source_ids", showers.ids)

    def _extend(self, name: str, rows: Array) -> None:
        dataset = self._file[name]
        start = len(dataset)
        dataset.resize(start + len(rows), axis=0)
        dataset[start:] = rows

    def keep_training_ids(self, ids: UInt64[Array, " k"]) -> None:
        """Keep the ids of the showers that the generator of these was trained on: a judgement leaves them out.

        Args:
            ids: in any order.
        """
        if len(ids):
            self._file.create_dataset("training_ids", data=np.unique(ids), compression="gzip")

    def keep_replaced(self, counts: Int[Array, " n"]) -> None:
        """Keep how many particles of each shower a model replaced in the simulation.

        Args:
            counts: of all showers of the file, in order.
        """
        self._file.create_dataset("replaced_particles", data=counts.astype(np.int32), compression="gzip")

    def note(self, **facts: Any) -> None:
        """Add facts known only at the end (host time per shower, say) to the provenance."""
        self.provenance = self.provenance.with_facts(**facts)
        self._file.attrs["provenance"] = self.provenance.to_json()

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
    path: str | Path,
    showers: Showers,
    detector: str,
    provenance: Provenance | Mapping[str, Any],
    mantissa_bits: int = 23,
) -> None:
    """Write one file at once.

    Args:
        path: of the file.
        showers: all that it holds.
        detector: name of the calorimeter.
        provenance: where the showers come from.
        mantissa_bits: bits of the mantissa of cell energies to keep.

    Raises:
        UnwritablePath: the file cannot be created.
    """
    copies = showers.source_ids is not None
    with ShowerWriter(path, showers.binning, detector, provenance, mantissa_bits, copies) as writer:
        writer.append(showers)
        writer.keep_training_ids(showers.training_ids)
