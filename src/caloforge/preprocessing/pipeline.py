r"""Showers <-> (x, c): what a network sees, and the way back to MeV.

``x`` (N, L + V) holds the L energy features (chain of ratios, stretched to the real line, standardised) and then the V
cells as shares of their layer, exact zeros kept: of its energy, or of weights whose spectrum is smooth
(`CellSpectrum`). ``c`` (N, C) are the `Conditions` of the incident particles.
The log-determinant makes a density of x a density of cell energies, with respect to counting measure for which cells
are hit times Lebesgue measure (MeV) of their energies. With weights :math:`w_i = g(e_i)` of sum W and shares
:math:`s_i`, each layer with n hits contributes :math:`\sum_i \ln g'(e_i) + \ln \sum_i s_i / g'(e_i) - (n - 1) \ln W`.
"""

__all__ = ["CellFeatures", "EnergyFeatures", "Pipeline"]

from typing import Literal

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
from caloforge.preprocessing.spectrum import CellSpectrum
from caloforge.preprocessing.transforms import EnergyChain, LogitWithAtoms, Standardize
from caloforge.units import TeV

CellFeatures = Literal["shares", "spectrum"]
EnergyFeatures = Literal["fractions", "absolute"]
_UNITS: dict[EnergyFeatures, float | None] = {"fractions": None, "absolute": 1 * TeV}


class Pipeline(nn.Module):
    """Invertible preprocessing of one mesh; ``fit`` it on the training split only.

    ``energies``: the first energy feature is the total over the incident energy (``fractions``) or over a fixed unit
    (``absolute``), see `EnergyChain`.

    Raises:
        BinningMismatch: showers of another mesh.
    """

    def __init__(
        self,
        binning: Binning,
        cells: CellFeatures = "shares",
        hide_particle: bool = False,
        energies: EnergyFeatures = "fractions",
    ) -> None:
        super().__init__()
        self.binning = binning
        self.spectrum = CellSpectrum(binning) if cells == "spectrum" else None
        self.chain = EnergyChain(_UNITS[energies])
        self.logit = LogitWithAtoms(binning.n_layers)
        self.scale = Standardize(binning.n_layers)
        self.condition = Conditions(hide_particle)
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
        if self.spectrum is not None:
            self.spectrum.fit(showers.energy)

    def _ratios(self, showers: Showers) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        if not showers.binning.same_cells(self.binning):
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
        shares, shares_det = self._shares(torch.from_numpy(np.array(showers.energy, np.float32)))
        log_det = chain_det + logit_det + scale_det + shares_det
        return torch.cat([features, shares], 1), self.conditions(Incident.of(showers)), log_det

    def _shares(self, cells: Float[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, " N"]]:
        """Shares of each layer's weights, and log|d(E, shares)/d cells|."""
        weights, log_slope = self.spectrum(cells) if self.spectrum is not None else (cells, torch.zeros_like(cells))
        total = self._layer_sum(weights)
        shares = weights / total.clamp_min(1e-30)[:, self._layer_of_voxel]
        hits = self._layer_sum((cells > 0).to(cells))
        mixed = self._layer_sum(shares * (-log_slope).exp())
        log_det = self._layer_sum(log_slope) + mixed.clamp_min(1e-30).log() - (hits - 1) * total.clamp_min(1e-30).log()
        return shares, torch.where(hits > 0, log_det, 0.0).sum(1)

    def _layer_sum(self, x: Float[Tensor, "N V"]) -> Float[Tensor, "N L"]:
        """Sums over the cells of each layer, in float64."""
        sums = x.new_zeros(len(x), self.binning.n_layers, dtype=torch.float64)
        return sums.index_add_(1, self._layer_of_voxel, x.double()).to(x)

    def layer_energies(self, features: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Layer energies in MeV of energy features and conditions."""
        ratios = self.logit.inverse(self.scale.inverse(features))
        return self.chain.inverse(ratios, self.condition.energies(c))

    def cells(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N V"]:
        """Cell energies in MeV of features and conditions."""
        layers = self.layer_energies(x[:, : self.binning.n_layers], c)
        shares = x[:, self.binning.n_layers :]
        if self.spectrum is not None:
            return self.spectrum.cells(shares, layers)
        return shares * layers[:, self._layer_of_voxel]

    def inverse(self, x: Float[Tensor, "N F"], incident: Incident | Float[Array, " N"]) -> Showers:
        """Showers in MeV of features and incident particles, or energies in MeV where only those vary.

        Where the model was not told the particle, the showers have PDG number 0: any of those it was trained on.
        """
        who = incident if isinstance(incident, Incident) else self.incident(incident)
        cells = self.cells(x, self.condition(who)).numpy()
        pdg = np.zeros_like(who.pdg) if self.condition.hide_particle else who.pdg
        return Showers(cells, who.energy, pdg, who.theta, who.phi, self.binning)
