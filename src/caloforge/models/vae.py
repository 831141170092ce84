r"""Conditional variational autoencoder of shower shapes: an explicit likelihood, bounded from below by the ELBO.

.. math:: \log p(s \mid u, c) \ge E_{q(z|s,u,c)}[\log p(s \mid z, u, c)] - KL(q(z|s,u,c) \,\|\, N(0, 1))

s: shares of the cells in their layer's energy; u: energy features, the last L of them the standardised logarithms of
the layer energies; c: conditions. The decoder's output is a proper density for sparse non-negative cells
(`HurdleShares`), so samples have real zeros and real cell noise, not a blurred mean. Against posterior collapse the KL
term starts at zero weight and never pushes a latent below its free bits (arXiv:1606.04934). Where the average q stays
away from N(0, 1), as it does for beta < 1, samples would fall into its holes: then a small flow p(z | u, c) can learn
the average q, without acting back on encoder or decoder, and samples are drawn from it. Source: arXiv:1312.6114.
"""

__all__ = ["ShapeVAE", "VAEConfig"]

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.models.base import Estimate, Losses, ModelConfig, register
from caloforge.models.cascade import Cascade, ShapeStage
from caloforge.models.flow import CouplingFlow, LayerEnergyFlow
from caloforge.models.hurdle import HurdleShares
from caloforge.nn.conditioning import Conditioning, ParticleEmbedding
from caloforge.nn.layers import ConditionedMLP
from caloforge.preprocessing.pipeline import Pipeline


class ShapeVAE(ShapeStage):
    """p(s | u, c); the weight of the KL term grows from 0 to ``beta`` over the part ``warmup`` of training."""

    log_share_mean: Tensor
    log_share_std: Tensor

    def __init__(
        self,
        binning: Binning,
        n_conditions: int,
        latent: int,
        width: int,
        depth: int,
        beta: float,
        free_bits: float,
        warmup: tuple[float, float],
        prior: CouplingFlow | None,
        conditioning: Conditioning = "film",
    ) -> None:
        super().__init__()
        n_voxels, context = binning.n_voxels, 2 * binning.n_layers
        self.n_layers, self.beta, self.free_bits, self.warmup = binning.n_layers, beta, free_bits, warmup
        self.latent, self.prior = latent, prior
        self.shares = HurdleShares(binning)
        self.noise_width = latent + self.shares.noise_width
        self.encoder = ConditionedMLP(2 * n_voxels + context, 2 * latent, n_conditions, width, depth, conditioning)
        self.decoder = ConditionedMLP(latent + context, width, n_conditions, width, depth, conditioning)
        self.cells = nn.Linear(width + binning.n_layers, 3 * n_voxels)
        self.register_buffer("log_share_mean", torch.zeros(n_voxels))
        self.register_buffer("log_share_std", torch.ones(n_voxels))

    def initialise(self, shares: Float[Tensor, "N V"], u: Float[Tensor, "N U"]) -> None:
        """Start from the mean picture: each cell's hit rate, mean share when hit, and spread."""
        hit = shares > 0
        n = hit.sum(0).clamp_min(1)
        log_share = torch.where(hit, shares.clamp_min(1e-30).log(), 0.0)
        mean = log_share.sum(0) / n
        variance = torch.where(hit, (log_share - mean) ** 2, 0.0).sum(0) / n
        self.log_share_mean.copy_(mean)
        self.log_share_std.copy_(variance.sqrt().clamp_min(0.1))
        rate = hit.float().mean(0).clamp(1e-4, 1 - 1e-4)
        mean_share = (shares.sum(0) / n).clamp_min(1e-12)
        with torch.no_grad():
            self.cells.weight.mul_(0.1)
            self.cells.bias.copy_(torch.cat([rate.logit(), mean_share.log(), torch.zeros_like(rate)]))

    def posterior(
        self, shares: Float[Tensor, "N V"], u: Float[Tensor, "N U"], c: Float[Tensor, "N C"]
    ) -> tuple[Float[Tensor, "N Z"], Float[Tensor, "N Z"]]:
        """Mean and log standard deviation of q(z | s, u, c)."""
        hit = shares > 0
        size = (shares.clamp_min(1e-30).log() - self.log_share_mean) / self.log_share_std
        features = torch.cat([hit.float(), torch.where(hit, size, 0.0), u], 1)
        mean, log_std = self.encoder(features, c).chunk(2, dim=1)
        return mean, log_std.clamp(-6.0, 2.0)

    def decode(
        self, z: Float[Tensor, "N Z"], u: Float[Tensor, "N U"], c: Float[Tensor, "N C"]
    ) -> Float[Tensor, "N 3 V"]:
        """Parameters of the cells' density; the log layer energies also go straight into the last linear map."""
        hidden = self.decoder(torch.cat([z, u], 1), c)
        return self.cells(torch.cat([hidden, u[:, -self.n_layers :]], 1)).view(len(z), 3, -1)

    @staticmethod
    def kl(mean: Float[Tensor, "N Z"], log_std: Float[Tensor, "N Z"]) -> Float[Tensor, "N Z"]:
        r"""KL(N(m, s) || N(0, 1)) of each latent in nats: :math:`(m^2 + s^2 - 1)/2 - \log s`."""
        return 0.5 * (mean**2 + (2 * log_std).exp() - 1) - log_std

    def elbo_terms(
        self,
        shares: Float[Tensor, "N V"],
        u: Float[Tensor, "N U"],
        c: Float[Tensor, "N C"],
        noise: Float[Tensor, "N Z"],
    ) -> tuple[Float[Tensor, " N"], Float[Tensor, "N Z"], Float[Tensor, "N Z"]]:
        """Reconstruction log-density at one z ~ q, the KL of each latent to N(0, 1), both in nats, and that z."""
        mean, log_std = self.posterior(shares, u, c)
        z = mean + log_std.exp() * noise
        return self.shares.log_prob(shares, self.decode(z, u, c)).sum(1), self.kl(mean, log_std), z

    def loss(
        self,
        shares: Float[Tensor, "N V"],
        u: Float[Tensor, "N U"],
        c: Float[Tensor, "N C"],
        progress: float,
        generator: torch.Generator,
    ) -> Losses:
        """beta-ELBO with free bits; reconstruction and KL are logged apart."""
        noise = torch.randn(len(shares), self.latent, generator=generator, device=shares.device)
        reconstruction, kl, z = self.elbo_terms(shares, u, c, noise)
        start, end = self.warmup
        weight = self.beta * min(1.0, max(0.0, (progress - start) / max(end - start, 1e-9)))
        losses = {
            "reconstruction": -reconstruction.mean(),
            "kl": kl.sum(1).mean(),
            "active_units": (kl.mean(0) > 0.1).sum().float(),
        }
        total = weight * kl.mean(0).clamp_min(self.free_bits).sum() - reconstruction.mean()
        if self.prior is not None:
            losses["prior_nll"] = -self._log_prior(z.detach(), u, c).mean()
            total = total + losses["prior_nll"]
        return losses | {"total": total}

    def _log_prior(
        self, z: Float[Tensor, "N Z"], u: Float[Tensor, "N U"], c: Float[Tensor, "N C"]
    ) -> Float[Tensor, " N"]:
        if self.prior is None:
            return -0.5 * (z**2 + math.log(2 * math.pi)).sum(1)
        return self.prior.log_prob(z, torch.cat([u, c], 1))

    def log_prob(
        self,
        shares: Float[Tensor, "N V"],
        u: Float[Tensor, "N U"],
        c: Float[Tensor, "N C"],
        noise: Float[Tensor, "K N Z"],
    ) -> Estimate:
        r"""Importance-weighted bound :math:`\log \frac1K \sum_k w_k, \; w_k = p(s|z_k) p(z_k) / q(z_k|s)`.

        Its error is the standard error of the mean weight over the mean weight (delta method); with one draw it is
        not known (NaN). Source: arXiv:1509.00519.
        """
        mean, log_std = self.posterior(shares, u, c)
        weights = []
        for epsilon in noise:
            z = mean + log_std.exp() * epsilon
            log_posterior = -(0.5 * (epsilon**2 + math.log(2 * math.pi)) + log_std).sum(1)
            log_likelihood = self.shares.log_prob(shares, self.decode(z, u, c)).sum(1)
            weights.append(log_likelihood + self._log_prior(z, u, c) - log_posterior)
        return log_mean_exp(torch.stack(weights))

    def sample(
        self,
        noise: Float[Tensor, "N M"],
        u: Float[Tensor, "N U"],
        c: Float[Tensor, "N C"],
        active: Bool[Tensor, "N L"],
    ) -> Float[Tensor, "N V"]:
        """Shares of new showers; layers that are not ``active`` have no hit."""
        z, cells = noise[:, : self.latent], noise[:, self.latent :]
        if self.prior is not None:
            z = self.prior.sample(z, torch.cat([u, c], 1))
        return self.shares.sample(cells, self.decode(z, u, c), active)


