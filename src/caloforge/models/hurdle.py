r"""The density of a layer's cells: which are hit (Bernoulli), and how the hit ones share its energy.

Give every cell :math:`v` of a layer a hit probability :math:`p_v`, and every hit cell a random weight :math:`w_v`; its
share is :math:`s_v = w_v / \sum w`. At least one cell is hit where the layer has energy. The density of the shares on
their simplex is closed:

.. math:: p(s) = \frac{\prod_{hit} p_v \prod_{miss} (1 - p_v)}{1 - \prod_v (1 - p_v)} \; p(s \mid hit)

with gamma weights, :math:`w_v \sim \text{Gamma}(k_v, \theta_v)`, the scaled Dirichlet distribution

.. math:: p(s \mid hit) = \frac{\Gamma(K)}{\left(\sum_v s_v/\theta_v\right)^K}
          \prod_{hit} \frac{s_v^{k_v-1}}{\Gamma(k_v)\,\theta_v^{k_v}}, \qquad K = \sum_{hit} k_v

(the Dirichlet for equal :math:`\theta_v`), and with log-normal ones, :math:`\ln w_v \sim N(\mu_v, \sigma_v)`,

.. math:: p(s \mid hit) = \sqrt{\frac{2\pi}{P}} \prod_{hit} \frac{1}{\sqrt{2\pi}\,\sigma_v s_v}
          \exp\Big({-\tfrac12} \sum_{hit} \frac{(a_v - \bar a)^2}{\sigma_v^2}\Big), \qquad
          a_v = \mu_v - \ln s_v, \quad P = \sum \sigma_v^{-2}, \quad \bar a = \tfrac1P \sum \frac{a_v}{\sigma_v^2} .

Gamma weights have the right shape for energy summed over a few particle tracks: a sharp upper end and a long lower tail
in log energy; a log-normal's is above. Source of the latter: Aitchison and Shen, Biometrika 67 (1980) 261.
"""

__all__ = ["DirichletShares", "HurdleShares", "LogNormalShares", "log_gamma_variate", "mean_hits"]

import math
from abc import abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.models.shares import ShareDensity

_TINY = 1e-30


