"""A trained model as one function of noise and physical conditions to MeV: what a graph for other software computes."""

__all__ = ["ShowerGraph"]

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from caloforge.models.base import Generator
from caloforge.preprocessing.parts import Conditions
from caloforge.preprocessing.pipeline import Pipeline


class ShowerGraph(nn.Module):
    """Conditions as the encoder makes them, sample, cells in MeV; pure tensors, no NumPy.

    Args:
        model: generator of features.
        pipeline: the preprocessing, fitted.
    """

    def __init__(self, model: Generator, pipeline: Pipeline) -> None:
        super().__init__()
        self.model, self.pipeline = model, pipeline
        self.sine = math.sin(pipeline.condition.trained.theta[1])

    def conditions(
        self,
        energy: Float[Tensor, " n"],
        pdg: Int[Tensor, " n"] | None,
        theta: Float[Tensor, " n"] | None,
        phi: Float[Tensor, " n"] | None,
    ) -> Float[Tensor, "n C"]:
        """c of n particles.

        Args:
            energy: MeV.
            pdg: PDG numbers, where the model tells particles apart.
            theta: rad, where it varies.
            phi: rad, where it varies.
        """
        encoder = self.pipeline.condition
        mean, std = encoder.scale.mean, encoder.scale.std
        parts = Conditions(((energy.log() - mean[0]) / std[0])[:, None])
        if encoder.columns.particle and pdg is not None:
            place = (self._same(pdg, energy) * torch.arange(len(encoder.particles)).to(energy)).sum(1)
            parts = parts._replace(particle=place[:, None])
        if encoder.columns.cos_theta and theta is not None:
            parts = parts._replace(cos_theta=((theta.cos() - mean[1]) / std[1])[:, None])
        if encoder.columns.direction and theta is not None and phi is not None:
            sine = theta.sin() / self.sine
            parts = parts._replace(direction=torch.stack([sine * phi.cos(), sine * phi.sin()], 1))
        return parts.tensor

    def _same(self, pdg: Int[Tensor, " n"], energy: Float[Tensor, " n"]) -> Float[Tensor, "n P"]:
        """1 at the place of each particle among those trained on."""
        return (pdg[:, None] == self.pipeline.condition.particles).to(energy)

    def forward(
        self,
        noise: Float[Tensor, "n M"],
        energy: Float[Tensor, " n"],
        pdg: Int[Tensor, " n"] | None = None,
        theta: Float[Tensor, " n"] | None = None,
        phi: Float[Tensor, " n"] | None = None,
    ) -> Float[Tensor, "n V"]:
        """Energies of the cells, MeV; NaN of a particle that the model does not know.

        Args:
            noise: (n, M) standard normal.
            energy: MeV.
            pdg: PDG numbers, where the model tells particles apart.
            theta: rad, where it varies.
            phi: rad, where it varies.
        """
        c = self.conditions(energy, pdg, theta, phi)
        cells = self.pipeline.cells(self.model.sample(noise, c), c)
        if self.pipeline.condition.columns.particle and pdg is not None:
            same = self._same(pdg, energy).sum(1, keepdim=True)
            cells = cells * (same / same)  # 1, or 0/0
        return cells
