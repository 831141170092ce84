"""What a model was trained on: particles and ranges, and what of new particles lies outside; NumPy only."""

__all__ = ["Trained"]

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.errors import BadValue, OutsideTraining
from caloforge.units import format_angle, format_energy

_ROUNDING = 1e-3  # of energies: files and words round
_GAP = 0.02  # rad: random angles do not reach the ends of their range

Ends = tuple[float, float]


@dataclass(frozen=True)
class Trained:
    """Particles and ranges of a training.

    Args:
        particles: PDG numbers, in rising order.
        energy: lowest and highest kinetic energy, MeV.
        theta: lowest and highest angle to the normal, rad.
        phi: lowest and highest azimuth of inclined particles, rad.
        hidden: the model is not told which particle it is.
    """

    particles: tuple[int, ...]
    energy: Ends
    theta: Ends
    phi: Ends
    hidden: bool = False

    @property
    def tells_particle(self) -> bool:
        """Whether the model hears which particle it is."""
        return not self.hidden and len(self.particles) > 1

    @property
    def theta_varies(self) -> bool:
        """Whether the polar angle is a condition of the model."""
        return self.theta[1] - self.theta[0] > _GAP

    @property
    def phi_varies(self) -> bool:
        """Whether the azimuth is one."""
        return self.phi[1] - self.phi[0] > _GAP

    def places(self, pdg: Int[Array, " N"]) -> Int[Array, " N"]:
        """Place of each particle in the list of those trained on.

        Args:
            pdg: (N,) PDG numbers.

        Raises:
            BadValue: a particle that was not trained on.
        """
        trained = np.array(self.particles, np.int64)
        place = np.searchsorted(trained, pdg).clip(max=len(trained) - 1)
        if (strange := trained[place] != pdg).any():
            raise BadValue(
                "particle", _in_words(int(pdg[strange][0])), f"the model was trained on {self.particle_names}"
            )
        return place

    @property
    def particle_names(self) -> str:
        """All of them in words: ``e- (PDG 11), gamma (PDG 22)``."""
        return ", ".join(map(_in_words, self.particles))

    @property
    def perpendicular(self) -> bool:
        """Whether it was trained on one direction, along the normal, so that azimuths mean nothing."""
        return self.theta[1] < _GAP

    def holds(self, incident: Incident) -> Bool[Array, " N"]:
        """Which particles lie inside the training, each by itself.

        Args:
            incident: N particles.
        """
        energy, theta, phi = (np.asarray(getattr(incident, name), float) for name in ("energy", "theta", "phi"))
        inside = np.isin(incident.pdg, self.particles)
        inside &= (energy >= self.energy[0] * (1 - _ROUNDING)) & (energy <= self.energy[1] * (1 + _ROUNDING))
        inside &= (theta >= self.theta[0] - _GAP) & (theta <= self.theta[1] + _GAP)
        turned = self.phi[0] - _GAP + np.mod(phi - self.phi[0] + _GAP, 2 * math.pi)
        return inside & ((turned <= self.phi[1] + _GAP) | (theta == 0.0) | self.perpendicular)

    def nearest(self, incident: Incident) -> Incident:
        """Particles that it `holds`, as the model was trained: what is near an end of a range is at the end.

        Args:
            incident: N particles.
        """
        energy, theta = (np.asarray(getattr(incident, name), float) for name in ("energy", "theta"))
        phi = np.full(len(incident), self.phi[0]) if self.perpendicular else np.asarray(incident.phi, float)
        return Incident(np.clip(energy, *self.energy), incident.pdg, np.clip(theta, *self.theta), phi)

    def outside(self, incident: Incident) -> list[OutsideTraining]:
        """What of these particles lies outside the training; PDG number 0 is the mixture of a model that hears of none.

        Args:
            incident: N particles.

        Raises:
            BadValue: a particle that the model does not know.
        """
        self.places(incident.pdg[incident.pdg != 0] if self.hidden else incident.pdg)
        low, high = self.energy
        bounds = (low * (1 - _ROUNDING), high * (1 + _ROUNDING))
        outside = _outside("incident energy", incident.energy, bounds, self.energy, format_energy)
        low, high = self.theta
        outside += _outside("theta", incident.theta, (low - _GAP, high + _GAP), self.theta, format_angle)
        low, high = self.phi
        inclined = incident.phi[incident.theta > 0]
        turned = low - _GAP + np.mod(inclined - low + _GAP, 2 * math.pi)
        return outside + _outside("phi", turned, (low - _GAP, high + _GAP), self.phi, format_angle)


def _outside(what: str, values: Array, bounds: Ends, trained: Ends, text: Any) -> list[OutsideTraining]:
    """The lowest and the highest value, where they are out of bounds."""
    ends = dict.fromkeys((float(values.min()), float(values.max()))) if values.size else {}
    range_ = f"{text(trained[0])} to {text(trained[1])}"
    return [OutsideTraining(what, text(v), range_) for v in ends if not bounds[0] <= v <= bounds[1]]


def _in_words(pdg: int) -> str:
    from caloforge.simulation.beam import particle_name  # only for a sentence

    name = particle_name(pdg)
    return f"PDG {pdg}" if name == str(pdg) else f"{name} (PDG {pdg})"
