"""An open file of points, whatever its format: sliced and streamed as `Hits`."""

__all__ = ["PointFile"]

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from caloforge.data.points.hits import Hits
from caloforge.data.provenance import Provenance
from caloforge.data.sanity import Look, doubts_of
from caloforge.errors import BadFile

_AT_A_PLACE = 25  # showers by which the unit of energy is judged
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
    showers_at_once: int = 1000  # that are unpacked together: fewer where showers have many points

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

    def check_energies(self) -> None:
        """Refuse units that cannot be MeV, judged by the first, middle and last showers; say what is odd.

        Raises:
            BadFile: points that hold more than their particles brought, NaN or negative energies.
        """
        looks = []
        n = min(_AT_A_PLACE, self.showers_at_once)
        for start in sorted({0, max(0, len(self) // 2 - n), max(0, len(self) - n)}):
            hits = self[start : start + n]
            if len(hits) and np.isfinite(hits.incident_energy).all():
                counts = np.bincount(hits.shower_of_point[hits.energy > 0], minlength=len(hits))
                looks.append(Look(start, hits.total_energy, hits.incident_energy, hits.pdg, counts))
        excess = next((f"from shower {look.start}, {look.excess}" for look in looks if look.excess), None)
        if excess and not self.provenance.values("generator"):
            raise self.bad(excess, "say the units that it is in, or write it again")
        if looks:
            self.doubts = (*self.doubts, *doubts_of(looks))

    def batches(self, size: int | None = None) -> Iterator[Hits]:
        """The file in order.

        Args:
            size: showers in a batch, the last may have fewer; as many as memory holds easily if not given.
        """
        size = size or self.showers_at_once
        return (self[start : start + size] for start in range(0, len(self), size))

    def read(self) -> Hits:
        """All showers."""
        return self[:]

    def __enter__(self: Opened) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
