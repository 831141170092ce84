r"""Two-stage model: layer energies first, then how each layer's energy lies in its cells.

.. math:: p(x \mid c) = p(u \mid c) \; p(s \mid u, c)

u: features of the layer energies, s: shares of the cells. Any `EnergyStage` goes with any `ShapeStage`; those with an
explicit density make a `Cascade`. Source of the factorisation: CaloFlow, arXiv:2106.05285.
"""

__all__ = ["Cascade", "EnergySampler", "EnergyStage", "ShapeSampler", "ShapeStage", "TwoStage"]

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.models.base import Estimate, Generator, Losses
from caloforge.nn.conditioning import ParticleEmbedding
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.transforms import Standardize

_FLOOR = 1e-3  # MeV: layer energies below count as this in log features


class EnergySampler(nn.Module, ABC):
    """Draws of u given c; noise has the shape of u."""

    def initialise(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> None:
        """Set data-dependent starting values from the training showers."""

    @abstractmethod
    def sample(self, noise: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Energy features of standard normal noise."""


class EnergyStage(EnergySampler):
    """p(u | c) with an explicit density."""

    @abstractmethod
    def log_prob(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """Log-density in nats."""


class ShapeSampler(nn.Module, ABC):
    """Draws of s given u and c; the last L columns of u are the standardised logarithms of the layer energies."""

    noise_width: int

    @abstractmethod
    def initialise(self, shares: Float[Tensor, "N V"], u: Float[Tensor, "N U"]) -> None:
        """Set data-dependent starting values from the training showers."""

    @abstractmethod
    def sample(
        self,
        noise: Float[Tensor, "N M"],
        u: Float[Tensor, "N U"],
        c: Float[Tensor, "N C"],
        active: Bool[Tensor, "N L"],
    ) -> Float[Tensor, "N V"]:
        """Shares of new showers; layers that are not ``active`` have no hit."""


class ShapeStage(ShapeSampler):
    """p(s | u, c) with an explicit density of a latent variable model."""

    latent: int

    @abstractmethod
    def loss(
        self,
        shares: Float[Tensor, "N V"],
        u: Float[Tensor, "N U"],
        c: Float[Tensor, "N C"],
        progress: float,
        generator: torch.Generator,
    ) -> Losses:
        """Terms to log; ``total`` is minimised."""

    @abstractmethod
    def log_prob(
        self,
        shares: Float[Tensor, "N V"],
        u: Float[Tensor, "N U"],
        c: Float[Tensor, "N C"],
        noise: Float[Tensor, "K N Z"],
    ) -> Estimate:
        """Lower bound on the log-density in nats, from K draws of latent noise, and its standard error."""


class TwoStage(Generator):
    """Energy stage and shape stage as one generator; noise is [energy stage | shape stage].

    Both stages hear of the particle through one ``embedding``.
    """

    def __init__(
        self, pipeline: Pipeline, embedding: ParticleEmbedding, energies: EnergySampler, shape: ShapeSampler
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.n_layers = pipeline.binning.n_layers
        self.pipeline, self.energies, self.shape = pipeline, energies, shape
        self.log_energy = Standardize(self.n_layers)
        self.noise_shape = (self.n_layers + shape.noise_width,)

    def _log_energy(self, layers: Float[Tensor, "N L"]) -> Float[Tensor, "N L"]:
        return layers.clamp_min(_FLOOR).log()

    def context(
        self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]
    ) -> tuple[Float[Tensor, "N U"], Bool[Tensor, "N L"]]:
        """Energy features with the standardised log energy of each layer, and which layers have energy."""
        layers = self.pipeline.layer_energies(u, c)
        return torch.cat([u, self.log_energy(self._log_energy(layers))[0]], 1), layers > 0

    def initialise(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> None:
        self.log_energy.fit(self._log_energy(self.pipeline.layer_energies(x[:, : self.n_layers], c)))
        self.energies.initialise(x[:, : self.n_layers], self.embedding(c))
        self.shape.initialise(x[:, self.n_layers :], self.context(x[:, : self.n_layers], c)[0])

    def sample_layers(self, noise: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Layer energies in MeV of new showers, by the energy stage alone; the first columns of the noise."""
        return self.pipeline.layer_energies(self.energies.sample(noise, self.embedding(c)), c)

    def sample(self, noise: Float[Tensor, "N Z"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N F"]:
        e = self.embedding(c)
        u = self.energies.sample(noise[:, : self.n_layers], e)
        context, active = self.context(u, c)
        return torch.cat([u, self.shape.sample(noise[:, self.n_layers :], context, e, active)], 1)


class Cascade(TwoStage):
    """Two stages with explicit densities, trained together by their likelihoods."""

    explicit: ClassVar[bool] = True
    energies: EnergyStage
    shape: ShapeStage

    def __init__(
        self, pipeline: Pipeline, embedding: ParticleEmbedding, energies: EnergyStage, shape: ShapeStage
    ) -> None:
        super().__init__(pipeline, embedding, energies, shape)

    def loss(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], progress: float, generator: torch.Generator
    ) -> Losses:
        u, shares, e = x[:, : self.n_layers], x[:, self.n_layers :], self.embedding(c)
        energy_nll = -self.energies.log_prob(u, e).mean()
        terms = self.shape.loss(shares, self.context(u, c)[0], e, progress, generator)
        return terms | {"total": terms["total"] + energy_nll, "energy_nll": energy_nll}

    def log_prob(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator, samples: int = 16
    ) -> Estimate:
        """Lower bound on log p(x | c) in nats, tighter with more ``samples`` of the latent; the energies are exact."""
        u, shares, e = x[:, : self.n_layers], x[:, self.n_layers :], self.embedding(c)
        noise = torch.randn(samples, len(x), self.shape.latent, generator=generator)
        bound, error = self.shape.log_prob(shares, self.context(u, c)[0], e, noise)
        return Estimate(self.energies.log_prob(u, e) + bound, error)
