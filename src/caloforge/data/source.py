"""What showers are read from: a file, a part of one, or `Showers` in memory."""

__all__ = ["Source"]

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from caloforge.data.showers import Showers
from caloforge.geometry.binning import Binning


@runtime_checkable
class Source(Protocol):
    """Showers that can be read in order, more than once."""

    @property
    def binning(self) -> Binning:
        """The mesh."""

    def batches(self, size: int = 500) -> Iterator[Showers]:
        """All showers, at most ``size`` at a time."""
