"""Flat tables of numbers written block by block: Parquet, CSV, npz."""

__all__ = ["CsvOutput", "NpzOutput", "Output", "ParquetOutput"]

import zipfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray as Array

from caloforge.data.formats.origin import ORIGIN
from caloforge.data.formats.peek import require_extra


class Output(ABC):
    """A table that is written block by block.

    Args:
        path: of the file.
        note: what caloforge writes beside the columns, JSON.
    """

    @abstractmethod
    def __init__(self, path: Path, note: str) -> None: ...

    @abstractmethod
    def extend(self, columns: dict[str, Array]) -> None:
        """Add rows at the end.

        Args:
            columns: all of them, of equal length.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish the file."""


class ParquetOutput(Output):
    """Parquet, one row group a block."""

    def __init__(self, path: Path, note: str) -> None:
        self._path, self._note = path, note
        self._arrow, self._parquet = require_extra("pyarrow", "tables"), require_extra("pyarrow.parquet", "tables")
        self._writer: Any = None

    def extend(self, columns: dict[str, Array]) -> None:
        """Add a row group."""
        table = self._arrow.table(columns).replace_schema_metadata({ORIGIN: self._note})
        if self._writer is None:
            self._writer = self._parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)

    def close(self) -> None:
        """Write the index at the end."""
        if self._writer is not None:
            self._writer.close()


class CsvOutput(Output):
    """Text, with as many digits as the numbers have."""

    def __init__(self, path: Path, note: str) -> None:
        self._file = path.open("w", encoding="utf-8", newline="\n")
        self._empty = True

    def extend(self, columns: dict[str, Array]) -> None:
        """Add lines."""
        if self._empty:
            self._file.write(",".join(columns) + "\n")
            self._empty = False
        texts = [[repr(value) for value in column.tolist()] for column in columns.values()]
        self._file.writelines(",".join(row) + "\n" for row in zip(*texts, strict=True))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class NpzOutput(Output):
    """Compressed arrays; they are joined in memory, since the layout wants their length first."""

    def __init__(self, path: Path, note: str) -> None:
        self._path, self._note, self._blocks = path, note, list[dict[str, Array]]()

    def extend(self, columns: dict[str, Array]) -> None:
        """Keep a block."""
        self._blocks.append(columns)

    def close(self) -> None:
        """Write all arrays."""
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_DEFLATED) as archive:
            arrays = {name: np.concatenate([b[name] for b in self._blocks]) for name in self._blocks[0]}
            for name, array in (arrays | {ORIGIN: np.array(self._note)}).items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, array, allow_pickle=False)
