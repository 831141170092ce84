r"""Conditional beta-VAE of shower shapes: an explicit likelihood, bounded from below by the ELBO.

.. math:: \log p(s \mid u, c) \ge E_{q(z|s,u,c)}[\log p(s \mid z, u, c)] - KL(q(z|s,u,c) \,\|\, N(0, 1))

s: shares of the cells in their layer; u: what is known of the layer energies (`LayerContext`); c: conditions. The
decoder's output is a proper density for sparse non-negative cells
(`caloforge.models.hurdle`), so samples have real zeros and real cell noise, not a blurred mean. The KL term has weight
beta (arXiv:1804.03599); against posterior collapse the weight starts at zero and never pushes a latent below its free
bits (arXiv:1606.04934), or posteriors are kept narrower than the prior (delta-VAE, arXiv:1901.03416). Where the average
q stays away from N(0, 1), as it does for beta < 1, samples would fall into its holes: then a small flow p(z | u, c) can
learn the average q, without acting back on encoder or decoder, and samples are drawn from it.
Source: arXiv:1312.6114.
"""

__all__ = ["ShapeVAE"]

import math
from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.models.base import Estimate, Losses
from caloforge.models.beta import beta_at
from caloforge.models.bounds import ACTIVE, gaussian_kl, importance_bound, mutual_information, widest_posterior
from caloforge.models.flow import CouplingFlow
from caloforge.models.parts import LayerContext
from caloforge.models.stages import ShapeStage
from caloforge.models.vae_options import DECODERS, VAEOptions
from caloforge.nn.conditioning import LinearExtrapolation
from caloforge.nn.layers import ConditionedMLP, NetworkOptions


