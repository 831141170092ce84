"""Incident particles: the conditions of showers, without the showers."""

__all__ = ["Incident"]

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.data.checks import check_angles
from caloforge.data.showers import Showers
from caloforge.errors import BadValue


@dataclass(frozen=True, eq=False)
class Incident:
    """N particles at the calorimeter's face.

    Args:
        energy: kinetic energy, MeV.
        pdg: PDG particle number.
        theta: angle between the direction and the calorimeter's normal, rad.
        phi: azimuth of the direction, rad.

    Raises:
        BadValue: arrays of different lengths, or angles that are no directions towards the calorimeter in radians.
    """

    energy: Float[Array, " N"]
    pdg: Int[Array, " N"]
    theta: Float[Array, " N"]
    phi: Float[Array, " N"]

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) > 1:
            raise BadValue("incident particles", lengths, "give one value of each for every particle")
        check_angles(self.theta, self.phi)

    @classmethod
    def of(cls, showers: Showers) -> "Incident":
        """Those that made these showers.

        Args:
            showers: N of them.
        """
        return cls(showers.incident_energy, showers.pdg, showers.theta, showers.phi)

    @classmethod
    def alike(cls, energy: Float[Array, " N"], pdg: int = 11, theta: float = 0.0, phi: float = 0.0) -> "Incident":
        """One kind of particle from one direction, perpendicular electrons unless told, with these energies.

        Args:
            energy: kinetic energies, MeV.
            pdg: PDG particle number.
            theta: angle to the calorimeter's normal, rad.
            phi: azimuth, rad.
        """
        n = len(energy)
        return cls(energy, np.full(n, pdg, np.int32), np.full(n, theta), np.full(n, phi))

    @classmethod
    def concatenate(cls, parts: Sequence["Incident"]) -> "Incident":
        """Join, in order.

        Args:
            parts: one at least.
        """
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)})

    def __len__(self) -> int:
        return len(self.energy)

    def __getitem__(self, rows: slice | Int[Array, " n"]) -> "Incident":
        return Incident(self.energy[rows], self.pdg[rows], self.theta[rows], self.phi[rows])

    def repeated(self, n: int) -> "Incident":
        """The first ``n``, beginning again from the first where there are fewer.

        Args:
            n: particles.
        """
        return self[np.arange(n) % len(self)]