def log_mean_exp(log_weights: Float[Tensor, "K N"]) -> Estimate:
    """Logarithm of the mean of K weights and, by the delta method, its standard error (NaN for one weight)."""
    k = len(log_weights)
    value = log_weights.logsumexp(0) - math.log(k)
    spread = (log_weights - value).exp().std(0) if k > 1 else torch.full_like(value, math.nan)
    return Estimate(value, spread / math.sqrt(k))


@register
class VAEConfig(ModelConfig):
    """Two-stage conditional VAE: spline flow of the layer energies, then `ShapeVAE` for the cells."""

    name: Literal["vae"] = "vae"
    latent: int = Field(16, ge=1, description="latent dimension")
    width: int = Field(256, ge=1, description="hidden units of encoder and decoder")
    depth: int = Field(2, ge=0, description="residual blocks of encoder and decoder")
    beta: float = Field(1.0, ge=0, description="final weight of the KL term")
    free_bits: float = Field(0.1, ge=0, description="KL of a latent, in nats, below which it costs nothing")
    warmup: tuple[float, float] = Field((0.3, 0.6), description="part of training over which beta grows from 0")
    prior: Literal["flow", "normal"] = Field(
        "normal", description="where samples take z from: the learned p(z | u, c) or N(0, 1)"
    )
    conditioning: Conditioning = Field("film", description="how hidden layers hear of energy, particle and direction")
    flow_transforms: int = Field(6, ge=1, description="spline couplings of the layer-energy flow")
    flow_bins: int = Field(8, ge=2, description="bins of each spline")
    flow_width: int = Field(64, ge=1, description="hidden units of each coupling")

    def build(self, pipeline: Pipeline) -> Cascade:
        binning = pipeline.binning
        embedding = ParticleEmbedding(pipeline.condition.n_particles, pipeline.n_conditions)
        n_conditions = embedding.n_out
        energies = LayerEnergyFlow(
            binning.n_layers, n_conditions, self.flow_transforms, self.flow_bins, self.flow_width
        )
        prior = None
        if self.prior == "flow":
            context = 2 * binning.n_layers + n_conditions
            prior = CouplingFlow(self.latent, context, self.flow_transforms, self.flow_bins, self.flow_width)
        shape = ShapeVAE(
            binning,
            n_conditions,
            self.latent,
            self.width,
            self.depth,
            self.beta,
            self.free_bits,
            self.warmup,
            prior,
            self.conditioning,
        )
        return Cascade(pipeline, embedding, energies, shape)
