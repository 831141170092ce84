r"""What the two stages of a model are: samplers of :math:`u | c` and of :math:`s | u, c`, with a density or without.

u: features of the layer energies, s: shares of the cells, c: conditions with the particle embedded.
"""

__all__ = ["EnergySampler", "EnergyStage", "ShapeSampler", "ShapeStage"]

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.models.base import Estimate, Losses
from caloforge.models.parts import LayerContext, Noise


class EnergySampler(nn.Module, ABC):
    """Draws of u given c; noise has the shape of u."""

    def initialise(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> None:
        """Set data-dependent starting values from the training showers.

        Args:
            u: (N, L) energy features of training showers.
            c: (N, C) conditions, the particle embedded.
        """

    @abstractmethod
    def sample(self, noise: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Energy features of standard normal noise.

        Args:
            noise: (N, L) standard normal.
            c: (N, C) conditions, the particle embedded.
        """


class EnergyStage(EnergySampler):
    """p(u | c) with an explicit density."""

    @abstractmethod
    def log_prob(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """Log-density in nats.

        Args:
            u: (N, L) energy features.
            c: (N, C) conditions, the particle embedded.
        """


class ShapeSampler(nn.Module, ABC):
    """Draws of s given the layer energies and c.

    Attributes:
        latent: Z, normals that shape a whole shower.
        cell_noise: M, normals of its single cells.
    """

    latent: int
    cell_noise: int

    @abstractmethod
    def initialise(self, shares: Float[Tensor, "N V"], context: LayerContext) -> None:
        """Set data-dependent starting values from the training showers.

        Args:
            shares: (N, V) of training showers.
            context: what the stage hears of the layer energies.
        """

    @abstractmethod
    def sample(
        self, noise: Noise, context: LayerContext, c: Float[Tensor, "N C"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of new showers.

        Args:
            noise: its ``latent`` (N, Z) and ``cells`` (N, M) are used.
            context: the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy; the others get no hit.
        """


class ShapeStage(ShapeSampler):
    """p(s | u, c) with an explicit density of a latent variable model."""

    @abstractmethod
    def loss(
        self,
        shares: Float[Tensor, "N V"],
        context: LayerContext,
        c: Float[Tensor, "N C"],
        progress: float,
        generator: torch.Generator,
    ) -> Losses:
        """Terms to log; ``total`` is minimised.

        Args:
            shares: (N, V) of the cells in their layers.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            progress: part of training done, 0 to 1.
            generator: draws the random numbers.
        """

    @abstractmethod
    def log_prob(
        self,
        shares: Float[Tensor, "N V"],
        context: LayerContext,
        c: Float[Tensor, "N C"],
        noise: Float[Tensor, "K N Z"],
    ) -> Estimate:
        """Lower bound on the log-density in nats, from K draws of latent noise, and its standard error.

        Args:
            shares: (N, V) of the cells in their layers.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            noise: (K, N, Z) standard normal.
        """
