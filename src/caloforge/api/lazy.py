"""Showers that stay in their file: counted, sliced and iterated, read only when they are asked for."""

__all__ = ["LazyShowers"]

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, overload

import numpy as np
from jaxtyping import Bool, Int, UInt64
from numpy import ndarray as Array

from caloforge.data.cell_times import CellTimes
from caloforge.data.event_particles import EventParticles
from caloforge.data.incident import Incident
from caloforge.data.mesh_file import MeshFile
from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.data.splits import Split, take_split
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning

Lazy = TypeVar("Lazy", bound="LazyShowers")


class LazyShowers:
    """Some rows of an open file of showers.

    Args:
        file: the open file.
        name: what it was asked for by.
        rows: of the file; all of them when not given.
    """

    def __init__(self, file: MeshFile, name: str, rows: range | None = None) -> None:
        self._file, self.name = file, name
        self._rows = range(len(file)) if rows is None else rows

    @property
    def binning(self) -> Binning:
        """The mesh of its showers."""
        return self._file.binning

    @property
    def detector(self) -> str:
        """Name of the detector, or "unknown"."""
        return self._file.detector

    @cached_property
    def provenance(self) -> Provenance:
        """How the file was made; empty for a file that does not say."""
        return self._file.provenance

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self._file.path

    @property
    def whole(self) -> bool:
        """Whether these are all showers of the file."""
        return self._rows == range(len(self._file))

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Ids of the showers that the generator of these was trained on; none where the file does not say."""
        return self._file.training_ids

    @property
    def digest(self) -> str:
        """Hash of all showers of the file, whatever their order; reads them in batches."""
        return self._file.digest

    @cached_property
    def incident(self) -> Incident:
        """The particles that made the showers, read without their cells."""
        return self._file.incident(_as_slice(self._rows))

    def times(self) -> CellTimes | None:
        """Mean and first time of every cell in ns, read without the energies; None where no times were kept."""
        return self._file.times(_as_slice(self._rows))

    @cached_property
    def events(self) -> EventParticles | None:
        """All particles of the showers, where several made each together, read without the cells; else None."""
        return self._file.events(_as_slice(self._rows))

    def origin(self) -> dict[str, Any]:
        """Where its showers come from, for the provenance of what is made of them."""
        return {
            "file": self.name,
            "detector": self.detector,
            **self.provenance.facts,
            **({} if self.whole else self._part),
        }

    @property
    def _part(self) -> dict[str, Any]:
        return {"rows": [self._rows.start, self._rows.stop, self._rows.step]}

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self: Lazy, index: slice) -> Lazy: ...

    @overload
    def __getitem__(self, index: int | Sequence[int] | Int[Array, " n"] | Bool[Array, " N"]) -> Showers: ...

    def __getitem__(
        self: Lazy, index: slice | int | Sequence[int] | Int[Array, " n"] | Bool[Array, " N"]
    ) -> Lazy | Showers:
        if isinstance(index, slice):
            if index.step is not None and index.step < 1:
                raise BadValue("step of the slice", index.step, "files are read forwards; turn the showers once read")
            return type(self)(self._file, self.name, self._rows[index])
        rows = np.arange(len(self))[index].reshape(-1)
        wanted, places = np.unique(rows, return_inverse=True)
        if len(wanted) == 0:
            return self[:0].read()
        first, last = int(wanted[0]), int(wanted[-1])
        return self[first : last + 1].read()[wanted - first][places]

    def batches(self, size: int = 1000) -> Iterator[Showers]:
        """The showers in order, at most ``size`` at a time, each checked as it is read.

        Args:
            size: showers in memory at a time.

        Raises:
            BadFile: truncated or damaged, NaN or negative energies.
        """
        for start in range(0, len(self), size):
            yield self._file[_as_slice(self._rows[start : start + size])]

    def __iter__(self) -> Iterator[Showers]:
        return self.batches()

    def read(self) -> Showers:
        """All showers, in memory."""
        return self._file[_as_slice(self._rows)]

    @property
    def rows_at_once(self) -> int:
        """Showers that are unpacked together at the least."""
        return self._file.rows_at_once

    def between(self, first: int, stop: int) -> Showers:
        """Showers of some rows of these, in memory.

        Args:
            first: row, from 0.
            stop: row behind the last.
        """
        return self._file[_as_slice(self._rows[first:stop])]

    def split(self, name: Split) -> Showers:
        """The showers of the ``train``, ``validation`` or ``test`` split, in memory; the file is read in batches.

        Args:
            name: of the split.

        Raises:
            BadFile: truncated or damaged, NaN or negative energies.
        """
        return Showers.concatenate([take_split(batch, name) for batch in self.batches()])

    def close(self) -> None:
        """Close the file, also for the slices of this dataset."""
        self._file.__exit__()

    def __enter__(self: Lazy) -> Lazy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _as_slice(rows: range) -> slice:
    return slice(rows.start, rows.stop, rows.step)
