r"""Cells of a layer in blocks, and their shares: cells of a later block hear what those before it hold.

Two blocks are the two colours of a checkerboard. Four are the halves of either colour, so that no two cells of a block
touch, not even at a corner; in a layer of one sector or of one ring, every fourth.

Weights are mixtures of two or three gamma variates (`caloforge.models.gamma_mixture`). In each block but the last, the
cells of later blocks that are hit first get their energy together, as one more cell :math:`R` whose weight is drawn
like their sum, and then share it out. With :math:`T_k` what the blocks from k on hold,

.. math:: p(s \mid hit) = \prod_k p\Big(\frac{s_{=k}}{T_k}, \frac{T_{k+1}}{T_k} \,\Big|\, s_{<k}\Big)
          \prod_{k > 0} \Big(\frac{T_k}{T_{k-1}}\Big)^{1 - n_{\geq k}} .
"""

__all__ = ["BlockShares", "draw_first", "mixed_shares"]

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from caloforge.geometry.binning import Binning, Layer
from caloforge.models.gamma_mixture import GammaMixture, SharedOut, log_density_of_shares
from caloforge.models.hurdle import log_gamma_variate, mean_hits
from caloforge.models.shares import LayerTable

_TINY = 1e-30
_NONE = -1e4  # logarithm of the weight of a cell without a hit, next to none beside any other
_LOW = (-3.0, 1.25, 0.0)  # before training: a cell in twenty holds 4.5 times less, with an exponential weight
_FAINT = (-4.0, 6.0, 0.0)  # one in fifty 400 times less again


def _block_of_cells(layer: Layer, blocks: int) -> Int[np.ndarray, " V"]:
    """Which block each cell of a layer is in; its first one is in the last."""
    sector, ring = np.indices((layer.n_alpha, layer.n_r)).reshape(2, -1)
    if blocks == 2:
        return ((sector + ring) % 2 == 0).astype(np.int64)
    colour = (sector if layer.n_r == 1 else ring + 2 * sector) % 4
    return np.array([3, 0, 2, 1])[colour]


class BlockShares(LayerTable):
    """Density and draws of the shares of the cells that are hit.

    Args:
        binning: the mesh.
        blocks: K of a layer, 2 or 4.

    Attributes:
        block_of_cell: (V,) which block each cell is in.
    """

    block_of_cell: Tensor

    def __init__(self, binning: Binning, blocks: int) -> None:
        super().__init__(binning)
        self.blocks = blocks
        block_of_cell = np.concatenate([_block_of_cells(layer, blocks) for layer in binning.layers])
        self.register_buffer("block_of_cell", torch.from_numpy(block_of_cell), persistent=False)

    def start(self, shares: Float[Tensor, "N V"], faint: bool) -> Float[Tensor, "O V"]:
        """Each cell's hit logit, and K times its mixture: the mean share when hit, exponential weights, few low ones.

        Args:
            shares: (N, V) of the cells in their layers.
            faint: whether the mixture has a faint component.
        """
        rate, mean_share = mean_hits(shares)
        how = [mean_share.log(), *(torch.full_like(rate, x) for x in (0.0, *_LOW, *(_FAINT if faint else ())))]
        return torch.stack([rate.logit(), *how * self.blocks])

    def log_prob_shares(self, shares: Float[Tensor, "N V"], weights: Sequence[GammaMixture]) -> Float[Tensor, "N L"]:
        """Log-density of the shares of each layer, given which cells are hit.

        Args:
            shares: (N, V) of the cells in their layers.
            weights: of the cells of each block and of later ones, each (N, V), which have heard of the blocks before.
        """
        n, layers = len(shares), self.segments.shape[1]
        row = torch.arange(n, device=shares.device)[:, None] * layers + self.layer_of_voxel
        log_share, hit = shares.clamp_min(_TINY).log(), shares > 0
        log_p, log_left = torch.zeros(n, layers).to(shares), torch.zeros(n, layers).to(shares)
        for k, of_cells in enumerate(weights):
            own, later = hit & (self.block_of_cell == k), hit & (self.block_of_cell > k)
            items = SharedOut(log_share[own] - log_left.flatten()[row[own]], of_cells.at(own), row[own])
            if k < self.blocks - 1:
                rest = self.layer_sum(shares * later)
                filled, log_rest = rest > 0, rest.clamp_min(_TINY).log()
                sums = of_cells.of_sum(later, self.layer_sum).at(filled)
                items = SharedOut(
                    torch.cat([items.log_share, (log_rest - log_left)[filled]]),
                    items.weights.and_then(sums),
                    torch.cat([items.row, filled.flatten().nonzero()[:, 0]]),
                )
                spread_out = (log_rest - log_left) * (1 - self.layer_sum(later.float()))
                log_p, log_left = log_p + torch.where(filled, spread_out, 0.0), log_rest
            log_p = log_p + log_density_of_shares(items, n * layers).view(n, layers)
        return log_p


def draw_first(
    noise: tuple[Float[Tensor, "S N"], Float[Tensor, "S N"]],
    u: Float[Tensor, "S N"],
    hits: tuple[Bool[Tensor, "M N"], Bool[Tensor, "K N"]],
    how: GammaMixture,
    how_later: GammaMixture,
) -> tuple[Float[Tensor, "M N"], Float[Tensor, "1 N"]]:
    """Of what a block and the later ones of a layer hold, the shares of its cells, and what is left for the later ones.

    Args:
        noise: twice standard normal, of the cells of the block and of the sum of the later ones.
        u: uniform numbers, likewise.
        hits: which cells are hit, those of the block and later ones.
        how: weights of the cells of the block.
        how_later: of the later ones.
    """
    own, later = hits
    both = how.and_then(how_later.of_sum(later, lambda x: x.sum(-2, keepdim=True)))
    shares = mixed_shares(noise, u, torch.cat([own, later.any(0, True)]), both)
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
