r"""The density of a layer's cells: which are hit (Bernoulli), and how the hit ones share its energy (scaled Dirichlet).

Give every cell :math:`v` of a layer a hit probability :math:`p_v`, and every hit cell a weight
:math:`w_v \sim \text{Gamma}(k_v, \theta_v)`; its share is :math:`s_v = w_v / \sum w`. At least one cell is hit where
the layer has energy. The density of the shares on their simplex is closed:

.. math::
    p(s) = \frac{\prod_{hit} p_v \prod_{miss} (1 - p_v)}{1 - \prod_v (1 - p_v)} \;
    \frac{\Gamma(K)}{\left(\sum_v s_v/\theta_v\right)^K} \prod_{hit} \frac{s_v^{k_v-1}}{\Gamma(k_v)\,\theta_v^{k_v}},
    \qquad K = \sum_{hit} k_v

(with equal :math:`\theta_v` this is the Dirichlet distribution). Gamma weights have the right shape for energy summed
over a few particle tracks: a sharp upper end and a long lower tail in log energy (a log-normal's is above).
"""

__all__ = ["HurdleShares"]

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from caloforge.geometry.binning import Binning

_NORMALS = 3  # of each cell: one that decides the hit, two proposals for its weight
_TINY = 1e-30


class HurdleShares(nn.Module):
    """Density and sampler of shares (N, V) for parameters (N, 3, V): hit logit, log mean weight, log shape k.

    ``noise_width`` standard normals make a shower; see `sample`.
    """

    layer_of_voxel: Tensor
    segments: Tensor
    cells: Tensor
    real: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__()
        self.n_voxels, self.noise_width = binning.n_voxels, _NORMALS * binning.n_voxels
        layer_of_voxel = torch.from_numpy(binning.layer_of_voxel)
        starts, size = torch.from_numpy(binning.layer_starts), max(layer.n_voxels for layer in binning.layers)
        cells = starts[:-1, None] + torch.arange(size)
        self.rectangular = cells.numel() == binning.n_voxels
        self.register_buffer("layer_of_voxel", layer_of_voxel, persistent=False)
        self.register_buffer("segments", nn.functional.one_hot(layer_of_voxel).float(), persistent=False)
        self.register_buffer("real", cells < starts[1:, None], persistent=False)
        self.register_buffer("cells", cells.clamp(max=binning.n_voxels - 1), persistent=False)

    def _by_layer(self, x: Float[Tensor, "N V"], fill: float) -> Float[Tensor, "N L M"]:
        """Cells as (layer, cell of the layer), filled up where a layer has fewer cells than the largest."""
        if self.rectangular:
            return x.view(len(x), *self.cells.shape)
        return torch.where(self.real, x[:, self.cells], fill)

    def _flat(self, x: Shaped[Tensor, "N L M"]) -> Shaped[Tensor, "N V"]:
        """Inverse of `_by_layer`."""
        return x.reshape(len(x), -1) if self.rectangular else x[:, self.real]

    def layer_sum(self, x: Float[Tensor, "N V"]) -> Float[Tensor, "N L"]:
        return x @ self.segments

    @staticmethod
    def _bounded(p: Float[Tensor, "N 3 V"]) -> tuple[Tensor, Tensor, Tensor]:
        logit, log_mean, log_shape = p.unbind(1)
        return logit, log_mean.clamp(-25.0, 5.0), log_shape.clamp(-1.5, 7.0)

    def log_prob(self, shares: Float[Tensor, "N V"], p: Float[Tensor, "N 3 V"]) -> Float[Tensor, "N L"]:
        """Log-density of each layer's shares in nats; 0 for a layer without energy."""
        logit, log_mean, log_shape = self._bounded(p)
        hit = shares > 0
        missed = -nn.functional.softplus(logit)
        which = self.layer_sum(torch.where(hit, logit, 0.0) + missed)
        nothing = self.layer_sum(missed).clamp(max=-1e-12)
        some_hit = torch.log(-torch.expm1(nothing))
        shape = log_shape.exp()
        log_scale = log_mean - log_shape
        log_share = shares.clamp_min(_TINY).log()
        total_shape = self.layer_sum(torch.where(hit, shape, 0.0))
        single = (shape - 1) * log_share - torch.lgamma(shape) - shape * log_scale
        spread = self.layer_sum(torch.where(hit, (log_share - log_scale).exp(), 0.0))
        how = torch.lgamma(total_shape.clamp_min(1e-3)) - total_shape * spread.clamp_min(_TINY).log()
        how = how + self.layer_sum(torch.where(hit, single, 0.0))
        return torch.where(self.layer_sum(hit.float()) > 0, which - some_hit + how, 0.0)

    def sample(
        self, noise: Float[Tensor, "N M"], p: Float[Tensor, "N 3 V"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of active layers, each summing to one; exact zeros in missed cells and in layers without energy."""
        logit, log_mean, log_shape = self._bounded(p)
        decision, proposal, spare = noise.view(len(noise), _NORMALS, self.n_voxels).unbind(1)
        u = torch.special.ndtr(decision)
        threshold = self._hit_thresholds(u, torch.sigmoid(logit))
        hit = (u < threshold) & active[:, self.layer_of_voxel]
        left = (u / threshold.clamp_min(1e-9)).clamp_max(1.0)  # uniform again where the cell is hit
        log_weight = _log_gamma_variate(log_shape, left, proposal, spare)
        log_weight = (log_weight + log_mean - log_shape).masked_fill(~hit, -torch.inf)
        log_weight = self._by_layer(log_weight, -torch.inf)
        peak = log_weight.amax(-1, keepdim=True).clamp_min(-1e4)
        weight = (log_weight - peak).exp()
        return self._flat(weight / weight.sum(-1, keepdim=True).clamp_min(_TINY))

    def _hit_thresholds(self, u: Float[Tensor, "N V"], p: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        """Hit where u < threshold: p itself, and p over P(a hit here or later in the layer) up to the first hit."""
        here = self._by_layer(p, 0.0)
        none_later = torch.log1p(-here.clamp(max=1 - 1e-6)).flip(-1).cumsum(-1).flip(-1)
        first = here / (-torch.expm1(none_later)).clamp_min(_TINY)
        first = torch.where(self._last_cell, 1.0, first.clamp(max=1.0))
        hit = self._by_layer(u, 2.0) < first
        before_first = (hit.int().cumsum(-1) - hit.int()) == 0
        return self._flat(torch.where(before_first, first, here))

    @property
    def _last_cell(self) -> Bool[Tensor, "L M"]:
        """The last cell of each layer: hit for sure if no other is."""
        return self.real & ~torch.cat([self.real[:, 1:], torch.zeros_like(self.real[:, :1])], 1)


def _log_gamma_variate(log_shape: Tensor, u: Tensor, proposal: Tensor, spare: Tensor) -> Tensor:
    r"""log of Gamma(k, 1) variates: Marsaglia and Tsang's method for k + 1, times :math:`U^{1/k}`.

    One uniform ``u`` decides whether the normal ``proposal`` is accepted, and what is left of it is the U of the power.
    Where it is not, ``spare`` stands without a test, so that a fixed amount of noise suffices: rejections are rare
    (under 5 % for every k > 0) and an untested proposal is nearly as good.
    Source: ACM Trans. Math. Softw. 26 (2000) 363.
    """
    shape = log_shape.exp()
    d = shape + 2 / 3
    width = 1 / (9 * d).sqrt()
    cube = 1 + width * proposal
    v = cube.clamp_min(1e-3) ** 3
    accept = torch.where(cube > 1e-3, (0.5 * proposal**2 + d * (1 - v + v.log())).exp(), 0.0).clamp_max(1.0)
    accepted = u < accept
    v = torch.where(accepted, v, (1 + width * spare).clamp_min(1e-3) ** 3)
    left = torch.where(accepted, u / accept, (u - accept) / (1 - accept))
    return (d * v).log() + left.clamp(1e-9, 1.0).log() / shape
