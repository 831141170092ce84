"""Events of a generator as a beam: those that reach the calorimeter, each with all particles that do."""

__all__ = ["EventBeam"]

from dataclasses import dataclass
from typing import Any

import numpy as np
from particle import Particle

from caloforge import rng
from caloforge.data.event_particles import EventParticles
from caloforge.errors import BadValue
from caloforge.geometry.binning import Binning
from caloforge.geometry.cell_mesh import CellMesh
from caloforge.simulation.physics_lists import Physics
from caloforge.simulation.primaries import Primaries
from caloforge.simulation.spectrum import HIGHEST
from caloforge.simulation.tables.em_data import DataSource


@dataclass(frozen=True, eq=False, repr=False)
class EventBeam:
    """The events that reach the calorimeter, each with at least one particle.

    Args:
        events: their particles at the face.
        origin: the file, its digest, and what was left out, for the provenance.
    """

    events: EventParticles
    origin: dict[str, Any]

    def __repr__(self) -> str:
        """Everything that decides its showers."""
        return f"<events {self.origin['sha256']} in {self.origin['units']} at {self.origin['face']}>"

    @property
    def particles(self) -> tuple[int, ...]:
        """PDG numbers of all that are in the events."""
        return tuple(np.unique(self.events.pdg).tolist())

    @property
    def particle_name(self) -> str:
        """What stands for the particle in sentences."""
        return "events"

    @property
    def sentence(self) -> str:
        """What is shot and what is left out, for the user."""
        origin, left = self.origin, self.origin["particles_left_out"]
        missing = origin["events_that_miss"]
        parts = [f"{origin['events']} events of {origin['file']}", f"{origin['particles']} particles shot"]
        parts += ["left out: " + ", ".join(f"{count} {reason}" for reason, count in left.items())] if left else []
        parts += [f"{missing} events without any that reaches the calorimeter are left out"] if missing else []
        return "; ".join(parts)

    @property
    def complete(self) -> bool:
        """Whether all particles of all events are shot."""
        return not self.origin["particles_left_out"] and not self.origin["events_that_miss"]

    def beside_mesh(self, binning: Binning) -> str | None:
        """What to say where particles meet the face beside the mesh; None where none does.

        Args:
            binning: the mesh.
        """
        if isinstance(binning, CellMesh):
            return None
        radius = max(layer.r_edges[-1] for layer in binning.layers)
        beside = int((np.hypot(self.events.x, self.events.y) > radius).sum())
        lost = f"{beside} of {len(self.events.x)} particles meet the face outside the mesh (radius {radius:g} mm)"
        return f"{lost}; their energy is in no cell, a wider mesh (--binning) has it" if beside else None

    @property
    def facts(self) -> dict[str, Any]:
        """For the provenance of a file."""
        return {"events": self.origin}

    def check(self, physics: Physics) -> None:
        """That the list has all particles at their energies.

        Args:
            physics: list, cuts and limits.

        Raises:
            BadValue: hadrons with a list of electromagnetic processes.
        """
        for pdg in self.particles:
            energy = self.events.energy[self.events.pdg == pdg]
            physics.check_beam(pdg, Particle.from_pdgid(pdg).name, float(energy.min()), float(energy.max()))

    def check_data(self, physics: Physics, data: DataSource) -> None:
        """That these data files suffice; soft hadrons are taken along, as a shower's own are.

        Args:
            physics: list, cuts and limits.
            data: the files that Geant4 would read.

        Raises:
            BadValue: the list needs official datasets.
        """
        for pdg in self.particles:
            physics.check_data(data, pdg, HIGHEST)

    def primaries(self, n: int, seed: int) -> Primaries:
        """The first ``n`` events; the seeds of an event are those of the shower with its place in the file.

        Args:
            n: events that reach the calorimeter.
            seed: of Geant4's engine.

        Raises:
            BadValue: ``n`` or ``seed`` is not a natural number, or there are not so many events.
        """
        if not 1 <= n <= len(self.events):
            raise BadValue("number of showers", n, f"{len(self.events)} events reach the calorimeter")
        if seed < 0:
            raise BadValue("seed", seed, "a seed is not negative")
        events = self.events[:n]
        energy = np.add.reduceat(events.energy, events.offsets[:-1], dtype=np.float64).astype(np.float32)
        seeds = np.array([rng.integer_seeds(seed, "geant4", i) for i in events.index.tolist()])
        return Primaries(np.zeros(n, np.int32), energy, seeds, mesh="detector", events=events)
