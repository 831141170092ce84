r"""Showers <-> (x, c): what a network sees, and the way back to MeV.

``x`` (N, L + V) has the parts of `Features`: L energy features (chain of ratios, stretched to the real line,
standardised) and V cells as shares of their layer, exact zeros kept: of its energy, or of weights whose spectrum is
smooth (`CellSpectrum`). ``c`` (N, C) are the `Conditions` of the incident particles.
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
from caloforge.preprocessing.conditions import ConditionEncoder
from caloforge.preprocessing.parts import Features
from caloforge.preprocessing.spectrum import CellSpectrum
from caloforge.preprocessing.transforms import EnergyChain, LogitWithAtoms, Standardize
from caloforge.units import TeV

CellFeatures = Literal["shares", "spectrum"]
EnergyFeatures = Literal["fractions", "absolute"]
_UNITS: dict[EnergyFeatures, float | None] = {"fractions": None, "absolute": 1 * TeV}


class Pipeline(nn.Module):
    """Invertible preprocessing of one mesh of L layers and V cells; ``fit`` it on the training split only.

    Args:
        binning: the mesh.
        cells: shares of a layer's energy, or of weights whose spectrum is smooth.
        hide_particle: see `ConditionEncoder`.
        energies: the first energy feature is the total over the incident energy (``fractions``) or over a fixed unit
            (``absolute``), see `EnergyChain`.

    Attributes:
        layer_of_voxel: (V,) number of the layer of each cell, from 0.
        condition: incident particles -> c.

    Raises:
        BinningMismatch: showers of another mesh.
    """

    layer_of_voxel: Tensor

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
        self.condition = ConditionEncoder(hide_particle)
        self.register_buffer("layer_of_voxel", torch.from_numpy(binning.layer_of_voxel), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where its tensors are, and those that it makes."""
        return self.layer_of_voxel.device

    @property
    def n_layers(self) -> int:
        """L, the layers of the mesh."""
        return self.binning.n_layers

    @property
    def n_cells(self) -> int:
        """V, the cells of the mesh."""
        return self.binning.n_voxels

    @property
    def n_features(self) -> int:
        """F = L + V, the columns of x."""
        return self.n_layers + self.n_cells

    @property
    def n_conditions(self) -> int:
        """C, the columns of c."""
        return self.condition.n_features

    def parts(self, x: Float[Tensor, "N F"]) -> Features:
        """The named parts of x.

        Args:
            x: (N, F) features.
        """
        return Features.split(x, self.n_layers)

    def fit(
        self, showers: Showers, generator: torch.Generator, energy_range: tuple[float, float] | None = None
    ) -> None:
        """Find scales from training showers.

        Args:
            showers: training split.
            generator: draws the dequantisation of empty layers.
            energy_range: what the incident energies (MeV) were drawn from, if that is known.
        """
        ratios, _ = self._ratios(showers)
        self.logit.fit(ratios)
        self.scale.fit(self.logit(ratios, torch.rand(ratios.shape, generator=generator).to(ratios))[0])
        self.condition.fit(Incident.of(showers), energy_range)
        if self.spectrum is not None:
            self.spectrum.fit(showers.energy)

    def _ratios(self, showers: Showers) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        if not showers.binning.same_cells(self.binning):
            raise BinningMismatch(self.binning.name, showers.binning.name)
        layers = torch.tensor(showers.layer_energy, device=self.device)
        ratios, log_det = self.chain(layers, torch.tensor(showers.incident_energy, device=self.device).double())
        return ratios.float(), log_det.float()

    def incident(self, energy: Float[Array, " N"]) -> Incident:
        """Particles of these energies (MeV), otherwise as all of the training showers were.

        Args:
            energy: (N,) MeV.

        Raises:
            BadValue: the training showers had several particles or directions.
        """
        trained = self.condition
        if trained.n_features > 1:
            raise BadValue("condition", "an energy alone", "the model needs the particle, theta and phi too")
        angles = float(trained.theta_range[0]), float(trained.phi_range[0])
        return Incident.alike(energy, int(trained.particles[0]), *angles)

    def conditions(self, incident: Incident | Float[Array, " N"]) -> Float[Tensor, "N C"]:
        """c of incident particles, or of energies in MeV where only those vary.

        Args:
            incident: N particles, or their energies.

        Raises:
            BadValue: a particle that was not trained on, or energies where the model needs more.
        """
        return self.condition(incident if isinstance(incident, Incident) else self.incident(incident))

    def forward(
        self, showers: Showers, generator: torch.Generator
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, "N C"], Float[Tensor, " N"]]:
        """(x, c, log|det|) of showers in MeV; ``generator`` draws the dequantisation of empty layers.

        Args:
            showers: N, on the mesh of the pipeline.
            generator: draws uniform numbers for ratios that are exactly 0 or 1.

        Raises:
            BinningMismatch: showers of another mesh.
            BadValue: a particle that was not trained on.
        """
        ratios, chain_det = self._ratios(showers)
        stretched, logit_det = self.logit(ratios, torch.rand(ratios.shape, generator=generator).to(ratios))
        features, scale_det = self.scale(stretched)
        shares, shares_det = self._shares(torch.tensor(np.asarray(showers.energy, np.float32), device=self.device))
        log_det = chain_det + logit_det + scale_det + shares_det
        return Features(features, shares).tensor, self.conditions(Incident.of(showers)), log_det

    def _shares(self, cells: Float[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, " N"]]:
        """Shares of each layer's weights, and log|d(E, shares)/d cells|."""
        weights, log_slope = self.spectrum(cells) if self.spectrum is not None else (cells, torch.zeros_like(cells))
        total = self.layer_sum(weights)
        shares = weights / total.clamp_min(1e-30)[:, self.layer_of_voxel]
        hits = self.layer_sum((cells > 0).to(cells))
        mixed = self.layer_sum(shares * (-log_slope).exp())
        log_det = self.layer_sum(log_slope) + mixed.clamp_min(1e-30).log() - (hits - 1) * total.clamp_min(1e-30).log()
        return shares, torch.where(hits > 0, log_det, 0.0).sum(1)

    def layer_sum(self, x: Float[Tensor, "N V"]) -> Float[Tensor, "N L"]:
        """Sums over the cells of each layer, in float64.

        Args:
            x: (N, V) a number for each cell.
        """
        sums = x.new_zeros(x.shape[0], self.n_layers, dtype=torch.float64)
        return sums.index_add_(1, self.layer_of_voxel, x.double()).to(x)

    def layer_energies(self, features: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Layer energies in MeV of energy features and conditions.

        Args:
            features: (N, L) energy features.
            c: (N, C) conditions.
        """
        ratios = self.logit.inverse(self.scale.inverse(features))
        return self.chain.inverse(ratios, self.condition.energies(c))

    def cells(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N V"]:
        """Cell energies in MeV of features and conditions.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
        """
        parts = self.parts(x)
        layers = self.layer_energies(parts.energies, c)
        if self.spectrum is not None:
            return self.spectrum.cells(parts.cells, layers)
        return parts.cells * layers[:, self.layer_of_voxel]

    def inverse(
        self,
        x: Float[Tensor, "N F"],
        incident: Incident | Float[Array, " N"],
        c: Float[Tensor, "N C"] | None = None,
    ) -> Showers:
        """Showers in MeV of features.

        Where the model was not told the particle, the showers have PDG number 0: any of those it was trained on.

        Args:
            x: features.
            incident: incident particles, or energies in MeV where only those vary.
            c: their conditions, where they are computed already.
        """
        particles = incident if isinstance(incident, Incident) else self.incident(incident)
        cells = self.cells(x, self.condition(particles) if c is None else c).cpu().numpy()
        pdg = np.zeros_like(particles.pdg) if self.condition.hide_particle else particles.pdg
        return Showers(cells, particles.energy, pdg, particles.theta, particles.phi, self.binning)
