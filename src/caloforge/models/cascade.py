r"""Two-stage model: layer energies first, then how each layer's energy lies in its cells.

.. math:: p(x \mid c) = p(u \mid c) \; p(s \mid u, c)

u: features of the layer energies, s: shares of the cells; the second stage hears of u and of the layer energies
themselves (`LayerContext`). Any `EnergyStage` goes with any `ShapeStage`; those with an
explicit density make a `Cascade`. Source of the factorisation: CaloFlow, arXiv:2106.05285.
"""

__all__ = ["Cascade", "TwoStage"]

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.models.base import Estimate, Generator, Losses
from caloforge.models.parts import LayerContext, Noise, NoiseWidths
from caloforge.models.stages import EnergySampler, EnergyStage, ShapeSampler, ShapeStage
from caloforge.nn.conditioning import ParticleEmbedding
from caloforge.preprocessing.parts import Features
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.transforms import Standardize

_FLOOR = 1e-3  # MeV: layer energies below count as this in log features


class TwoStage(Generator):
    """Energy stage and shape stage as one generator.

    Both stages hear of the particle through one ``embedding``.

    Args:
        pipeline: the preprocessing, fitted.
        embedding: of the particle, for both stages.
        energies: the first stage.
        shape: the second stage.

    Attributes:
        noise: the parts of the noise.
    """

    def __init__(
        self, pipeline: Pipeline, embedding: ParticleEmbedding, energies: EnergySampler, shape: ShapeSampler
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.pipeline, self.energies, self.shape = pipeline, energies, shape
        self.log_energy = Standardize(pipeline.n_layers)
        self.noise = NoiseWidths(pipeline.n_layers, shape.latent, shape.cell_noise)
        self.noise_shape = (self.noise.total,)

    def _log_energy(self, layers: Float[Tensor, "N L"]) -> Float[Tensor, "N L"]:
        return layers.clamp_min(_FLOOR).log()

    def context(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> tuple[LayerContext, Bool[Tensor, "N L"]]:
        """What the shape stage hears of energy features, and which layers have energy.

        Args:
            u: (N, L) energy features.
            c: (N, C) conditions.
        """
        layers = self.pipeline.layer_energies(u, c)
        return LayerContext(u, self.log_energy(self._log_energy(layers))[0]), layers > 0

    def initialise(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> None:
        """Scale of the log layer energies, then starting values of both stages.

        Args:
            x: (N, F) training features.
            c: (N, C) conditions.
        """
        parts = self.pipeline.parts(x)
        self.log_energy.fit(self._log_energy(self.pipeline.layer_energies(parts.energies, c)))
        self.energies.initialise(parts.energies, self.embedding(c))
        self.shape.initialise(parts.cells, self.context(parts.energies, c)[0])

    def sample_layers(self, noise: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Layer energies in MeV of new showers, by the energy stage alone, from its part of the noise.

        Args:
            noise: (N, L) standard normal.
            c: (N, C) conditions.
        """
        return self.pipeline.layer_energies(self.energies.sample(noise, self.embedding(c)), c)

    def sample(self, noise: Float[Tensor, "N Z"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N F"]:
        """Features of one shower for each row of standard normal noise, stage after stage.

        Args:
            noise: (N, M) standard normal, parts as in ``self.noise``.
            c: (N, C) conditions.
        """
        parts, e = self.noise.split(noise), self.embedding(c)
        return self._with_cells(self.energies.sample(parts.energies, e), parts, c, e)

    def _with_cells(
        self, u: Float[Tensor, "N L"], noise: Noise, c: Float[Tensor, "N C"], e: Float[Tensor, "N O"]
    ) -> Float[Tensor, "N F"]:
        """Features with cells drawn at given energy features; ``e``: the conditions, the particle embedded."""
        context, active = self.context(u, c)
        return Features(u, self.shape.sample(noise, context, e, active)).tensor


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
        """Terms of the shape stage, and the negative log-likelihood of the energies, nats; ``total`` is their sum.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            progress: part of training done, 0 to 1.
            generator: draws the random numbers.
        """
        (u, shares), e = self.pipeline.parts(x), self.embedding(c)
        energy_nll = -self.energies.log_prob(u, e).mean()
        terms = self.shape.loss(shares, self.context(u, c)[0], e, progress, generator)
        return terms | {"total": terms["total"] + energy_nll, "energy_nll": energy_nll}

    def log_prob(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator, samples: int = 16
    ) -> Estimate:
        """Lower bound on log p(x | c) in nats, tighter with more ``samples`` of the latent; the energies are exact.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            generator: draws the latents.
            samples: draws of the latent for each shower.
        """
        (u, shares), e = self.pipeline.parts(x), self.embedding(c)
        noise = torch.randn(samples, len(x), self.shape.latent, generator=generator).to(x)
        bound, error = self.shape.log_prob(shares, self.context(u, c)[0], e, noise)
        return Estimate(self.energies.log_prob(u, e) + bound, error)
