"""One layer of new showers, drawn step by step as its networks ask: hits and shares of its cells, block after block."""

__all__ = ["NORMALS", "OF_LAYER", "LayerDraw", "LayerNoise", "layer_noise"]

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.models.block_shares import draw_early, mixed_shares
from caloforge.models.counted_hits import draw_number, draw_set, logistic_scores
from caloforge.models.gamma_mixture import GammaMixture
from caloforge.models.layer_blocks import LayerBlocks, LayerCells
from caloforge.models.layers_before import log_size

NORMALS = 3  # of a cell: one for its hit, two for its weight
OF_LAYER = 5  # of a layer: three for the weight of its late cells together, one for the number of hits of each block


class LayerNoise(NamedTuple):
    """Random numbers of one layer; of the weights those of the sum of late cells stand between the blocks.

    Attributes:
        scores: logistic numbers of the rows, and the probability of a larger one, (M, N) each.
        weights: twice standard normal, (M + 1, N) each.
        uniform: (3, N) for the sum of late cells and for the numbers of hits of both blocks.
    """

    scores: tuple[Tensor, Tensor]
    weights: tuple[Tensor, Tensor]
    uniform: Tensor


def layer_noise(noise: Float[Tensor, "N K"], blocks: LayerBlocks) -> list[LayerNoise]:
    """Of every layer, all functions of noise alone computed at once.

    Args:
        noise: (N, K) standard normal, `NORMALS` times the cells, then `OF_LAYER` times the layers.
        blocks: the cells by layer and block.
    """
    layers, n_cells = len(blocks.rows), len(blocks.back)
    of_cells, of_layers = torch.split(noise.T.contiguous(), [NORMALS * n_cells, OF_LAYER * layers])
    hits, first, second = torch.split(of_cells, n_cells)
    of_sum, sum_first, sum_second, early, late = torch.split(of_layers, layers)
    rows = [sum(of_blocks) for of_blocks in blocks.rows]
    scores = (torch.split(x.index_select(0, blocks.order), rows) for x in logistic_scores(hits))
    weights = (
        torch.split(torch.cat([cells, sums[:1], sums]).index_select(0, blocks.with_sums), [n + 1 for n in rows])
        for cells, sums in ((first, sum_first), (second, sum_second))
    )
    uniform = torch.special.ndtr(torch.stack([of_sum, early, late], 1))
    pairs = zip(zip(*scores, strict=True), zip(*weights, strict=True), uniform.unbind(), strict=True)
    return [LayerNoise(score, weight, u) for score, weight, u in pairs]


class LayerDraw:
    """A layer in turn (`caloforge.models.layer_in_turn.LayerInTurn`).

    Args:
        cells: its early cells, its late ones, and both.
        noise: of the layer.
        rows: of either block, one more than its cells.
        active: (N,) where it has energy; elsewhere it has no hit.
        scale: (N,) its energy as maps have it.

    Attributes:
        shares: (M, N) of the rows, early ones first, in the end.
    """

    shares: Tensor

    def __init__(
        self,
        cells: tuple[LayerCells, LayerCells, LayerCells],
        noise: LayerNoise,
        rows: list[int],
        active: Bool[Tensor, " N"],
        scale: Float[Tensor, " N"],
    ) -> None:
        self.cells, self.noise, self.active, self.scale = cells, noise, active, scale
        self.rows = rows

    def energies(self) -> Float[Tensor, "A R N"]:
        """Of its places, in the end."""
        return self.cells[2].spread(self.cells[2].per_place(self.shares * self.scale))

    def _hits(
        self, late: bool, logit: Tensor, number: Tensor, least: Tensor | None
    ) -> tuple[Bool[Tensor, "M N"], Float[Tensor, "M N"]]:
        block = slice(self.rows[0], None) if late else slice(0, self.rows[0])
        cells, (logistic, under) = self.cells[late], self.noise.scores
        n = draw_number(self.noise.uniform[2 if late else 1], number, self.rows[late] - 1, least)
        hit, left = draw_set((logistic[block], under[block]), cells.logits(logit), n)
        return hit & self.active, left

    def early_hits(
        self, logit: Float[Tensor, "A R N"], number: Float[Tensor, "5 N"]
    ) -> tuple[Float[Tensor, "A W N"], Float[Tensor, " N"]]:
        """Drawn: 1 where an early cell is hit, and how many are.

        Args:
            logit: of early cells.
            number: numbers of how many are hit.
        """
        self.early, self.left_early = self._hits(False, logit, number, None)
        self.ones = self.early.to(logit)
        self.count = self.ones.sum(0)
        return self.cells[0].spread_windows(self.ones), self.count

    def late_hits(self, logit: Float[Tensor, "A R N"], number: Float[Tensor, "5 N"]) -> Float[Tensor, "A W N"]:
        """Drawn: 1 where a cell of either block is hit.

        Args:
            logit: of late cells.
            number: numbers of how many are hit.
        """
        self.late, self.left_late = self._hits(True, logit, number, self.count == 0)
        return self.cells[2].spread_windows(torch.cat([self.ones, self.late.to(logit)]))

    def early_energies(self, how: Float[Tensor, "A O N"]) -> Float[Tensor, "A W N"]:
        """Drawn: sizes of the early cells.

        Args:
            how: numbers of the weights of all cells.
        """
        mixture = GammaMixture.of(self.cells[2].weights(how).unbind())
        early, late = (GammaMixture(*x) for x in zip(*(torch.split(x, self.rows, 1) for x in mixture), strict=True))
        first, second = (x[: self.rows[0] + 1] for x in self.noise.weights)
        u = torch.cat([self.left_early, self.noise.uniform[:1]])
        self.early_shares, self.rest = draw_early((first, second), u, (self.early, self.late), early, late)
        energies = self.cells[0].per_place(self.early_shares * self.scale)
        return self.cells[0].spread_windows(log_size(energies))

    def late_energies(self, how: Float[Tensor, "A O N"]) -> None:
        """Drawn: the last step.

        Args:
            how: numbers of the weights of late cells.
        """
        mixture = GammaMixture.of(self.cells[1].weights(how).unbind())
        first, second = (x[self.rows[0] + 1 :] for x in self.noise.weights)
        late = self.rest * mixed_shares((first, second), self.left_late, self.late, mixture)
        self.shares = torch.cat([self.early_shares, late])
