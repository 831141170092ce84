r"""Showers <-> (x, c): what a network sees, and the way back to MeV.

``x`` (N, L + V) holds the L energy features (chain of ratios, stretched to the real line, standardised) and then the V
cells as shares of their layer, exact zeros kept. ``c`` (N, 1) is the standardised logarithm of the incident energy.
The log-determinant makes a density of x a density of cell energies, with respect to counting measure for which cells
are hit times Lebesgue measure (MeV) of their energies; each layer with n hits contributes :math:`-(n-1)\log E_{layer}`.
"""

__all__ = ["Pipeline"]

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.data.showers import Showers
from caloforge.errors import BadValue, BinningMismatch
from caloforge.geometry.binning import Binning
from caloforge.preprocessing.transforms import EnergyChain, LogitWithAtoms, Standardize


class Pipeline(nn.Module):
    """Invertible preprocessing of one mesh; ``fit`` it on the training split only.

    Raises:
        BinningMismatch: showers of another mesh.
    """

    energy_range: Tensor
    particle: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__()
        self.binning = binning
        self.chain = EnergyChain()
        self.logit = LogitWithAtoms(binning.n_layers)
        self.scale = Standardize(binning.n_layers)
        self.condition = Standardize(1)
        self.register_buffer("energy_range", torch.zeros(2))
        self.register_buffer("particle", torch.zeros((), dtype=torch.int64))
        self._layer_of_voxel = torch.from_numpy(binning.layer_of_voxel)

    @property
    def n_conditions(self) -> int:
        return 1

    def fit(
        self, showers: Showers, generator: torch.Generator, energy_range: tuple[float, float] | None = None
    ) -> None:
        """Find scales from training showers; ``energy_range`` (MeV) is what they were drawn from, if that is known.

        Raises:
            BadValue: more than one kind of particle, or particles that are not perpendicular.
        """
        kinds = np.unique(showers.pdg)
        if len(kinds) > 1 or (showers.theta != 0).any():
            raise BadValue("training showers", f"particles {kinds.tolist()}", "give one perpendicular particle for now")
        ratios, _ = self._ratios(showers)
        self.logit.fit(ratios)
        self.scale.fit(self.logit(ratios, torch.rand(ratios.shape, generator=generator))[0])
        self.condition.fit(torch.tensor(showers.incident_energy).float().log()[:, None])
        self.energy_range.copy_(torch.tensor(energy_range or _range(showers)))
        self.particle.fill_(int(kinds[0]))

    def _ratios(self, showers: Showers) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        if not showers.binning.same_cells(self.binning):
            raise BinningMismatch(self.binning.name, showers.binning.name)
        layers = torch.tensor(showers.layer_energy)
        ratios, log_det = self.chain(layers, torch.tensor(showers.incident_energy).double())
        return ratios.float(), log_det.float()

    def conditions(self, incident_energy: Float[Array, " N"]) -> Float[Tensor, "N 1"]:
        """c of incident energies in MeV."""
        return self.condition(torch.tensor(np.asarray(incident_energy, np.float32)).log()[:, None])[0]

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
        return torch.cat([features, shares], 1), self.conditions(showers.incident_energy), log_det

    def layer_energies(self, features: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Layer energies in MeV of energy features and conditions."""
        ratios = self.logit.inverse(self.scale.inverse(features))
        return self.chain.inverse(ratios, self.condition.inverse(c)[:, 0].exp())

    def cells(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N V"]:
        """Cell energies in MeV of features and conditions."""
        layers = self.layer_energies(x[:, : self.binning.n_layers], c)
        return x[:, self.binning.n_layers :] * layers[:, self._layer_of_voxel]

    def inverse(self, x: Float[Tensor, "N F"], incident_energy: Float[Array, " N"]) -> Showers:
        """Showers in MeV of features and incident energies."""
        energy = self.cells(x, self.conditions(incident_energy))
        return Showers.perpendicular(energy.numpy(), incident_energy, self.binning, int(self.particle))


def _range(showers: Showers) -> tuple[float, float]:
    return float(showers.incident_energy.min()), float(showers.incident_energy.max())
