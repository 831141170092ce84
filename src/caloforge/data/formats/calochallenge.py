"""CaloChallenge HDF5 (arXiv:2410.21611), plain or as caloforge writes it, with the XML of its mesh beside."""

__all__ = ["CaloChallenge", "Native"]

from pathlib import Path

from caloforge.data.formats.base import Format, Opened
from caloforge.data.formats.options import ReadOptions, WriteOptions
from caloforge.data.formats.peek import Peek
from caloforge.data.mesh_file import MeshFile
from caloforge.data.point_file import PointFile
from caloforge.data.store import ShowerFile
from caloforge.data.writer import ShowerWriter


class Native(Format):
    """caloforge's own: CaloChallenge layout that carries its mesh, particles, angles and provenance."""

    name, title, holds = "caloforge", "caloforge's file of showers", "mesh"
    takes = frozenset({"binning"})
    writes = True

    def recognises(self, peek: Peek) -> bool:
        """HDF5 with ``showers`` of two axes that carries ``binning_xml``."""
        showers = peek.datasets.get("showers")
        return showers is not None and len(showers.shape) == 2 and "binning_xml" in peek.attributes

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `ShowerFile`."""
        return ShowerFile(path, options.binning)

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Stream showers into the file."""
        assert isinstance(source, MeshFile)
        with ShowerWriter(path, source.binning, source.detector, source.provenance, options.mantissa_bits) as writer:
            for batch in source.batches():
                writer.append(batch)
            writer.keep_training_ids(source.training_ids)
            writer.note(**source.final_facts)


class CaloChallenge(Format):
    """The plain file: energies in MeV, nothing else; the mesh is an XML file beside."""

    name, title, holds = "calochallenge", "CaloChallenge HDF5", "mesh"
    lacks = frozenset({"angles", "particle", "provenance", "mesh", "depth", "units"})
    takes = frozenset({"binning"})

    def recognises(self, peek: Peek) -> bool:
        """HDF5 with ``showers`` of two axes and ``incident_energies``, without ``binning_xml``."""
        showers = peek.datasets.get("showers")
        plain = "incident_energies" in peek.datasets and "binning_xml" not in peek.attributes
        return plain and showers is not None and len(showers.shape) == 2 and showers.kind != "O"

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `ShowerFile`."""
        return ShowerFile(path, options.binning)
