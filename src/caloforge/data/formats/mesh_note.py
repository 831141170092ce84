"""What mesh formats of others have no place for: mesh, detector and provenance, as one note ``caloforge``, in JSON."""

__all__ = ["MeshNote", "read_mesh_note", "write_mesh_note"]

import json
from dataclasses import dataclass, field
from pathlib import Path

import h5py

from caloforge.data.formats.origin import ORIGIN
from caloforge.data.mesh_file import MeshFile
from caloforge.data.provenance import Provenance, parse_provenance
from caloforge.errors import BadFile
from caloforge.geometry.binning import Binning


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