class HurdleShares(ShareDensity):
    """Hits and shares; parameters (N, 3, V): hit logit, place and spread of the weight's logarithm."""

    parameters_per_cell: ClassVar[int] = 3
    normals: ClassVar[int] = 3  # one that decides the hit, two for the weight

    @abstractmethod
    def bounded(self, place: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        """Place and spread within what arithmetic bears."""

    @abstractmethod
    def log_prob_given_hits(self, shares: Tensor, hit: Tensor, place: Tensor, spread: Tensor) -> Tensor:
        """Log-density (N, L) of the shares, given which cells are hit."""

    @abstractmethod
    def log_weight(self, noise: Tensor, u: Tensor, place: Tensor, spread: Tensor) -> Tensor:
        """Logarithms of random weights from two normals (N, 2, V) and a uniform (N, V) a cell."""

    def log_prob(self, shares: Float[Tensor, "N V"], p: Float[Tensor, "N P V"]) -> Float[Tensor, "N L"]:
        """Log-density of each layer's shares in nats; 0 for a layer without energy.

        Args:
            shares: (N, V) of the cells in their layers.
            p: (N, 3, V) hit logit, place and spread.
        """
        logit, place, spread = p.unbind(1)
        hit = shares > 0
        how = self.log_prob_given_hits(shares, hit, *self.bounded(place, spread))
        return torch.where(self.layer_sum(hit.float()) > 0, self.log_prob_hits(hit, logit) + how, 0.0)

    def log_prob_hits(self, hit: Bool[Tensor, "N V"], logit: Float[Tensor, "N V"]) -> Float[Tensor, "N L"]:
        """Log-probability of which cells are hit, given that one is in each layer.

        Args:
            hit: (N, V) which.
            logit: (N, V) of their probabilities.
        """
        missed = -nn.functional.softplus(logit)
        which = self.layer_sum(torch.where(hit, logit, 0.0) + missed)
        nothing = self.layer_sum(missed).clamp(max=-1e-12)
        return which - torch.log(-torch.expm1(nothing))

    def sample(
        self, noise: Float[Tensor, "N M"], p: Float[Tensor, "N P V"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of active layers, each summing to one; exact zeros in missed cells and in layers without energy.

        Args:
            noise: (N, M) standard normal, M = ``noise_width``.
            p: (N, 3, V) hit logit, place and spread.
            active: (N, L) which layers have energy.
        """
        logit, place, spread = p.unbind(1)
        normals = noise.view(noise.shape[0], self.normals, self.n_voxels)
        u = torch.special.ndtr(normals[:, 0])
        threshold = self._hit_thresholds(u, torch.sigmoid(logit))
        hit = (u < threshold) & active[:, self.layer_of_voxel]
        left = (u / threshold.clamp_min(1e-9)).clamp_max(1.0)  # uniform again where the cell is hit
        return self.normalised(self.hit_weights(normals[:, 1:], left, hit, place, spread))

    def hit_weights(self, noise: Tensor, u: Tensor, hit: Tensor, place: Tensor, spread: Tensor) -> Tensor:
        """Logarithms of the random weights of cells that are hit, minus infinity of the others.

        Args:
            noise: (N, normals - 1, M) standard normal.
            u: (N, M) uniform numbers.
            hit: (N, M) which cells are hit.
            place: (N, M) as in ``p``.
            spread: (N, M) as in ``p``.
        """
        return self.log_weight(noise, u, *self.bounded(place, spread)).masked_fill(~hit, -torch.inf)

    def _hit_thresholds(self, u: Float[Tensor, "N V"], p: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        return self.flat(_at_least_one(self.by_layer(u, 2.0), self.by_layer(p, 0.0), self._last_cell))

    @property
    def _last_cell(self) -> Bool[Tensor, "L M"]:
        """The last cell of each layer: hit for sure if no other is."""
        return self.real & ~torch.cat([self.real[:, 1:], torch.zeros_like(self.real[:, :1])], 1)


def _at_least_one(
    u: Float[Tensor, "*B M"], p: Float[Tensor, "*B M"], last: Bool[Tensor, "*L M"]
) -> Float[Tensor, "*B M"]:
    """Hit where u < threshold: p itself, and p over P(a hit here or later) up to the first hit.

    Cells are then hit with probabilities p, on condition that one at least is.

    Args:
        u: (..., M) uniform numbers; 2 where there is no cell.
        p: (..., M) probabilities of the cells; 0 where there is none.
        last: (..., M) the last cell of each row: hit for sure if no other is.
    """
    none_later = torch.log1p(-p.clamp(max=1 - 1e-6)).flip(-1).cumsum(-1).flip(-1)
    first = p / (-torch.expm1(none_later)).clamp_min(_TINY)
    first = torch.where(last, 1.0, first.clamp(max=1.0))
    hit = u < first
    before_first = (hit.int().cumsum(-1) - hit.int()) == 0
    return torch.where(before_first, first, p)


class DirichletShares(HurdleShares):
    """Gamma weights; place is the log mean weight, spread the log shape k."""

    def bounded(self, place: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        return place.clamp(-25.0, 5.0), spread.clamp(-1.5, 7.0)

    def start(self, shares: Float[Tensor, "N V"]) -> Float[Tensor, "P V"]:
        """Each cell's hit rate and mean share when hit, exponential weights.

        Args:
            shares: (N, V) of the cells in their layers.
        """
        rate, mean_share = mean_hits(shares)
        return torch.stack([rate.logit(), mean_share.log(), torch.zeros_like(rate)])

    def log_prob_given_hits(self, shares: Tensor, hit: Tensor, place: Tensor, spread: Tensor) -> Tensor:
        shape, log_scale = spread.exp(), place - spread
        log_share = shares.clamp_min(_TINY).log()
        total_shape = self.layer_sum(torch.where(hit, shape, 0.0))
        single = (shape - 1) * log_share - torch.lgamma(shape) - shape * log_scale
        scaled = self.layer_sum(torch.where(hit, (log_share - log_scale).exp(), 0.0))
        how = torch.lgamma(total_shape.clamp_min(1e-3)) - total_shape * scaled.clamp_min(_TINY).log()
        return how + self.layer_sum(torch.where(hit, single, 0.0))

    def log_weight(self, noise: Tensor, u: Tensor, place: Tensor, spread: Tensor) -> Tensor:
        return log_gamma_variate(spread, u, noise[:, 0], noise[:, 1]) + place - spread


class LogNormalShares(HurdleShares):
    """Log-normal weights; place is the mean of the weight's logarithm, spread the log of its standard deviation."""

    normals: ClassVar[int] = 2

    def bounded(self, place: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        return place.clamp(-25.0, 5.0), spread.clamp(-4.0, 1.5)

    def start(self, shares: Float[Tensor, "N V"]) -> Float[Tensor, "P V"]:
        """Each cell's hit rate, mean log share when hit, and its spread.

        Args:
            shares: (N, V) of the cells in their layers.
        """
        hit = shares > 0
        log_share = shares.clamp_min(_TINY).log()
        n = hit.sum(0).clamp_min(1)
        mean = torch.where(hit, log_share, 0.0).sum(0) / n
        variance = torch.where(hit, (log_share - mean) ** 2, 0.0).sum(0) / n
        return torch.stack([_hit_rate(shares).logit(), mean, 0.5 * variance.clamp_min(1e-2).log()])

    def log_prob_given_hits(self, shares: Tensor, hit: Tensor, place: Tensor, spread: Tensor) -> Tensor:
        log_share = shares.clamp_min(_TINY).log()
        a = place - log_share
        precision = torch.where(hit, (-2 * spread).exp(), 0.0)
        total = self.layer_sum(precision).clamp_min(_TINY)
        middle = self.layer_sum(a * precision) / total
        squares = self.layer_sum((a - middle[:, self.layer_of_voxel]) ** 2 * precision)
        single = torch.where(hit, 0.5 * math.log(2 * math.pi) + spread + log_share, 0.0)
        return 0.5 * (math.log(2 * math.pi) - total.log() - squares) - self.layer_sum(single)

    def log_weight(self, noise: Tensor, u: Tensor, place: Tensor, spread: Tensor) -> Tensor:
        return place + spread.exp() * noise[:, 0]


def mean_hits(shares: Float[Tensor, "N V"]) -> tuple[Float[Tensor, " V"], Float[Tensor, " V"]]:
    """Of each cell, how often it is hit, away from 0 and 1, and its mean share when it is.

    Args:
        shares: (N, V) of the cells in their layers.
    """
    mean_share = shares.sum(0) / (shares > 0).sum(0).clamp_min(1)
    return _hit_rate(shares), mean_share.clamp_min(1e-12)


def _hit_rate(shares: Float[Tensor, "N V"]) -> Float[Tensor, " V"]:
    return (shares > 0).float().mean(0).clamp(1e-4, 1 - 1e-4)


def log_gamma_variate(log_shape: Tensor, u: Tensor, proposal: Tensor, spare: Tensor) -> Tensor:
    r"""log of Gamma(k, 1) variates: Marsaglia and Tsang's method for k + 1, times :math:`U^{1/k}`.

    One uniform ``u`` decides whether the normal ``proposal`` is accepted, and what is left of it is the U of the power.
    Where it is not, ``spare`` stands without a test, so that a fixed amount of noise suffices: rejections are rare
    (under 5 % for every k > 0) and an untested proposal is nearly as good.
    Source: ACM Trans. Math. Softw. 26 (2000) 363.

    Args:
        log_shape: ln k.
        u: uniform numbers.
        proposal: standard normal.
        spare: standard normal.
    """
    shape = log_shape.exp()
    d = shape + 2 / 3
    width = (9 * d).rsqrt()
    cube = 1 + width * proposal
    v = cube.clamp_min(1e-3) ** 3
    accept = torch.where(cube > 1e-3, (0.5 * proposal**2 + d * (1 - v + v.log())).exp(), 0.0).clamp_max(1.0)
    accepted = u < accept
    v = torch.where(accepted, v, (1 + width * spare).clamp_min(1e-3) ** 3)
    left = torch.where(accepted, u / accept.clamp_min(_TINY), (u - accept) / (1 - accept).clamp_min(1e-7))
    return (d * v).log() + left.clamp(1e-9, 1.0).log() / shape