class ShapeVAE(ShapeStage):
    """p(s | u, c) of a VAE, whatever its decoder; samples take z from ``prior``, or from N(0, 1) where there is none.

    Args:
        binning: the mesh.
        n_conditions: numbers of c, the particle embedded.
        config: options of the model.
        prior: learned density of z; None for N(0, 1).
        tails: where networks go on linearly in log energy; None: nowhere.
    """

    log_share_mean: Tensor
    log_share_std: Tensor

    def __init__(
        self,
        binning: Binning,
        n_conditions: int,
        config: VAEOptions,
        prior: CouplingFlow | None,
        tails: LinearExtrapolation | None = None,
    ) -> None:
        super().__init__()
        n_voxels, width = binning.n_voxels, config.width
        self.config, self.n_layers = config, binning.n_layers
        self.latent, self.prior = config.latent, prior
        self.shares = DECODERS[config.decoder](binning)
        self.cell_noise = self.shares.noise_width
        options = (n_conditions, width, config.depth, config.conditioning, tails)
        if self.latent:
            self.encoder = ConditionedMLP(2 * (n_voxels + binning.n_layers), 2 * self.latent, *options)
        self.build_decoder(binning, options)
        self.log_widest = math.log(widest_posterior(config.committed_rate / max(self.latent, 1)))
        self.register_buffer("log_share_mean", torch.zeros(n_voxels))
        self.register_buffer("log_share_std", torch.ones(n_voxels))

    def initialise(self, shares: Float[Tensor, "N V"], context: LayerContext) -> None:
        """Start from the marginals of the cells; standardise what the encoder sees.

        Args:
            shares: (N, V) of the cells in their layers.
            context: what the stage hears of the layer energies.
        """
        hit = shares > 0
        n = hit.sum(0).clamp_min(1)
        log_share = torch.where(hit, shares.clamp_min(1e-30).log(), 0.0)
        mean = log_share.sum(0) / n
        variance = torch.where(hit, (log_share - mean) ** 2, 0.0).sum(0) / n
        self.log_share_mean.copy_(mean)
        self.log_share_std.copy_(variance.sqrt().clamp_min(0.1))
        self.initialise_decoder(shares)

    def _features(self, shares: Float[Tensor, "N V"]) -> Float[Tensor, "N 2 V"]:
        """Whether each cell is hit, and its standardised log share."""
        hit = shares > 0
        size = (shares.clamp_min(1e-30).log() - self.log_share_mean) / self.log_share_std
        return torch.stack([hit.float(), torch.where(hit, size, 0.0)], 1)

    def posterior(
        self, shares: Float[Tensor, "N V"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> tuple[Float[Tensor, "N Z"], Float[Tensor, "N Z"]]:
        """Mean and log standard deviation of q(z | s, u, c).

        Args:
            shares: (N, V) of the cells in their layers.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
        """
        if not self.latent:
            return c.new_zeros(c.shape[0], 0), c.new_zeros(c.shape[0], 0)
        features = torch.cat([self._features(shares).flatten(1), *context], 1)
        mean, log_std = self.encoder(features, c).chunk(2, dim=1)
        log_std = log_std.clamp(-6.0, 2.0)
        if self.config.committed_rate > 0:  # a smooth bound: never wider than the widest
            log_std = self.log_widest - nn.functional.softplus(self.log_widest - log_std)
        return mean, log_std

    @abstractmethod
    def build_decoder(self, binning: Binning, network: NetworkOptions) -> None:
        """Make the networks of p(s | z, u, c).

        Args:
            binning: the mesh.
            network: numbers of c, then width, depth, conditioning and tails.
        """

    @abstractmethod
    def initialise_decoder(self, shares: Float[Tensor, "N V"]) -> None:
        """Start from the marginals of the cells.

        Args:
            shares: (N, V) of the cells in their layers.
        """

    @abstractmethod
    def log_likelihood(
        self, shares: Float[Tensor, "N V"], z: Float[Tensor, "N Z"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> Float[Tensor, " N"]:
        """log p(s | z, u, c) in nats.

        Args:
            shares: (N, V) of the cells in their layers.
            z: (N, Z) latents.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
        """

    def loss(
        self,
        shares: Float[Tensor, "N V"],
        context: LayerContext,
        c: Float[Tensor, "N C"],
        progress: float,
        generator: torch.Generator,
    ) -> Losses:
        r"""beta-ELBO with free bits; reconstruction, KL of each latent and I(x; z) of the batch are logged, in nats.

        .. math:: -E_q[\log p(s \mid z, u, c)] + \beta \sum_i \max(KL_i, \text{free bits})

        Args:
            shares: (N, V) of the cells in their layers.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            progress: part of training done, 0 to 1.
            generator: draws the random numbers.

        Source: arXiv:1312.6114, free bits arXiv:1606.04934.
        """
        options = self.config
        if not self.latent:
            return self._exact_loss(shares, context, c)
        mean, log_std = self.posterior(shares, context, c)
        noise = torch.randn(len(shares), self.latent, generator=generator).to(shares)
        z = mean + log_std.exp() * noise
        reconstruction, per_latent = self.log_likelihood(shares, z, context, c), gaussian_kl(mean, log_std).mean(0)
        beta = beta_at(progress, options.beta, options.beta_schedule, options.warmup, options.cycles)
        losses = {
            "reconstruction": -reconstruction.mean(),
            "kl": per_latent.sum(),
            "information": mutual_information(z.detach(), mean.detach(), log_std.detach()),
            "beta": z.new_tensor(beta),
            "active_units": (mean.detach().var(0) > ACTIVE).sum().float(),
            **{f"kl_{i}": value for i, value in enumerate(per_latent)},
        }
        total = beta * per_latent.clamp_min(options.free_bits).sum() - reconstruction.mean()
        if self.prior is not None:
            losses["prior_nll"] = -self._log_prior(z.detach(), context, c).mean()
            total = total + losses["prior_nll"]
        return losses | {"total": total}

    def _exact_loss(self, shares: Tensor, context: LayerContext, c: Tensor) -> Losses:
        """Of a model without a latent: the negative log-likelihood."""
        total = -self.log_likelihood(shares, c.new_zeros(len(c), 0), context, c).mean()
        return {"reconstruction": total, "kl": torch.zeros_like(total), "total": total}

    def _log_prior(
        self, z: Float[Tensor, "N Z"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> Float[Tensor, " N"]:
        if self.prior is None:
            return -0.5 * (z**2 + math.log(2 * math.pi)).sum(1)
        return self.prior.log_prob(z, torch.cat([*context, c], 1))

    def draw_prior(
        self, noise: Float[Tensor, "N Z"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> Float[Tensor, "N Z"]:
        """z of samples: standard normal noise itself, or what the learned prior makes of it.

        Args:
            noise: (N, Z) standard normal.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
        """
        return noise if self.prior is None else self.prior.sample(noise, torch.cat([*context, c], 1))

    def log_prob(
        self,
        shares: Float[Tensor, "N V"],
        context: LayerContext,
        c: Float[Tensor, "N C"],
        noise: Float[Tensor, "K N Z"],
    ) -> Estimate:
        """Importance-weighted bound on log p(s | u, c) with z drawn from the posterior, see `importance_bound`.

        Without a latent it is log p(s | u, c) itself.

        Args:
            shares: (N, V) of the cells in their layers.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            noise: (K, N, Z) standard normal.
        """

        if not self.latent:
            exact = self.log_likelihood(shares, noise[0], context, c)
            return Estimate(exact, torch.zeros_like(exact))

        def log_joint(z: Tensor) -> Tensor:
            return self.log_likelihood(shares, z, context, c) + self._log_prior(z, context, c)

        return importance_bound(log_joint, *self.posterior(shares, context, c), noise)
