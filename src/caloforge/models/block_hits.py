r"""Which cells of a layer are hit, in two blocks as on a checkerboard: in each, first their number, then the set.

.. math:: p(h) = p(n_1)\, p(S_1 | n_1)\; p(n_2 | S_1)\, p(S_2 | n_2, S_1)

with the densities of `caloforge.models.counted_hits`; a layer that has energy has one hit at least.
"""

__all__ = ["BlockHits"]

import math
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.models.counted_hits import NUMBERS, log_prob_number, log_prob_set


class BlockHits(nn.Module):
    """Density of hits.

    Args:
        binning: the mesh.
        late: (V,) which cells come second.
    """

    early_cells: Tensor
    early_real: Tensor
    early_count: Tensor
    late_cells: Tensor
    late_real: Tensor
    late_count: Tensor

    def __init__(self, binning: Binning, late: Bool[Tensor, " V"]) -> None:
        super().__init__()
        starts = [int(start) for start in binning.layer_starts]
        for name, block in (("early", ~late), ("late", late)):
            of_layers = [first + block[first:last].nonzero()[:, 0] for first, last in pairwise(starts)]
            count = torch.tensor([[len(cells) for cells in of_layers]])
            size = max(int(count.max()), 1)
            cells = torch.stack([nn.functional.pad(x, (0, size - len(x))) for x in of_layers])
            tables = {"cells": cells, "real": torch.arange(size) < count[0, :, None], "count": count}
            for what, table in tables.items():
                self.register_buffer(f"{name}_{what}", table, persistent=False)
        self.counts = [[int(n) for n in x[0]] for x in (self.early_count, self.late_count)]

    @property
    def _blocks(self) -> tuple[tuple[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]:
        """Cells of each layer, which of them there are, and how many, of the early block and of the late one."""
        return (
            (self.early_cells, self.early_real, self.early_count),
            (self.late_cells, self.late_real, self.late_count),
        )

    def start(self, hits: Float[Tensor, "N V"]) -> Float[Tensor, "2 L 5"]:
        """Numbers of both blocks that describe how many cells were hit on average, as a Poisson's.

        Args:
            hits: (N, V) 1 where a cell is hit.
        """
        rate = hits.mean(0)
        means = torch.stack([(rate[cells] * real).sum(-1) for cells, real, _ in self._blocks])
        numbers = hits.new_zeros(*means.shape, NUMBERS)
        numbers[..., 0] = means.clamp_min(math.exp(-3)).log()
        return numbers

    def log_prob(
        self,
        hit: Bool[Tensor, "N V"],
        logits: tuple[Float[Tensor, "N V"], Float[Tensor, "N V"]],
        numbers: Float[Tensor, "2 5 N L"],
    ) -> Float[Tensor, "N L"]:
        """Log-probability of the hits of each layer, given that it has one; of no use for a layer without.

        Args:
            hit: (N, V) which cells are.
            logits: of the early cells and of the late ones, which have heard of the early hits.
            numbers: of how many.
        """
        log_p, before = torch.zeros_like(numbers[0, 0]), torch.ones_like(numbers[0, 0], dtype=torch.long)
        for block, (cells, real, count) in enumerate(self._blocks):
            of_block = hit[:, cells] & real
            n = of_block.sum(-1)
            least = ((before == 0) & (n > 0)).long()
            log_p = log_p + log_prob_number(n, numbers[block], count, max(self.counts[block]), least)
            log_p, before = log_p + log_prob_set(of_block, logits[block][:, cells], real), n
        return log_p
