"""What is shot at the calorimeter: particles, energies, directions, and the seeds of every shower."""

__all__ = ["Mesh", "Primaries"]
from dataclasses import dataclass, replace
from typing import Literal

from jaxtyping import Float, Int
from numpy import ndarray as Array

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
    """

    pdg: Int[Array, " n"]
    energy: Float[Array, " n"]
    seeds: Int[Array, "n 2"]
    angles: Float[Array, "n 2"] | None = None
    mesh: Mesh = "axis"

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, rows: slice) -> "Primaries":
        angles = None if self.angles is None else self.angles[rows]
        return replace(self, pdg=self.pdg[rows], energy=self.energy[rows], seeds=self.seeds[rows], angles=angles)
