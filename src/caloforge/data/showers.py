"""Showers: the object that every stage takes or returns; validated once, immutable, sliceable."""

__all__ = ["NO_IDS", "Showers"]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64
from numpy import ndarray as Array
from particle import Particle

from caloforge.data.cell_times import CellTimes
from caloforge.data.checks import check_angles
from caloforge.data.event_particles import EventParticles
from caloforge.data.ids import digest_of, shower_ids
from caloforge.data.provenance import Provenance
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning, require_one_mesh
from caloforge.units import format_energy

NO_IDS = np.empty(0, np.uint64)
_ARRAYS = ("energy", "incident_energy", "pdg", "theta", "phi")


@dataclass(frozen=True, eq=False, repr=False)
class Showers:
    """N showers on one mesh, with the conditions that made them.

    Args:
        energy: deposited energy of every cell, MeV, float32, flat order of ``binning``.
        incident_energy: kinetic energy of the incident particle, MeV.
        pdg: its PDG particle number.
        theta: angle between its direction and the calorimeter's normal, rad.
        phi: its azimuth, rad.
        binning: the mesh.
        detector: name of the detector, or "unknown".
        provenance: how the showers were made; empty where unknown.
        training_ids: of generated showers: ids of those that their model was trained on.
        events: where several particles made each shower together: all of them. ``incident_energy`` is then the sum of
            their kinetic energies, ``pdg`` is 0, and ``theta`` and ``phi`` are 0.
        source_ids: of showers whose cells were changed (merged, turned, cut): ids of the showers that they come from.
        times: of the cells, where they were kept.

    Raises:
        BadValue: wrong shapes, NaN or infinite values, negative cell energies, incident energies that are not
            positive, angles that are no directions towards the calorimeter in radians.
    """

    energy: Float[Array, "N V"]
    incident_energy: Float[Array, " N"]
    pdg: Int[Array, " N"]
    theta: Float[Array, " N"]
    phi: Float[Array, " N"]
    binning: Binning
    detector: str = "unknown"
    provenance: Provenance = field(default_factory=Provenance, repr=False)
    training_ids: UInt64[Array, " k"] = field(default_factory=NO_IDS.copy, repr=False)
    events: EventParticles | None = field(default=None, repr=False)
    source_ids: UInt64[Array, " N"] | None = field(default=None, repr=False)
    times: CellTimes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._check_shapes()
        if self.energy.size and not (self.energy.min() >= 0 and self.energy.max() < np.inf):  # NaN fails both
            bad = int(np.argmin(np.where(np.isfinite(self.energy), self.energy, -np.inf).min(axis=1)))
            raise BadValue(
                f"cell energy of shower {bad}", self._worst(bad), "cell energies are finite and not negative"
            )
        if not (legal := np.isfinite(self.incident_energy) & (self.incident_energy > 0)).all():
            worst = float(self.incident_energy[~legal][0])
            raise BadValue("incident energy", worst, "incident energies are positive MeV")
        check_angles(self.theta, self.phi)
        if self.times is not None:
            self.times.check(self.energy)
        for name in _ARRAYS:
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def _check_shapes(self) -> None:
        if self.energy.ndim != 2 or self.energy.shape[1] != self.binning.n_voxels:
            expected = f"binning {self.binning.name} has {self.binning.n_voxels} cells a shower"
            raise BadValue("shape of cell energies", self.energy.shape, expected)
        for name in _ARRAYS[1:]:
            shape = getattr(self, name).shape
            if shape != (len(self.energy),):
                raise BadValue(f"shape of {name}", shape, f"one value for each of {len(self.energy)} showers is needed")
        if self.events is not None and len(self.events) != len(self.energy):
            raise BadValue(
                "number of events", len(self.events), f"one for each of {len(self.energy)} showers is needed"
            )
        if self.source_ids is not None and len(self.source_ids) != len(self.energy):
            raise BadValue("number of source_ids", len(self.source_ids), f"give one for each of {len(self)} showers")

    def _worst(self, index: int) -> float:
        row = self.energy[index]
        return float(row[~np.isfinite(row)][0] if not np.isfinite(row).all() else row.min())

    @classmethod
    def perpendicular(
        cls,
        energy: Float[Array, "N V"],
        incident_energy: Float[Array, " N"],
        binning: Binning,
        pdg: int | Int[Array, " N"] = 11,
    ) -> "Showers":
        """Showers (of electrons unless told) that arrive perpendicular to the calorimeter.

        Args:
            energy: deposited energy of every cell, MeV.
            incident_energy: kinetic energy of the incident particle, MeV.
            binning: the mesh.
            pdg: PDG particle number, one for all or one for each.

        Raises:
            BadValue: as `Showers`.
        """
        n = len(incident_energy)
        return cls(energy, incident_energy, np.full(n, pdg, np.int32), np.zeros(n), np.zeros(n), binning)

    def __len__(self) -> int:
        return len(self.energy)

    def __repr__(self) -> str:
        """Number, particles, range of incident energies and mesh."""
        if not len(self):
            return f"<Showers: none, {self.binning.name}>"
        particles = "events" if self.events is not None else ", ".join(map(_name, np.unique(self.pdg).tolist()))
        ends = dict.fromkeys(format_energy(float(e)) for e in (self.incident_energy.min(), self.incident_energy.max()))
        return f"<Showers: {len(self):,}, {particles}, {' to '.join(ends)}, {self.binning.name}>"

    def __getitem__(self, index: slice | Int[Array, " n"] | Bool[Array, " N"]) -> "Showers":
        arrays = {name: getattr(self, name)[index] for name in _ARRAYS}
        events = None if self.events is None else self.events[index]
        source_ids = None if self.source_ids is None else self.source_ids[index]
        times = None if self.times is None else self.times[index]
        return replace(self, **arrays, events=events, source_ids=source_ids, times=times)

    def batches(self, size: int = 1000) -> Iterator["Showers"]:
        """The showers in order, ``size`` at a time, as a file gives them.

        Args:
            size: showers in a batch; the last may have fewer.
        """
        return (self[start : start + size] for start in range(0, len(self), size))

    @classmethod
    def concatenate(cls, parts: Sequence["Showers"]) -> "Showers":
        """Join showers on one mesh, in order; detector and provenance stay where all parts agree on them.

        Args:
            parts: one at least.

        Raises:
            BinningMismatch: the parts do not share it.
            BadValue: some are of events, others of single particles; or some have times of cells, others none.
        """
        first, binning = parts[0], parts[0].binning
        for part in parts[1:]:
            require_one_mesh(binning, part.binning)
            binning = binning.with_depths_of(part.binning)
        fields: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
        if all((part.detector, part.provenance) == (first.detector, first.provenance) for part in parts):
            fields |= {"detector": first.detector, "provenance": first.provenance}
        if any(len(part.training_ids) for part in parts):
            fields["training_ids"] = np.unique(np.concatenate([part.training_ids for part in parts]))
        events = [part.events for part in parts if part.events is not None]
        if events and len(events) < len(parts):
            raise BadValue("showers to join", "of events and of single particles", "keep them apart")
        if events:
            fields["events"] = EventParticles.concatenate(events)
        if any(part.source_ids is not None for part in parts):
            fields["source_ids"] = np.concatenate([part.ids for part in parts])
        times = [part.times for part in parts if part.times is not None]
        if times and len(times) < len(parts):
            raise BadValue("showers to join", "with times of cells and without", "join showers that all have them")
        if times:
            fields["times"] = CellTimes.concatenate(times)
        return cls(binning=binning, **fields)

    def above(self, threshold: float) -> "Showers":
        """The showers with every cell below a threshold set to zero, as a readout with zero suppression gives them.

        Args:
            threshold: MeV; a cell with just this energy stays.
        """
        if not threshold > 0:
            return self
        energy = np.where(self.energy < threshold, 0, self.energy)
        return replace(self, energy=energy, times=None if self.times is None else self.times.of_hit(energy))

    @property
    def time(self) -> Float[Array, "N V"] | None:
        """Mean time of each cell, weighted with the energy, ns; NaN in empty cells. None where no times were kept."""
        return None if self.times is None else self.times.mean

    @property
    def first_time(self) -> Float[Array, "N V"] | None:
        """Time of the first deposit in each cell, likewise."""
        return None if self.times is None else self.times.first

    def with_cells(
        self, energy: Float[Array, "N W"], binning: Binning | None = None, times: CellTimes | None = None
    ) -> "Showers":
        """The same showers with other cells; they keep the ids that they have.

        Args:
            energy: MeV.
            binning: mesh of these cells, where it is another one.
            times: of these cells, where they are known.
        """
        return replace(self, energy=energy, binning=binning or self.binning, source_ids=self.ids, times=times)

    @property
    def total_energy(self) -> Float[Array, " N"]:
        """Energy in all cells, MeV, summed in float64."""
        return self.energy.sum(axis=1, dtype=np.float64)

    @property
    def layer_energy(self) -> Float[Array, "N L"]:
        """Energy in each layer, MeV, summed in float64."""
        return np.add.reduceat(self.energy, self.binning.layer_starts[:-1], axis=1, dtype=np.float64)

    @property
    def ids(self) -> UInt64[Array, " N"]:
        """Id of each shower: of the shower that it comes from, or of its own content where no cell was changed."""
        return self.content_ids if self.source_ids is None else self.source_ids

    @cached_property
    def content_ids(self) -> UInt64[Array, " N"]:
        """Hash of incident energy and cells of each shower: equal in any file, see `caloforge.data.ids`."""
        return shower_ids(self.energy, self.incident_energy)

    @property
    def digest(self) -> str:
        """Hash of all showers, whatever their order: equal for files that hold the same ones."""
        return digest_of(self.content_ids)


def _name(pdg: int) -> str:
    return str(Particle.from_pdgid(pdg).name) if pdg else "PDG 0"
