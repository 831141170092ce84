"""An open file of points, whatever its format: sliced and streamed as `Hits`."""

__all__ = ["PointFile"]

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from caloforge.data.hits import Hits
from caloforge.data.provenance import Provenance
from caloforge.errors import BadFile

Opened = TypeVar("Opened", bound="PointFile")


class PointFile(ABC):
    """A file of points, read by slices of showers: ``file[a:b]`` is `Hits`.

    Attributes:
        path: of the file.
        provenance: how the file was made; empty for a file that does not say.
        detector: name of the detector, or "unknown".
        doubts: sentences on what is odd about its energies, though possible.
    """

    path: Path
    provenance: Provenance
    detector: str = "unknown"
    doubts: tuple[str, ...] = ()

    @abstractmethod
    def __len__(self) -> int:
        """Number of showers."""

    @abstractmethod
    def __getitem__(self, rows: slice) -> Hits:
        """Points of these showers.

        Args:
            rows: of the file, forwards.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

    def bad(self, problem: str, remedy: str = "make it again or give another file") -> BadFile:
        """The error for this file.

        Args:
            problem: what is wrong.
            remedy: what to do.
        """
        return BadFile(self.path, problem, remedy)

    def batches(self, size: int = 1000) -> Iterator[Hits]:
        """The file in order, ``size`` showers at a time.

        Args:
            size: showers in a batch; the last may have fewer.
        """
        return (self[start : start + size] for start in range(0, len(self), size))

    def __enter__(self: Opened) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
