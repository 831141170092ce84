"""Several files of showers read as one, in the order given: one mesh, one detector, the provenance of every part."""

__all__ = ["JoinedFiles"]

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt64
from numpy import ndarray as Array

from caloforge.data.event_particles import EventParticles
from caloforge.data.incident import Incident
from caloforge.data.merge import compare_files, joined_provenance
from caloforge.data.mesh_file import MeshFile
from caloforge.data.opening import open_showers
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning


class JoinedFiles(MeshFile):
    """Files of one kind behind each other, as `caloforge.data.merge` would write them; times of cells are left aside.

    Args:
        paths: of the files, each once.
        binning: mesh of the files, where they do not know it.
        warn: called with each difference in physics list, cuts and tables.

    Raises:
        BadValue: no file, or one twice.
        BadFile, BinningMismatch: as of `merge_files`, but showers that two files share are not looked for.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        binning: str | Binning | None = None,
        warn: Callable[[str], None] = lambda text: None,
    ) -> None:
        places = [Path(path) for path in paths]
        if not places or len({place.resolve() for place in places}) < len(places):
            raise BadValue("files of showers", list(map(str, paths)), "give one at least, and none twice")
        mesh, parts, differences, self._changed = compare_files(places, binning)
        for text in differences:
            warn(text)
        with ExitStack() as stack:
            self._files = [stack.enter_context(open_showers(place, binning)) for place in places]
            self._stack = stack.pop_all()
        first = self._files[0]
        self.path, self.binning, self.detector = first.path, mesh, first.detector
        self.provenance = joined_provenance(parts, differences)
        self.rows_at_once = max(file.rows_at_once for file in self._files)
        self._starts = np.concatenate([[0], np.cumsum([len(file) for file in self._files])]).tolist()

    def __len__(self) -> int:
        return int(self._starts[-1])

    def _pieces(self, rows: slice) -> Iterator[tuple[MeshFile, slice]]:
        """The files that hold some of these rows, with their rows of it."""
        wanted = range(len(self))[rows]
        for file, start, stop in zip(self._files, self._starts[:-1], self._starts[1:], strict=True):
            first = max(0, -(-(start - wanted.start) // wanted.step))
            own = wanted[first : max(first, -(-(stop - wanted.start) // wanted.step))]
            if len(own):
                yield file, slice(own.start - start, own[-1] + 1 - start, own.step)

    def cells(self, rows: slice) -> Float[Array, "n V"]:
        """Deposited energies of these showers, float32, MeV.

        Args:
            rows: of all files together, forwards.
        """
        none = np.empty((0, self.binning.n_voxels), np.float32)
        return np.concatenate([none, *(file.cells(own) for file, own in self._pieces(rows))])

    def incident(self, rows: slice = slice(None)) -> Incident:
        """The particles that made these showers, without reading their cells.

        Args:
            rows: of all files together; all if not given.
        """
        none = self._files[0].incident(slice(0, 0))
        return Incident.concatenate([none, *(file.incident(own) for file, own in self._pieces(rows))])

    @property
    def holds_events(self) -> bool:
        """Whether several particles made each shower together."""
        return self._files[0].holds_events

    def events(self, rows: slice = slice(None)) -> EventParticles | None:
        """All particles of these showers, where several made each together; else None.

        Args:
            rows: of all files together; all if not given.
        """
        parts = [file.events(own) for file, own in self._pieces(rows)] or [self._files[0].events(slice(0, 0))]
        events = [part for part in parts if part is not None]
        return EventParticles.concatenate(events) if events else None

    @property
    def has_source_ids(self) -> bool:
        """Whether showers of any file are changed copies that know which showers they come from."""
        return self._changed

    def source_ids(self, rows: slice = slice(None)) -> UInt64[Array, " n"] | None:
        """Ids of the showers that these come from; None where no cell was changed.

        Args:
            rows: of all files together; all if not given.
        """
        if not self._changed:
            return None
        return np.concatenate([np.empty(0, np.uint64), *(file[own].ids for file, own in self._pieces(rows))])

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Ids of the showers that the generator of any part was trained on."""
        return np.unique(np.concatenate([file.training_ids for file in self._files]))

    def origin(self, name: str | Path) -> dict[str, Any]:
        """Where its showers come from.

        Args:
            name: what the files were asked for by.
        """
        return {"file": str(name), "detector": self.detector, **self.provenance.facts}

    def close(self) -> None:
        """Close all files."""
        self._stack.close()
