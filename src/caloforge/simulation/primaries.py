"""What is shot at the calorimeter: particles, energies, directions, and the seeds of every shower."""

__all__ = ["Mesh", "Primaries"]
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray as Array

from caloforge.data.event_particles import EventParticles
from caloforge.data.ragged import rows_of

Mesh = Literal["axis", "detector"]


@dataclass(frozen=True, eq=False)
class Primaries:
    """What is shot at the calorimeter: particles, their energies, and the seeds of Geant4's engine for every shower.

    Args:
        pdg: PDG numbers, int32.
        energy: kinetic energies, MeV, float32.
        seeds: two positive integers for every shower.
        angles: theta and phi, rad, float32; None if all are perpendicular to the face.
        mesh: whether the mesh follows the ``axis`` of each shower, as in Par04, or stays with the ``detector``.
        events: all particles of each shower, where they are several; ``energy`` is then their sum, ``pdg`` 0.
        replaced: which of all these particles Geant4 stops before their first step, see `replacement`; None for none.
    """

    pdg: Int[Array, " n"]
    energy: Float[Array, " n"]
    seeds: Int[Array, "n 2"]
    angles: Float[Array, "n 2"] | None = None
    mesh: Mesh = "axis"
    events: EventParticles | None = None
    replaced: Bool[Array, " k"] | None = None

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, rows: slice) -> "Primaries":
        angles = None if self.angles is None else self.angles[rows]
        events = None if self.events is None else self.events[rows]
        columns = {name: getattr(self, name)[rows] for name in ("pdg", "energy", "seeds")}
        return replace(self, **columns, angles=angles, events=events, replaced=self._replaced(rows))

    def _replaced(self, rows: slice) -> Bool[Array, " k"] | None:
        """Of the particles of some showers."""
        if self.replaced is None or self.events is None:
            return None if self.replaced is None else self.replaced[rows]
        return self.replaced[rows_of(self.events.offsets, np.arange(len(self))[rows])[1]]
