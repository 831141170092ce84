"""The formats of flat tables of points: Parquet, CSV, npz, and ntuples of ROOT."""

__all__ = ["CsvPoints", "NpzPoints", "ParquetPoints", "RootPoints"]

import zipfile
from pathlib import Path
from typing import ClassVar

from caloforge.data.formats.base import Format, Opened
from caloforge.data.formats.options import ReadOptions, WriteOptions
from caloforge.data.formats.origin import origin_note
from caloforge.data.formats.peek import Peek, reading
from caloforge.data.formats.table_output import CsvOutput, NpzOutput, Output, ParquetOutput
from caloforge.data.formats.table_points import TableFile, table_columns
from caloforge.data.formats.tables import CsvTable, NpzTable, ParquetTable, RootTable, Table
from caloforge.data.mesh_file import MeshFile
from caloforge.data.points.point_file import PointFile

_FEWEST = 4  # columns of a table of points
_OPTIONS = frozenset({"units", "columns", "particle", "incident", "binning"})


class _Points(Format):
    """A table of points."""

    holds = "points"
    lacks = frozenset({"mesh"})
    takes = _OPTIONS
    writes = True
    table: ClassVar[type[Table]]
    output: ClassVar[type[Output]]

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `TableFile`."""
        return TableFile(self.table(path), options, self.name)

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Stream points into the table, in MeV, mm and ns, which the names of the columns say."""
        assert isinstance(source, PointFile)
        output, first = None, 0
        try:
            for hits in source.batches():
                output = output or self.output(path, origin_note(hits))
                output.extend(table_columns(hits, first))
                first += len(hits)
        finally:
            if output is not None:
                output.close()


class ParquetPoints(_Points):
    """Parquet."""

    name, title = "parquet", "a Parquet table of points"
    table, output = ParquetTable, ParquetOutput

    def recognises(self, peek: Peek) -> bool:
        """The magic word of Parquet."""
        return peek.start.startswith(b"PAR1")


class CsvPoints(_Points):
    """Text."""

    name, title = "csv", "a CSV table of points"
    lacks = frozenset({"mesh", "provenance"})
    table, output = CsvTable, CsvOutput

    def recognises(self, peek: Peek) -> bool:
        """Text whose first line has four names or more, parted by one of comma, semicolon and tab."""
        first = (peek.text or "").lstrip("\ufeff").partition("\n")[0]
        names = max((first.lstrip("#").split(sign) for sign in ",;\t"), key=len)
        words = [name.strip().strip('"') for name in names]
        return len(words) >= _FEWEST and all(word.isidentifier() for word in words)


class NpzPoints(_Points):
    """NumPy's archive."""

    name, title = "npz", "an npz table of points"
    table, output = NpzTable, NpzOutput

    def recognises(self, peek: Peek) -> bool:
        """A zip of arrays."""
        if not peek.start.startswith(b"PK\x03\x04"):
            return False
        with reading(peek.path), zipfile.ZipFile(peek.path) as archive:
            names = archive.namelist()
        return bool(names) and all(name.endswith(".npy") for name in names)


class RootPoints(_Points):
    """A flat ntuple, as Geant4's own writer makes it."""

    name, title = "root-table", "a flat ROOT ntuple of points"
    table = RootTable
    writes = False

    def recognises(self, peek: Peek) -> bool:
        """ROOT with trees, none of which belongs to another format."""
        taken = {"events", "podio_metadata", "virtualReadout", "EVENT", "caloDetCells", "FCS_ParametrizationInput"}
        return bool(peek.trees) and not taken & {name.rpartition("/")[2] for name in peek.trees}

    def open(self, path: Path, options: ReadOptions) -> Opened:
        """Open a file, see `TableFile`."""
        return TableFile(RootTable(path, options.columns.get("tree")), options, self.name)

    def write(self, source: MeshFile | PointFile, path: Path, options: WriteOptions) -> None:
        """Refused: a table is written as Parquet, CSV or npz."""
        Format.write(self, source, path, options)
