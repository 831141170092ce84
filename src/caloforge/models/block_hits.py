r"""Which cells of a layer are hit, block after block: in each, first their number, then the set.

.. math:: p(h) = \prod_k p(n_k | S_{<k})\, p(S_k | n_k, S_{<k})

with the densities of `caloforge.models.counted_hits`; a layer that has energy has one hit at least.
"""

__all__ = ["BlockHits"]

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.models.counted_hits import NUMBERS, log_prob_number, log_prob_set


class BlockHits(nn.Module):
    """Density of hits.

    Args:
        binning: the mesh.
        block_of_cell: (V,) which block each cell is in.
        blocks: K of a layer.
    """

    cells: Tensor
    real: Tensor
    count: Tensor

    def __init__(self, binning: Binning, block_of_cell: Int[Tensor, " V"], blocks: int) -> None:
        super().__init__()
        starts = [int(start) for start in binning.layer_starts]
        cells = [
            [first + (block_of_cell[first:last] == k).nonzero()[:, 0] for first, last in pairwise(starts)]
            for k in range(blocks)
        ]
        self.largest = [max(1, *(len(x) for x in of_layers)) for of_layers in cells]
        size = max(self.largest)
        padded = torch.stack(
            [torch.stack([nn.functional.pad(x, (0, size - len(x))) for x in of_layers]) for of_layers in cells]
        )
        count = torch.tensor([[len(x) for x in of_layers] for of_layers in cells])
        self.register_buffer("cells", padded, persistent=False)  # (K, L, M)
        self.register_buffer("count", count, persistent=False)  # (K, L)
        self.register_buffer("real", torch.arange(size) < count[..., None], persistent=False)

    def start(self, hits: Float[Tensor, "N V"]) -> Float[Tensor, "K L 5"]:
        """Numbers of the blocks that describe how many cells were hit on average, as a Poisson's.

        Args:
            hits: (N, V) 1 where a cell is hit.
        """
        means = (hits.mean(0)[self.cells] * self.real).sum(-1)
        numbers = hits.new_zeros(*means.shape, NUMBERS)
        numbers[..., 0] = means.clamp_min(math.exp(-3)).log()
        return numbers

    def log_prob(
        self, hit: Bool[Tensor, "N V"], logits: Sequence[Float[Tensor, "N V"]], numbers: Float[Tensor, "K 5 N L"]
    ) -> Float[Tensor, "N L"]:
        """Log-probability of the hits of each layer, given that it has one; of no use for a layer without.

        Args:
            hit: (N, V) which cells are.
            logits: of the cells of each block, which have heard of the hits of the blocks before.
            numbers: of how many, likewise.
        """
        log_p = torch.zeros_like(numbers[0, 0])
        so_far = torch.zeros_like(log_p, dtype=torch.long)
        for k, (size, of_block, number) in enumerate(zip(self.largest, logits, numbers, strict=True)):
            cells, real = self.cells[k, :, :size], self.real[k, :, :size]
            chosen = hit[:, cells] & real
            n = chosen.sum(-1)
            least = ((so_far == 0) & (n > 0)).long() if k == len(self.largest) - 1 else torch.zeros_like(n)
            log_p = log_p + log_prob_number(n, number, self.count[k], size, least)
            log_p, so_far = log_p + log_prob_set(chosen, of_block[:, cells], real), so_far + n
        return log_p
