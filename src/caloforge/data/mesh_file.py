"""An open file of showers on a mesh, whatever its format: sliced, streamed, its energies judged on opening."""

__all__ = ["MeshFile"]

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float, UInt64
from numpy import ndarray as Array

from caloforge.data.cell_times import CellTimes
from caloforge.data.event_particles import EventParticles
from caloforge.data.ids import digest_of
from caloforge.data.incident import Incident
from caloforge.data.provenance import Provenance
from caloforge.data.sanity import Look, doubts_of, question_of_excess, refuse_small_energies, refuse_swapped_axes
from caloforge.data.showers import NO_IDS, Showers
from caloforge.errors import BadFile, BadValue
from caloforge.geometry.binning import Binning

_PLACES, AT_A_PLACE = 8, 25  # showers by which the unit of energy is judged: 25 at each of 8 places of the file
_SAMPLE_BYTES = 2**28  # of cells that are unpacked for that at most, but for one place
_PERPENDICULAR = 1e-4  # rad; below, a direction is that of the normal


Opened = TypeVar("Opened", bound="MeshFile")


class MeshFile(ABC):
    """A file of showers on a mesh, read by slices: ``file[a:b]`` is a `Showers`.

    A format gives `__len__`, `cells`, `incident`, `close`, and calls `check_energies` at the end of its constructor.

    Attributes:
        path: of the file.
        binning: the mesh.
        provenance: how the file was made; empty for a file that does not say.
        detector: name of the detector, or "unknown".
        doubts: sentences on what is odd about its energies, though possible.
    """

    path: Path
    binning: Binning
    provenance: Provenance
    detector: str = "unknown"
    doubts: tuple[str, ...] = ()
    units_certain: bool = False  # the user gave the units of its energies
    states_units: bool = False  # the file says what its numbers and axes are, as those of caloforge do
    axes_checked: bool = True
    rows_at_once: int = 1  # showers that are unpacked together at the least: of a chunk on disk

    @abstractmethod
    def __len__(self) -> int:
        """Number of showers."""

    @abstractmethod
    def cells(self, rows: slice) -> Float[Array, "n V"]:
        """Deposited energies of these showers, float32, MeV, in flat order of the mesh.

        Args:
            rows: of the file, forwards.
        """

    @abstractmethod
    def incident(self, rows: slice = slice(None)) -> Incident:
        """The particles that made these showers, without reading their cells.

        Args:
            rows: of the file; all if not given.
        """

    @property
    def holds_events(self) -> bool:
        """Whether several particles made each shower together."""
        return False

    def events(self, rows: slice = slice(None)) -> EventParticles | None:
        """All particles of these showers, where several made each together; else None.

        Args:
            rows: of the file; all if not given.
        """
        return None

    @property
    def has_source_ids(self) -> bool:
        """Whether its showers are changed copies that know which showers they come from."""
        return False

    def source_ids(self, rows: slice = slice(None)) -> UInt64[Array, " n"] | None:
        """Ids of the showers that these come from; None where no cell was changed.

        Args:
            rows: of the file; all if not given.
        """
        return None

    @property
    def holds_times(self) -> bool:
        """Whether the times of cells were kept."""
        return False

    def times(self, rows: slice = slice(None)) -> CellTimes | None:
        """Times of the cells of these showers, where they were kept; else None.

        Args:
            rows: of the file; all if not given.
        """
        return None

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
        """Look at showers from the first to the last: refuse what cannot be, and note as `doubts` what is odd.

        A model may make any energies, and a user may be sure of the units: then odd energies are only noted.

        Raises:
            UnitsUnknown: energies that are hardly in MeV.
            BadFile: NaN or negative energies, cells in another order than the mesh's.
        """
        looks, shares = [], []
        for start in self._places():
            showers = self[start : start + AT_A_PLACE]
            looks.append(_look(start, showers))
            shares.append(showers.energy / np.maximum(showers.total_energy, np.finfo(float).tiny)[:, None])
        certain = self.units_certain or bool(self.provenance.values("generator"))
        if question := next(filter(None, (question_of_excess(self.path, look) for look in looks)), None):
            if not certain:
                raise question
        elif not (certain or self.states_units):
            everything = (np.concatenate([getattr(look, name) for look in looks]) for name in ("incident", "total"))
            refuse_small_energies(self.path, *everything)
        if not self.states_units and self.axes_checked:
            refuse_swapped_axes(self.path, np.concatenate(shares), self.binning)
        self.doubts = (*self.doubts, *doubts_of(looks))

    def _places(self) -> list[int]:
        """First showers of the places at which energies are judged: the first, the last and evenly between."""
        rows = max(AT_A_PLACE, self.rows_at_once)  # chunks are unpacked whole
        affordable = max(1, _SAMPLE_BYTES // (rows * self.binning.n_voxels * 4))
        places = min(_PLACES, affordable, -(-len(self) // AT_A_PLACE))
        return np.linspace(0, max(0, len(self) - AT_A_PLACE), places).astype(int).tolist()

    def __getitem__(self, rows: slice) -> Showers:
        incident = self.incident(rows)
        try:
            columns = incident.energy, incident.pdg, incident.theta, incident.phi
            origin = self.binning, self.detector, self.provenance, self.training_ids
            tables = self.events(rows), self.source_ids(rows), self.times(rows)
            return Showers(self.cells(rows), *columns, *origin, *tables)
        except BadValue as error:
            raise self.bad(str(error)) from error

    def batches(self, size: int = 1000) -> Iterator[Showers]:
        """The file in order, ``size`` showers at a time.

        Args:
            size: showers in a batch; the last may have fewer.

        Raises:
            BadFile: truncated or damaged, NaN or negative energies.
        """
        return (self[start : start + size] for start in range(0, len(self), size))

    def read(self) -> Showers:
        """All showers."""
        return self[:]

    @property
    def final_facts(self) -> Mapping[str, Any]:
        """Facts for the provenance that are known only when all showers were read."""
        return {}

    @property
    def digest(self) -> str:
        """Hash of all showers, whatever their order, as of `Showers`; reads the file in batches."""
        return digest_of(np.concatenate([batch.content_ids for batch in self.batches()]))

    @property
    def training_ids(self) -> UInt64[Array, " k"]:
        """Ids of the showers that the generator of these was trained on; none where the file does not say."""
        return NO_IDS

    @property
    def oblique(self) -> bool:
        """Whether any shower comes from elsewhere than straight ahead."""
        return bool(np.max(self.incident().theta, initial=0.0) > _PERPENDICULAR)

    def origin(self, name: str | Path) -> dict[str, Any]:
        """Where its showers come from: the name it was asked for by, its detector and its provenance.

        Args:
            name: what the file was asked for by.
        """
        return {"file": str(name), "detector": self.detector, **self.provenance.facts}

    def __enter__(self: Opened) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _look(start: int, showers: Showers) -> Look:
    particles = showers.pdg if showers.events is None else showers.events.pdg
    hits = (showers.energy > 0).sum(axis=1)
    energies = showers.total_energy, showers.incident_energy
    return Look(start, *energies, showers.pdg, hits, showers.binning.n_voxels, particles)
