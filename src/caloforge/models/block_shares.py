r"""Hits and shares of a layer in two blocks, so that cells of the second hear what those of the first hold.

The blocks are the two colours of a checkerboard: ``early`` cells and the ``late`` ones between them. Late cells that
are hit first get their energy together, as one more cell whose gamma weight has the mean and the variance of their sum
(weights of means :math:`m_v` and shapes :math:`k_v`), and then share it out:

.. math:: p(s \mid hit) = p(s_\text{early}, s_R) \; p\Big(\frac{s_\text{late}}{s_R} \,\Big|\, s_\text{early}\Big) \;
          s_R^{1 - n_\text{late}}, \qquad m_R = \sum m_v, \quad k_R = \frac{m_R^2}{\sum m_v^2 / k_v}

with the scaled Dirichlet density of `caloforge.models.hurdle` for both. Where the second block does not listen, this is
close to the density without blocks.
"""

__all__ = ["BlockShares"]

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.geometry.binning import Binning
from caloforge.models.hurdle import DirichletShares
from caloforge.models.shares import shares_of

_TINY = 1e-30


class BlockShares(DirichletShares):
    """Parameters (N, 5, V): hit logit; place and spread as in `DirichletShares`; both of late cells, told the early.

    Attributes:
        late: (V,) which cells come second; the first of each layer does.
    """

    parameters_per_cell: ClassVar[int] = 5
    late: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__(binning)
        self.noise_width += self.normals * binning.n_layers
        late = [np.add.outer(np.arange(x.n_alpha), np.arange(x.n_r)).reshape(-1) % 2 == 0 for x in binning.layers]
        self.register_buffer("late", torch.from_numpy(np.concatenate(late)), persistent=False)

    def start(self, shares: Float[Tensor, "N V"]) -> Float[Tensor, "P V"]:
        """Each cell's hit rate and mean share when hit, exponential weights.

        Args:
            shares: (N, V) of the cells in their layers.
        """
        return super().start(shares)[[0, 1, 2, 1, 2]]

    def log_prob(self, shares: Float[Tensor, "N V"], p: Float[Tensor, "N P V"]) -> Float[Tensor, "N L"]:
        """Log-density of each layer's shares in nats; 0 for a layer without energy.

        Args:
            shares: (N, V) of the cells in their layers.
            p: (N, 5, V) hit logit, place and spread, and those of late cells.
        """
        logit, place, spread, late_place, late_spread = p.unbind(1)
        place, spread = self.bounded(place, spread)
        hit = shares > 0
        early, late = hit & ~self.late, hit & self.late
        rest = self.layer_sum(shares * late)
        log_rest = rest.clamp_min(_TINY).log()
        rest_place, rest_spread = _of_sum(late, place, spread, self.layer_sum)
        among_late = self.log_prob_given_hits(shares, late, *self.bounded(late_place, late_spread)) + log_rest
        # early cells and the rest: the scaled Dirichlet of `DirichletShares` with a cell more
        shape, log_scale = spread.exp(), place - spread
        rest_shape, rest_log_scale = rest_spread.exp(), rest_place - rest_spread
        log_share = shares.clamp_min(_TINY).log()

        def total(cells: Tensor, of_rest: Tensor) -> Tensor:
            return self.layer_sum(torch.where(early, cells, 0.0)) + torch.where(rest > 0, of_rest, 0.0)

        shapes = total(shape, rest_shape).clamp_min(1e-3)
        scaled = total((log_share - log_scale).exp(), (log_rest - rest_log_scale).exp()).clamp_min(_TINY)
        single = total(
            (shape - 1) * log_share - torch.lgamma(shape) - shape * log_scale,
            (rest_shape - 1) * log_rest - torch.lgamma(rest_shape) - rest_shape * rest_log_scale,
        )
        how = torch.lgamma(shapes) - shapes * scaled.log() + single + torch.where(rest > 0, among_late, 0.0)
        return torch.where(self.layer_sum(hit.float()) > 0, self.log_prob_hits(hit, logit, self.late) + how, 0.0)

    def draw_early(
        self,
        noise: tuple[Float[Tensor, "N K M"], Float[Tensor, "N 3"]],
        u: Float[Tensor, "N M"],
        hit: Bool[Tensor, "N M"],
        is_late: Bool[Tensor, " M"],
        how: tuple[Float[Tensor, "N M"], Float[Tensor, "N M"]],
    ) -> tuple[Float[Tensor, "N M"], Float[Tensor, "N 1"]]:
        """Shares of the early cells of one layer, and what is left for the late ones.

        Args:
            noise: (N, 2, M) standard normal of the cells, (N, 3) of the rest.
            u: (N, M) uniform numbers.
            hit: (N, M) which cells are hit.
            is_late: (M,) which are late.
            how: place and spread, each (N, M).
        """
        of_cells, of_rest = noise
        late = hit & is_late
        rest = _of_sum(late, *self.bounded(*how), lambda x: x.sum(1, keepdim=True))
        uniform = torch.special.ndtr(of_rest[:, :1])
        weight = self.log_weight(of_rest[:, 1:, None], uniform, rest[0], rest[1])
        weight = weight.masked_fill(~late.any(1, keepdim=True), -torch.inf)
        shares = shares_of(torch.cat([self.hit_weights(of_cells, u, hit & ~is_late, *how), weight], 1))
        return shares[:, :-1], shares[:, -1:]


def _of_sum(hit: Tensor, place: Tensor, spread: Tensor, total: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Place and spread of the gamma variate with mean and variance of the sum of those that are hit."""
    mean = torch.where(hit, place.exp(), 0.0)
    log_mean = total(mean).clamp_min(_TINY).log()
    log_variance = total(mean * mean * (-spread).exp()).clamp_min(_TINY).log()
    return log_mean, 2 * log_mean - log_variance
