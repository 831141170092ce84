"""Flat tables of numbers, block by block: Parquet by pyarrow, CSV and npz by NumPy, ntuples of ROOT by uproot."""

__all__ = ["CsvTable", "NpzTable", "ParquetTable", "RootTable", "Table"]

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy import ndarray as Array

from caloforge.data.formats.origin import ORIGIN
from caloforge.data.formats.peek import reading, require_extra
from caloforge.data.formats.root_file import open_root
from caloforge.errors import BadFile

_ROWS = 2**17  # at once
_DELIMITERS = ",;\t"
_WHOLE = ("cell", "id", "pdg")  # columns of these names may hold 64 bits, which float64 cannot


class Table(ABC):
    """Columns of equal length.

    Attributes:
        names: of the columns.
        note: what caloforge wrote into the file, or an empty JSON object.
    """

    names: tuple[str, ...]
    note: str = "{}"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: Iterator[dict[str, Array]] | None = None
        self._columns: tuple[str, ...] = ()
        self._block: dict[str, Array] = {}
        self._first = 0  # row of the block

    @abstractmethod
    def blocks(self, columns: Sequence[str]) -> Iterator[dict[str, Array]]:
        """All rows in order, some at a time.

        Args:
            columns: that are needed.
        """

    def read(self, columns: Sequence[str], start: int, stop: int) -> dict[str, Array]:
        """Some rows; asked for one part behind the other, the file is read once.

        Args:
            columns: that are needed.
            start: first row.
            stop: the one behind the last.
        """
        if tuple(columns) != self._columns or start < self._first or self._stream is None:
            self._columns, self._first, self._block = tuple(columns), 0, {}
            self._stream = self.blocks(columns)
        parts: list[dict[str, Array]] = []
        while start < stop:
            length = len(next(iter(self._block.values()))) if self._block else 0
            if start >= self._first + length:
                self._first, self._block = self._first + length, next(self._stream, {})
                if not self._block:
                    raise BadFile(self.path, f"it ends before row {stop}", "make it again")
                continue
            low, high = start - self._first, min(stop - self._first, length)
            parts.append({name: column[low:high] for name, column in self._block.items()})
            start += high - low
        return {name: np.concatenate([part[name] for part in parts]) if parts else np.empty(0) for name in columns}

    def close(self) -> None:
        """Close the file."""
        self._stream = None


class ParquetTable(Table):
    """Parquet, row group by row group."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        parquet = require_extra("pyarrow.parquet", "tables")
        with reading(path):
            self._file = parquet.ParquetFile(path)
            self.names = tuple(self._file.schema_arrow.names)
            self.note = (self._file.schema_arrow.metadata or {}).get(ORIGIN.encode(), b"{}").decode()

    def blocks(self, columns: Sequence[str]) -> Iterator[dict[str, Array]]:
        """Batches of rows."""
        batches = self._file.iter_batches(batch_size=_ROWS, columns=list(columns))
        while True:
            with reading(self.path):
                batch = next(batches, None)
                if batch is None:
                    return
                block = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in columns}
            yield block

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._file.close()


class CsvTable(Table):
    """Text: one line of names, then one line a row; columns part at commas, semicolons or tabs."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with reading(path), path.open(encoding="utf-8-sig") as file:
            header = file.readline(65536)
        self._delimiter = next((sign for sign in _DELIMITERS if sign in header), ",")
        self.names = tuple(name.strip().strip('"') for name in header.lstrip("#").split(self._delimiter))
        if len(set(self.names)) < len(self.names):
            raise BadFile(path, "two columns have one name", "name them apart")

    def blocks(self, columns: Sequence[str]) -> Iterator[dict[str, Array]]:
        """Blocks of lines."""
        kinds = [(name, "u8" if any(word in name.lower() for word in _WHOLE[:1]) else "f8") for name in columns]
        usecols = [self.names.index(name) for name in columns]
        with self.path.open(encoding="utf-8-sig") as file:
            file.readline()
            while True:
                with reading(self.path):
                    lines = [line for _, line in zip(range(_ROWS), file, strict=False)]
                    if not lines:
                        return
                    rows = np.loadtxt(lines, np.dtype(kinds), delimiter=self._delimiter, usecols=usecols, ndmin=1)
                yield {name: rows[name] for name in columns}


class NpzTable(Table):
    """Arrays of NumPy by name; Python objects in them are never loaded. A column is unpacked as a whole."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with reading(path):
            self._file = np.load(path, allow_pickle=False)
            self.names = tuple(name for name in self._file.files if name != ORIGIN)
            if ORIGIN in self._file.files:
                self.note = str(self._file[ORIGIN][()])

    def blocks(self, columns: Sequence[str]) -> Iterator[dict[str, Array]]:
        """All rows at once."""
        with reading(self.path):
            arrays = {name: self._file[name] for name in columns}
        if len({array.shape for array in arrays.values()}) > 1 or any(array.ndim != 1 for array in arrays.values()):
            shapes = {name: array.shape for name, array in arrays.items()}
            raise BadFile(self.path, f"its arrays have shapes {shapes}", "give one value of each for every point")
        if len(next(iter(arrays.values()))):
            yield arrays

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._file.close()


class RootTable(Table):
    """A flat ntuple of ROOT: that of ``tree``, or the only one with several columns."""

    def __init__(self, path: Path, tree: str | None) -> None:
        super().__init__(path)
        self._file = open_root(path)
        with reading(path):
            kinds = self._file.classnames(recursive=True, cycle=False)
            names = [name for name, kind in kinds.items() if kind == "TTree"]
            if tree not in names and (tree is not None or len(names) > 1):
                problem = f"it has the trees {', '.join(names)}"
                raise BadFile(path, problem, "say which: --columns tree=NAME,event=...,x=...")
            self._tree = self._file[tree or names[0]]
            self.names = tuple(self._tree.keys())
            self._rows = int(self._tree.num_entries)  # a float where Geant4 wrote the file

    def blocks(self, columns: Sequence[str]) -> Iterator[dict[str, Array]]:
        """Blocks of entries."""
        for start in range(0, self._rows, _ROWS):
            with reading(self.path):
                stop = min(start + _ROWS, self._rows)
                arrays = self._tree.arrays(list(columns), entry_start=start, entry_stop=stop, library="np")
            yield {name: arrays[name] for name in columns}

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._file.close()
