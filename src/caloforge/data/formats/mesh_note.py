"""What mesh formats of others have no place for: mesh, detector, provenance (one note ``caloforge``, JSON) and ids."""

__all__ = ["MeshNote", "NotedFile", "read_mesh_note", "write_mesh_note"]

import json
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge.data.formats.origin import ORIGIN
from caloforge.data.formats.peek import reading
from caloforge.data.mesh_file import MeshFile
from caloforge.data.provenance import Provenance, parse_provenance
from caloforge.data.showers import NO_IDS
from caloforge.errors import BadFile
from caloforge.geometry.binning import Binning

_TRAINING, _SOURCES = "training_ids", "source_ids"


@dataclass(frozen=True)
class MeshNote:
    """The note of a file, or what a file without one says.

    Args:
        binning: the mesh; None where nothing is known.
        detector: name of the detector.
        provenance: how the showers were made.
    """

    binning: Binning | None = None
    detector: str = "unknown"
    provenance: Provenance = field(default_factory=Provenance)


class NotedFile(MeshFile):
    """A file of another project, in which ids of showers stand beside where caloforge wrote it."""

    _file: h5py.File

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Ids of the showers that the generator of these was trained on; none where the file does not say.

        Raises:
            BadFile: truncated or damaged.
        """
        with reading(self.path):
            return np.asarray(self._file[_TRAINING], np.uint64) if _TRAINING in self._file else NO_IDS

    @property
    def has_source_ids(self) -> bool:
        """Whether its showers are changed copies that know which showers they come from."""
        return _SOURCES in self._file

    def source_ids(self, rows: slice = slice(None)) -> UInt64[Array, " n"] | None:
        """Ids of the showers that these come from; None where no cell was changed.

        Args:
            rows: of the file; all if not given.

        Raises:
            BadFile: truncated or damaged.
        """
        with reading(self.path):
            return np.asarray(self._file[_SOURCES][rows], np.uint64) if self.has_source_ids else None


def write_mesh_note(file: h5py.File, source: MeshFile) -> None:
    """Note in an HDF5 file where showers come from.

    Args:
        file: open for writing.
        source: what is written.
    """
    facts = {
        "binning_xml": source.binning.to_xml(),
        "detector": source.detector,
        "provenance": source.provenance.with_facts(**source.final_facts).facts,
    }
    file.attrs[ORIGIN] = json.dumps(facts)
    if len(source.training_ids):
        file[_TRAINING] = source.training_ids
    if (ids := source.source_ids()) is not None:
        file[_SOURCES] = ids


def read_mesh_note(file: h5py.File, path: Path, name: str) -> MeshNote:
    """The note of an HDF5 file; without one, only the name of the format is known.

    Args:
        file: open for reading.
        path: of the file.
        name: of the format.

    Raises:
        BadFile: a note that is no JSON, or not of such a note.
    """
    if ORIGIN not in file.attrs:
        return MeshNote(provenance=Provenance(format=name))
    try:
        facts = json.loads(str(file.attrs[ORIGIN]))
        provenance = parse_provenance(json.dumps(facts["provenance"]))
        return MeshNote(Binning.from_xml(facts["binning_xml"], path), str(facts["detector"]), provenance)
    except (ValueError, KeyError, TypeError) as error:
        problem = f"its attribute {ORIGIN!r} is no note of caloforge ({error})"
        raise BadFile(path, problem, "delete that attribute of the file") from error
