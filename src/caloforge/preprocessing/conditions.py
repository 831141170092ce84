r"""Incident particles -> c (N, C): what a network sees of the particle, and what it was trained on.

Columns: the standardised :math:`\log E`; the place of the particle in the list of those trained on, for an embedding,
where there are several; the standardised :math:`\cos\theta` where it varies; and where :math:`\phi` varies
:math:`(\sin\theta\cos\phi, \sin\theta\sin\phi)` over the largest :math:`\sin\theta`, which is periodic in :math:`\phi`
and forgets it where it means nothing, at :math:`\theta = 0`. One perpendicular particle has the energy only.
"""

__all__ = ["Conditions"]

import math
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.data.incident import Incident
from caloforge.errors import BadValue, OutsideTraining
from caloforge.preprocessing.transforms import Standardize
from caloforge.units import format_angle, format_energy

_ROUNDING = 1e-3  # of energies: files and words round
_GAP = 0.02  # rad: random angles do not reach the ends of their range


class Conditions(nn.Module):
    """Features of incident particles; ``fit`` finds the scales, the particles and the ranges.

    ``hide_particle``: c does not tell which particle it is, so that a model has to learn the mixture.
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

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """As always, but the list of particles is as long as the file's."""
        if (stored := state_dict.get(prefix + "particles")) is not None:
            self.particles = torch.zeros_like(stored)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @property
    def n_particles(self) -> int:
        """How many particles c tells apart; one where it is not told."""
        return 1 if self.hide_particle else len(self.particles)

    @property
    def varies_theta(self) -> bool:
        return _wide(self.theta_range)

    @property
    def varies_phi(self) -> bool:
        return _wide(self.phi_range)

    @property
    def n_features(self) -> int:
        """Columns of c."""
        return 1 + (self.n_particles > 1) + self.varies_theta + 2 * self.varies_phi

    @property
    def mirrored(self) -> Float[Tensor, " C"]:
        """Sign of each column in the mirror image :math:`y \\to -y`: the last one, with sin phi, turns over."""
        sign = torch.ones(self.n_features)
        if self.varies_phi:
            sign[-1] = -1.0
        return sign

    @property
    def ends(self) -> tuple[float, float]:
        """The energy range as column 0 of c has it."""
        low, high = ((self.energy_range.float().log() - self.scale.mean[0]) / self.scale.std[0]).tolist()
        return low, high

    def at_energies(self, c: Float[Tensor, "N C"], energy: Float[Tensor, " N"]) -> Float[Tensor, "N C"]:
        """The same conditions at other incident energies, MeV."""
        return torch.cat([((energy.log() - self.scale.mean[0]) / self.scale.std[0])[:, None], c[:, 1:]], 1)

    def fit(self, incident: Incident, energy_range: tuple[float, float] | None = None) -> None:
        """Find scales from the training showers; ``energy_range`` (MeV) is what they were drawn from, if known."""
        self.scale.fit(self._scaled(incident))
        self.particles = torch.tensor(np.unique(incident.pdg), dtype=torch.int64)
        self.energy_range.copy_(torch.tensor(energy_range or _range(incident.energy)))
        self.theta_range.copy_(torch.tensor(_range(incident.theta)))
        self.phi_range.copy_(torch.tensor(_range(incident.phi[incident.theta > 0])))

    @staticmethod
    def _scaled(incident: Incident) -> Float[Tensor, "N 2"]:
        log_energy = torch.tensor(np.asarray(incident.energy, np.float32)).log()
        return torch.stack([log_energy, torch.tensor(np.cos(incident.theta)).float()], 1)

    def forward(self, incident: Incident) -> Float[Tensor, "N C"]:
        """c of incident particles.

        Raises:
            BadValue: a particle that was not among those trained on.
        """
        scaled, _ = self.scale(self._scaled(incident))
        columns = [scaled[:, :1]]
        if not self.hide_particle:
            place = self._place(incident)
            if self.n_particles > 1:
                columns.append(place[:, None].float())
        if self.varies_theta:
            columns.append(scaled[:, 1:])
        if self.varies_phi:
            sine = np.sin(incident.theta) / math.sin(float(self.theta_range[1]))
            across = np.stack([sine * np.cos(incident.phi), sine * np.sin(incident.phi)], 1)
            columns.append(torch.tensor(across).float())
        return torch.cat(columns, 1)

    def _place(self, incident: Incident) -> Tensor:
        """Index of each particle in the list of those trained on."""
        pdg = torch.tensor(incident.pdg.astype(np.int64))
        place = torch.searchsorted(self.particles, pdg).clamp(max=len(self.particles) - 1)
        if (strange := self.particles[place] != pdg).any():
            raise BadValue("particle", int(pdg[strange][0]), f"the model was trained on PDG {self.particles.tolist()}")
        return place

    def energies(self, c: Float[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """Incident energies in MeV of conditions."""
        return (c[:, 0] * self.scale.std[0] + self.scale.mean[0]).exp()

    def inverse(self, c: Float[Tensor, "N C"]) -> Incident:
        """The incident particles of conditions, to the precision of float32."""
        n, column = len(c), 1
        places = torch.zeros(n, dtype=torch.int64)
        if self.n_particles > 1:
            places, column = c[:, column].long(), column + 1
        theta = self.theta_range[0].expand(n)
        if self.varies_theta:
            theta = (c[:, column] * self.scale.std[1] + self.scale.mean[1]).clamp(-1.0, 1.0).acos()
        phi = torch.atan2(c[:, -1], c[:, -2]) if self.varies_phi else self.phi_range[0].expand(n)
        pdg = torch.zeros_like(places) if self.hide_particle else self.particles[places]
        return Incident(self.energies(c).numpy(), pdg.int().numpy(), theta.double().numpy(), phi.double().numpy())

    def check_range(self, incident: Incident) -> None:
        """Refuse conditions the model was not trained on.

        Raises:
            BadValue: a particle that it does not know.
            OutsideTraining: an incident energy, theta or phi outside what it was trained on.
        """
        for strange in self.outside(incident):
            raise strange

    def outside(self, incident: Incident) -> list[OutsideTraining]:
        """What of these particles lies outside the training.

        Raises:
            BadValue: a particle that the model does not know.
        """
        if not self.hide_particle:
            self._place(incident)
        low, high = self.energy_range.tolist()
        bounds = (low * (1 - _ROUNDING), high * (1 + _ROUNDING))
        found = _outside("incident energy", incident.energy, bounds, (low, high), format_energy)
        low, high = self.theta_range.tolist()
        found += _outside("theta", incident.theta, (low - _GAP, high + _GAP), (low, high), format_angle)
        low, high = self.phi_range.tolist()
        inclined = incident.phi[incident.theta > 0]
        turned = low - _GAP + np.mod(inclined - low + _GAP, 2 * math.pi)
        return found + _outside("phi", turned, (low - _GAP, high + _GAP), (low, high), format_angle)


def _outside(
    what: str, values: Array, bounds: tuple[float, float], trained: tuple[float, float], text: Any
) -> list[OutsideTraining]:
    """The lowest and the highest value, where they are out of bounds."""
    ends = dict.fromkeys((float(values.min()), float(values.max()))) if values.size else {}
    said = f"{text(trained[0])} to {text(trained[1])}"
    return [OutsideTraining(what, text(v), said) for v in ends if not bounds[0] <= v <= bounds[1]]


def _wide(ends: Float[Tensor, " 2"]) -> bool:
    return bool(ends[1] - ends[0] > _GAP)


def _range(values: Float[Array, " N"]) -> tuple[float, float]:
    return (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
