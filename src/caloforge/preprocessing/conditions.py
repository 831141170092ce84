r"""Incident particles -> c (N, C): what a network sees of the particle, and what it was trained on.

Its parts are those of `Conditions`: the energy always, the particle where there are several, :math:`\cos\theta` where
it varies, and where :math:`\phi` varies the direction, which is periodic in :math:`\phi` and forgets it where it means
nothing, at :math:`\theta = 0`. One perpendicular particle has the energy only.
"""

__all__ = ["ConditionEncoder"]

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.data.incident import Incident
from caloforge.errors import OutsideTraining
from caloforge.preprocessing.parts import ConditionColumns, Conditions
from caloforge.preprocessing.trained import Trained
from caloforge.preprocessing.transforms import Standardize


class ConditionEncoder(nn.Module):
    """Incident particles -> `Conditions`; ``fit`` finds the scales, the particles and the ranges.

    Args:
        hide_particle: c does not tell which particle it is, so that a model has to learn the mixture.

    Attributes:
        columns: which parts c has.
        particles: PDG numbers trained on, in rising order.
        energy_range, theta_range, phi_range: lowest and highest value trained on (MeV, rad).
    """

    particles: Tensor
    energy_range: Tensor
    theta_range: Tensor
    phi_range: Tensor

    def __init__(self, hide_particle: bool = False) -> None:
        super().__init__()
        self.hide_particle = hide_particle
        self.scale = Standardize(2)  # log E, cos theta
        self.register_buffer("particles", torch.zeros(1, dtype=torch.int64))
        for name in ("energy_range", "theta_range", "phi_range"):
            self.register_buffer(name, torch.zeros(2, dtype=torch.float64))
        self.columns = ConditionColumns()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *options: Any) -> None:
        """As always, but the list of particles is as long as the file's, and the columns follow from it."""
        if (stored := state_dict.get(prefix + "particles")) is not None:
            self.particles = torch.zeros_like(stored, device=self.particles.device)
        super()._load_from_state_dict(state_dict, prefix, *options)
        self._set_columns()

    def _set_columns(self) -> None:
        if not self.theta_range.is_meta:
            trained = self.trained
            self.columns = ConditionColumns(trained.tells_particle, trained.theta_varies, trained.phi_varies)

    @property
    def trained(self) -> Trained:
        """Particles and ranges of the training."""
        energy, theta, phi = (
            (float(ends[0]), float(ends[1])) for ends in (self.energy_range, self.theta_range, self.phi_range)
        )
        return Trained(tuple(self.particles.tolist()), energy, theta, phi, self.hide_particle)

    @property
    def n_particles(self) -> int:
        """How many particles c tells apart; one where it is not told."""
        return 1 if self.hide_particle else len(self.particles)

    @property
    def n_features(self) -> int:
        """C, the columns of c."""
        return self.columns.width

    @property
    def ends(self) -> tuple[float, float]:
        """The energy range as the standardised log energy has it."""
        low, high = self._log_energy(self.energy_range.float()).tolist()
        return low, high

    @property
    def log_energy_scale(self) -> float:
        """Change of ln E that is 1 in the standardised log energy."""
        return float(self.scale.std[0])

    def _log_energy(self, energy: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        """Standardised log energy of energies in MeV."""
        return (energy.log() - self.scale.mean[0]) / self.scale.std[0]

    def parts(self, c: Float[Tensor, "N C"]) -> Conditions:
        """The named parts of c.

        Args:
            c: (N, C) conditions.
        """
        return self.columns.split(c)

    def at_energies(self, c: Float[Tensor, "N C"], energy: Float[Tensor, " N"]) -> Float[Tensor, "N C"]:
        """The same conditions at other incident energies, MeV.

        Args:
            c: (N, C) conditions.
            energy: (N,) MeV.
        """
        return self.parts(c)._replace(log_energy=self._log_energy(energy)[:, None]).tensor

    def fit(self, incident: Incident, energy_range: tuple[float, float] | None = None) -> None:
        """Find scales, particles and ranges.

        Args:
            incident: particles of the training showers.
            energy_range: what their energies (MeV) were drawn from, if known.
        """
        self.scale.fit(self._scaled(incident))
        self.particles = torch.tensor(np.unique(incident.pdg), dtype=torch.int64)
        ranges = (
            energy_range or _range(incident.energy),
            _range(incident.theta),
            _range(incident.phi[incident.theta > 0]),
        )
        for buffer, ends in zip((self.energy_range, self.theta_range, self.phi_range), ranges, strict=True):
            buffer.copy_(torch.tensor(ends, dtype=torch.float64))
        self._set_columns()

    @staticmethod
    def _scaled(incident: Incident) -> Float[Tensor, "N 2"]:
        log_energy = torch.tensor(np.asarray(incident.energy, np.float32)).log()
        return torch.stack([log_energy, torch.tensor(np.cos(incident.theta)).float()], 1)

    def forward(self, incident: Incident) -> Float[Tensor, "N C"]:
        """c of N incident particles.

        Args:
            incident: N particles.

        Raises:
            BadValue: a particle that was not among those trained on.
        """
        device = self.particles.device
        scaled, _ = self.scale(self._scaled(incident).to(device))
        log_energy, cos_theta = scaled.split(1, 1)
        place = None if self.hide_particle else self._place(incident)
        particle = place[:, None].float().to(device) if place is not None and self.columns.particle else None
        direction = self._direction(incident).to(device) if self.columns.direction else None
        return Conditions(log_energy, particle, cos_theta if self.columns.cos_theta else None, direction).tensor

    def _direction(self, incident: Incident) -> Float[Tensor, "N 2"]:
        sine = np.sin(incident.theta) / math.sin(float(self.theta_range[1]))
        return torch.tensor(np.stack([sine * np.cos(incident.phi), sine * np.sin(incident.phi)], 1)).float()

    def _place(self, incident: Incident) -> Tensor:
        """Index of each particle in the list of those trained on."""
        return torch.from_numpy(self.trained.places(incident.pdg))

    def energies(self, c: Float[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """Incident energies in MeV of conditions.

        Args:
            c: (N, C) conditions.
        """
        return (self.parts(c).log_energy[:, 0] * self.scale.std[0] + self.scale.mean[0]).exp()

    def inverse(self, c: Float[Tensor, "N C"]) -> Incident:
        """The incident particles of conditions, to the precision of float32.

        Args:
            c: (N, C) conditions.
        """
        n, parts = len(c), self.parts(c)
        places = torch.zeros(n, dtype=torch.int64, device=c.device)
        if parts.particle is not None:
            places = parts.particle[:, 0].long()
        theta, phi = self.theta_range[0].expand(n), self.phi_range[0].expand(n)
        if parts.cos_theta is not None:
            theta = (parts.cos_theta[:, 0] * self.scale.std[1] + self.scale.mean[1]).clamp(-1.0, 1.0).acos()
        if parts.direction is not None:
            phi = torch.atan2(parts.direction[:, 1], parts.direction[:, 0])
        pdg = torch.zeros_like(places) if self.hide_particle else self.particles[places]
        numbers = (self.energies(c), pdg.int(), theta.double(), phi.double())
        return Incident(*(number.cpu().numpy() for number in numbers))

    def check_range(self, incident: Incident) -> None:
        """Refuse conditions the model was not trained on.

        Args:
            incident: N particles.

        Raises:
            BadValue: a particle that it does not know.
            OutsideTraining: an incident energy, theta or phi outside what it was trained on.
        """
        for strange in self.outside(incident):
            raise strange

    def outside(self, incident: Incident) -> list[OutsideTraining]:
        """What of these particles lies outside the training.

        Args:
            incident: N particles.

        Raises:
            BadValue: a particle that the model does not know.
        """
        return self.trained.outside(incident)


def _range(values: Float[Array, " N"]) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
