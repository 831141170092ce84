r"""Shares of a layer in two blocks, so that cells of the second hear what those of the first hold.

The blocks are the two colours of a checkerboard: ``early`` cells and the ``late`` ones between them. Weights are
mixtures of two or three gamma variates (`caloforge.models.gamma_mixture`). Late cells that are hit first get their
energy together, as one more cell :math:`R` whose weight is drawn like their sum, and then share it out:

.. math:: p(s \mid hit) = p(s_\text{early}, s_R) \; p\Big(\frac{s_\text{late}}{s_R} \,\Big|\, s_\text{early}\Big) \;
          s_R^{1 - n_\text{late}} .
"""

__all__ = ["BlockShares", "draw_early", "mixed_shares"]

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.geometry.binning import Binning
from caloforge.models.gamma_mixture import GammaMixture, SharedOut, log_density_of_shares
from caloforge.models.hurdle import log_gamma_variate, mean_hits
from caloforge.models.shares import LayerTable

_TINY = 1e-30
_NONE = -1e4  # logarithm of the weight of a cell without a hit, next to none beside any other
_LOW = (-3.0, 1.25, 0.0)  # before training: a cell in twenty holds 4.5 times less, with an exponential weight
_HOT = (-4.0, 2.5, 0.0)  # one in fifty 13 times more


class BlockShares(LayerTable):
    """Density and draws of the shares of the cells that are hit.

    Args:
        binning: the mesh.

    Attributes:
        late: (V,) which cells come second; the first of each layer does.
    """

    late: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__(binning)
        late = [np.add.outer(np.arange(x.n_alpha), np.arange(x.n_r)).reshape(-1) % 2 == 0 for x in binning.layers]
        self.register_buffer("late", torch.from_numpy(np.concatenate(late)), persistent=False)

    def start(self, shares: Float[Tensor, "N V"], hot: bool) -> Float[Tensor, "O V"]:
        """Each cell's hit logit, and twice its mixture: the mean share when hit, exponential weights and few low ones.

        Args:
            shares: (N, V) of the cells in their layers.
            hot: whether the mixture has a hot component, of few weights.
        """
        rate, mean_share = mean_hits(shares)
        how = [mean_share.log(), *(torch.full_like(rate, x) for x in (0.0, *_LOW, *(_HOT if hot else ())))]
        return torch.stack([rate.logit(), *how, *how])

    def log_prob_shares(
        self, shares: Float[Tensor, "N V"], weights: GammaMixture, late_weights: GammaMixture
    ) -> Float[Tensor, "N L"]:
        """Log-density of the shares of each layer, given which cells are hit.

        Args:
            shares: (N, V) of the cells in their layers.
            weights: of all cells, each (N, V).
            late_weights: of late cells, which have heard of the early ones.
        """
        early, late = (shares > 0) & ~self.late, (shares > 0) & self.late
        n, layers = len(shares), self.segments.shape[1]
        row = torch.arange(n, device=shares.device)[:, None] * layers + self.layer_of_voxel
        late_sum = self.layer_sum(shares * late)
        log_share, log_sum = shares.clamp_min(_TINY).log(), late_sum.clamp_min(_TINY).log()
        within = SharedOut(log_share[late] - log_sum.flatten()[row[late]], late_weights.at(late), row[late])
        filled = late_sum > 0
        sums = weights.of_sum(late, self.layer_sum).at(filled)
        among = SharedOut(
            torch.cat([log_share[early], log_sum[filled]]),
            weights.at(early).and_then(sums),
            torch.cat([row[early], filled.flatten().nonzero()[:, 0]]),
        )
        spread_out = log_sum * (1 - self.layer_sum(late.float()))
        log_p = log_density_of_shares(among, n * layers) + log_density_of_shares(within, n * layers)
        return log_p.view(n, layers) + torch.where(filled, spread_out, 0.0)


def draw_early(
    noise: tuple[Float[Tensor, "S N"], Float[Tensor, "S N"]],
    u: Float[Tensor, "S N"],
    hits: tuple[Bool[Tensor, "M N"], Bool[Tensor, "K N"]],
    how: GammaMixture,
    how_late: GammaMixture,
) -> tuple[Float[Tensor, "M N"], Float[Tensor, "1 N"]]:
    """Shares of the early cells of one layer, and what is left for the late ones.

    Args:
        noise: twice standard normal, of the early cells and of the sum of the late ones.
        u: uniform numbers, likewise.
        hits: which cells are hit, early ones and late ones.
        how: weights of the early cells.
        how_late: of the late ones.
    """
    early, late = hits
    both = how.and_then(how_late.of_sum(late, lambda x: x.sum(-2, keepdim=True)))
    shares = mixed_shares(noise, u, torch.cat([early, late.any(0, True)]), both)
    return shares[:-1], shares[-1:]


def mixed_shares(
    noise: tuple[Float[Tensor, "M N"], Float[Tensor, "M N"]],
    u: Float[Tensor, "M N"],
    hit: Bool[Tensor, "M N"],
    how: GammaMixture,
) -> Float[Tensor, "M N"]:
    """Random weights of cells that are hit, over their sum; zero of the others.

    Args:
        noise: twice standard normal.
        u: uniform numbers.
        hit: which cells are hit.
        how: their mixtures.
    """
    place, spread, left = how.chosen(u)
    log_weight = log_gamma_variate(spread, left, *noise) + place - spread
    return torch.where(hit, log_weight, _NONE).softmax(0) * hit
