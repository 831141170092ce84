r"""Showers <-> (x, c): what a network sees, and the way back to MeV.

``x`` (N, L + V) holds the L energy features (chain of ratios, stretched to the real line, standardised) and then the V
cells as shares of their layer, exact zeros kept. ``c`` (N, C) are the `Conditions` of the incident particles.
The log-determinant makes a density of x a density of cell energies, with respect to counting measure for which cells
are hit times Lebesgue measure (MeV) of their energies; each layer with n hits contributes :math:`-(n-1)\log E_{layer}`.
"""

__all__ = ["Pipeline"]

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import BadValue, BinningMismatch
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.conditions import Conditions
from caloforge.preprocessing.transforms import EnergyChain, LogitWithAtoms, Standardize


class Pipeline(nn.Module):
    """Invertible preprocessing of one mesh; ``fit`` it on the training split only.

    Raises:
        BinningMismatch: showers of another mesh.
    """

    def __init__(self, binning: Binning) -> None:
        super().__init__()
        self.binning = binning
        self.chain = EnergyChain()
        self.logit = LogitWithAtoms(binning.n_layers)
        self.scale = Standardize(binning.n_layers)
        self.condition = Conditions()
        self._layer_of_voxel = torch.from_numpy(binning.layer_of_voxel)

    @property
    def n_conditions(self) -> int:
        return self.condition.n_features

    def fit(
        self, showers: Showers, generator: torch.Generator, energy_range: tuple[float, float] | None = None
    ) -> None:
        """Find scales from training showers; ``energy_range`` (MeV) is what they were drawn from, if that is known."""
        ratios, _ = self._ratios(showers)
        self.logit.fit(ratios)
        self.scale.fit(self.logit(ratios, torch.rand(ratios.shape, generator=generator))[0])
        self.condition.fit(Incident.of(showers), energy_range)

    def _ratios(self, showers: Showers) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        if showers.binning.layers != self.binning.layers:
            raise BinningMismatch(self.binning.name, showers.binning.name)
        layers = torch.tensor(showers.layer_energy)
        ratios, log_det = self.chain(layers, torch.tensor(showers.incident_energy).double())
        return ratios.float(), log_det.float()

    def incident(self, energy: Float[Array, " N"]) -> Incident:
        """Particles of these energies (MeV), otherwise as all of the training showers were.

        Raises:
            BadValue: the training showers had several particles or directions.
        """
        known = self.condition
        if known.n_features > 1:
            raise BadValue("condition", "an energy alone", "the model needs the particle, theta and phi too")
        return Incident.alike(energy, int(known.particles[0]), float(known.theta_range[0]), float(known.phi_range[0]))

    def conditions(self, incident: Incident | Float[Array, " N"]) -> Float[Tensor, "N C"]:
        """c of incident particles, or of energies in MeV where only those vary."""
        return self.condition(incident if isinstance(incident, Incident) else self.incident(incident))

    def forward(
        self, showers: Showers, generator: torch.Generator
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, "N C"], Float[Tensor, " N"]]:
        """(x, c, log|det|) of showers in MeV; ``generator`` draws the dequantisation of empty layers."""
        ratios, chain_det = self._ratios(showers)
        stretched, logit_det = self.logit(ratios, torch.rand(ratios.shape, generator=generator))
        features, scale_det = self.scale(stretched)
        layers = torch.tensor(showers.layer_energy).float()
        cells = torch.from_numpy(np.array(showers.energy, np.float32))
        shares = cells / layers[:, self._layer_of_voxel].clamp_min(1e-30)
        hits = torch.from_numpy(np.add.reduceat(showers.energy > 0, self.binning.layer_starts[:-1], 1, dtype=np.int64))
        shares_det = -torch.where(layers > 0, (hits - 1) * layers.clamp_min(1e-30).log(), 0.0).sum(1)
        log_det = chain_det + logit_det + scale_det + shares_det
        return torch.cat([features, shares], 1), self.conditions(Incident.of(showers)), log_det

    def layer_energies(self, features: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Layer energies in MeV of energy features and conditions."""
        ratios = self.logit.inverse(self.scale.inverse(features))
        return self.chain.inverse(ratios, self.condition.energies(c))

    def cells(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N V"]:
        """Cell energies in MeV of features and conditions."""
        layers = self.layer_energies(x[:, : self.binning.n_layers], c)
        return x[:, self.binning.n_layers :] * layers[:, self._layer_of_voxel]

    def inverse(self, x: Float[Tensor, "N F"], incident: Incident | Float[Array, " N"]) -> Showers:
        """Showers in MeV of features and incident particles, or energies in MeV where only those vary."""
        who = incident if isinstance(incident, Incident) else self.incident(incident)
        cells = self.cells(x, self.condition(who)).numpy()
        return Showers(cells, who.energy, who.pdg, who.theta, who.phi, self.binning)
