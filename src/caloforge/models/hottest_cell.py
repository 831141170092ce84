r"""The hottest cell of a layer before all others: which of the cells that are hit it is, and its share.

The electromagnetic core of a hadron shower is one cell with half of the energy of its layer, beside many soft hits.
Weights that know nothing of each other have now two such cells and now none. With n cells hit, the hottest has

.. math:: b = \frac1n + \Big(1 - \frac1n\Big) \frac{1}{1 + e^{-u}}, \qquad p(u) = \sum_j \pi_j N(u; \mu_j, \sigma_j),

and is cell i with a probability in proportion to :math:`e^{\ell_i}`. The others share :math:`1 - b` out, with a density
over :math:`(1 - b)^{n - 2}`. They may come out hotter than it, so the density of shares with the hottest cell known is
a lower bound of their density, by as much as samples have another cell as their hottest. Shares of the others below
1e-4, or so near to even ones, count as that.
"""

__all__ = ["OF_HOTTEST", "HottestCell", "draw_share", "draw_which"]

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from caloforge.models.shares import LayerTable

_PARTS = 3  # normals in the density of u
OF_HOTTEST = 1 + 3 * _PARTS  # numbers of a cell: its score; of u, were it the hottest, logits, means and log widths
_STARTS = (-2.0, 0.0, 2.0)  # means before training
_LEAST = 1e-4  # of what the hottest cell has more than an even share, and of what the others have
_LOG_ROOT_2_PI = math.log(2 * math.pi) / 2


class HottestCell(LayerTable):
    """The density of which cell is the hottest in each layer, and of its share."""

    def find(self, shares: Float[Tensor, "N V"]) -> Bool[Tensor, "N V"]:
        """The hottest cell of each layer that has energy, the first one of several.

        Args:
            shares: (N, V) of the cells in their layers.
        """
        of_layer = self.by_layer(shares, 0.0)
        hottest = functional.one_hot(of_layer.argmax(-1), of_layer.shape[-1]).bool()
        return self.flat(hottest) & (shares > 0)

    def log_prob(
        self, shares: Float[Tensor, "N V"], hottest: Bool[Tensor, "N V"], numbers: Float[Tensor, "H N V"]
    ) -> Float[Tensor, "N L"]:
        """Log-density, in nats, that of the power of 1 - b included; 0 in layers of one hit or none.

        Args:
            shares: (N, V) of the cells in their layers.
            hottest: (N, V) the hottest cells.
            numbers: of each cell, H = ``OF_HOTTEST``.
        """
        hit = (shares > 0).to(shares)
        n, rest = self.layer_sum(hit), self.layer_sum(shares.masked_fill(hottest, 0.0))
        score, how = numbers[0].clamp(-15.0, 15.0), self.layer_sum(numbers[1:] * hottest)
        which = self.layer_sum(score * hottest) - self.layer_sum(hit * score.exp()).clamp_min(1e-30).log()
        several = n > 1.5
        even = 1 / n.clamp_min(2.0)
        log_rest = rest.clamp_min(_LEAST).log()
        log_more = (1 - even - rest).clamp_min(_LEAST).log()
        log_p, mean, log_width = _normals(how)
        z = (log_more - log_rest - mean) * (-log_width).exp()
        of_u = (log_p - z.square() / 2 - log_width - _LOG_ROOT_2_PI).logsumexp(0)
        of_share = of_u + torch.log1p(-even) - log_more - log_rest
        return torch.where(several, which + of_share - (n - 2) * log_rest, 0.0)


def _normals(how: Float[Tensor, "H *B"]) -> tuple[Tensor, Tensor, Tensor]:
    """Log probabilities, means and log widths of the normals."""
    logit, mean, log_width = how.view(3, _PARTS, *how.shape[1:]).unbind()
    start = torch.tensor(_STARTS, device=how.device).view(-1, *[1] * (how.ndim - 1))
    return logit.clamp(-9.0, 9.0).log_softmax(0), mean.clamp(-12.0, 12.0) + start, log_width.clamp(-3.0, 1.5)


def draw_which(u: Float[Tensor, " N"], hit: Bool[Tensor, "M N"], score: Float[Tensor, "M N"]) -> Bool[Tensor, "M N"]:
    """The cell that is the hottest, one of those that are hit; none where none is.

    Args:
        u: (N,) uniform numbers.
        hit: which cells are hit.
        score: of each cell.
    """
    below = (score.clamp(-15.0, 15.0).exp() * hit).cumsum(0)
    here = below >= below[-1:] * u.clamp(1e-6, 1.0)
    before = functional.pad(here[:-1], (0, 0, 1, 0))
    return here & ~before & hit


def draw_share(
    u: Float[Tensor, " N"], normal: Float[Tensor, " N"], how: Float[Tensor, "H N"], n: Float[Tensor, " N"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Share of the hottest cell, and of the others together.

    Args:
        u: (N,) uniform numbers, for one of the normals.
        normal: (N,) standard normal.
        how: numbers of the cell but the score.
        n: (N,) how many cells are hit; one counts where none is.
    """
    log_p, mean, log_width = _normals(how)
    part = (u >= log_p.exp().cumsum(0)[:-1]).sum(0, keepdim=True)
    place = (mean + log_width.exp() * normal).gather(0, part)[0]
    even = 1 / n.clamp_min(1.0)
    return even + (1 - even) * torch.sigmoid(place), (1 - even) * torch.sigmoid(-place)
