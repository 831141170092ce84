"""What showers are read from: a file, a part of one, or `Showers` in memory."""

__all__ = ["KnownSource", "Rows", "Source"]

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from jaxtyping import UInt64
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.provenance import Provenance
from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning


@runtime_checkable
class Source(Protocol):
    """Showers that can be read in order, more than once."""

    @property
    def binning(self) -> Binning:
        """The mesh."""

    def batches(self, size: int = 500) -> Iterator[Showers]:
        """All showers, at most ``size`` at a time.

        Args:
            size: showers in a batch.
        """


@runtime_checkable
class KnownSource(Source, Protocol):
    """Showers with their history: a file of them, or `Showers`."""

    @property
    def detector(self) -> str:
        """Name of the detector, or "unknown"."""

    @property
    def provenance(self) -> Provenance:
        """How the showers were made."""

    @property
    def digest(self) -> str:
        """Hash of the showers, whatever their order."""

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Ids of the showers that the generator of these was trained on; none where that is not known."""


@runtime_checkable
class Rows(Protocol):
    """Showers that can be read from any row on: a file, or a part of one."""

    @property
    def binning(self) -> Binning:
        """The mesh."""

    @property
    def incident(self) -> Incident:
        """The particles of all rows, read without the cells."""

    @property
    def rows_at_once(self) -> int:
        """Showers that are unpacked together at the least."""

    def __len__(self) -> int:
        """Number of showers."""

    def between(self, first: int, stop: int) -> Showers:
        """Showers of these rows, in memory.

        Args:
            first: row, from 0.
            stop: row behind the last.
        """
