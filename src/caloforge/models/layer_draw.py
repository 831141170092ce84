"""One layer of new showers, drawn step by step as its networks ask: hits and shares of its cells, block after block."""

__all__ = ["NORMALS", "OF_LAYER", "LayerDraw", "LayerNoise", "layer_noise"]

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.models.block_shares import draw_early, mixed_weights
from caloforge.models.counted_hits import draw_number, draw_set, logistic_scores
from caloforge.models.gamma_mixture import GammaMixture
from caloforge.models.layer_blocks import LayerBlocks, LayerCells
from caloforge.models.shares import shares_of

NORMALS = 3  # of a cell: one for its hit, two for its weight
OF_LAYER = 5  # of a layer: three for the weight of its late cells together, one for the number of hits of each block


class LayerNoise(NamedTuple):
    """Random numbers of one layer; of the weights those of the sum of late cells stand between the blocks.

    Attributes:
        scores: logistic numbers of the cells, and the probability of a larger one, (N, M) each.
        weights: twice standard normal, (N, M + 1) each.
        uniform: (N, 3) for the sum of late cells and for the numbers of hits of both blocks.
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
    layers, n_cells = len(blocks.counts), len(blocks.order)
    of_cells, of_layers = torch.split(noise, [NORMALS * n_cells, OF_LAYER * layers], 1)
    hits, first, second = torch.split(of_cells, [n_cells] * NORMALS, 1)
    of_sum, sum_first, sum_second, early, late = torch.split(of_layers, [layers] * OF_LAYER, 1)
    sizes = [sum(count) for count in blocks.counts]
    scores = (torch.split(x, sizes, 1) for x in logistic_scores(hits.index_select(1, blocks.order)))
    weights = (
        torch.split(torch.cat(pair, 1).index_select(1, blocks.with_sums), [size + 1 for size in sizes], 1)
        for pair in ((first, sum_first), (second, sum_second))
    )
    uniform = torch.special.ndtr(torch.stack([of_sum, early, late], 2))
    pairs = zip(zip(*scores, strict=True), zip(*weights, strict=True), strict=True)
    return [LayerNoise(score, weight, uniform[:, layer]) for layer, (score, weight) in enumerate(pairs)]


class LayerDraw:
    """A layer in turn (`caloforge.models.layer_in_turn.LayerInTurn`).

    Args:
        cells: its early cells, its late ones, and both.
        noise: of the layer.
        active: (N,) where it has energy; elsewhere it has no hit.
        scale: (N, 1) its energy as maps have it.

    Attributes:
        shares: (N, M) of the cells, early ones first, in the end.
        energies: (A, N, R) of its places, in the end.
    """

    shares: Tensor
    energies: Tensor

    def __init__(
        self,
        cells: tuple[LayerCells, LayerCells, LayerCells],
        noise: LayerNoise,
        active: Bool[Tensor, "N 1"],
        scale: Float[Tensor, "N 1"],
    ) -> None:
        self.cells, self.noise, self.active = cells, noise, active
        n_early = cells[0].size
        self.n_early, self.scale = n_early, scale

    def _hits(
        self, late: bool, logit: Tensor, number: Tensor, least: Tensor | None
    ) -> tuple[Bool[Tensor, "N B"], Float[Tensor, "N B"]]:
        block = slice(self.n_early, None) if late else slice(0, self.n_early)
        cells, logits = self.cells[late], self.cells[late].gather(logit)[0]
        if not cells.size:
            return logits > 0, logits
        n = draw_number(self.noise.uniform[:, 2 if late else 1], number, cells.size, least)
        hit, left = draw_set((self.noise.scores[0][:, block], self.noise.scores[1][:, block]), logits, n)
        return hit & self.active, left

    def early_hits(
        self, logit: Float[Tensor, "A N R"], number: Float[Tensor, "N 5"]
    ) -> tuple[Float[Tensor, "A N R"], Float[Tensor, " N"]]:
        """Drawn: 1 where an early cell is hit, and how many are.

        Args:
            logit: of early cells.
            number: numbers of how many are hit.
        """
        self.early, self.left_early = self._hits(False, logit, number, None)
        hits = self.early.to(logit)
        self.early_map, self.count = self.cells[0].spread(hits), hits.sum(1)
        return self.early_map, self.count

    def late_hits(self, logit: Float[Tensor, "A N R"], number: Float[Tensor, "N 5"]) -> Float[Tensor, "A N R"]:
        """Drawn: 1 where a cell of either block is hit.

        Args:
            logit: of late cells.
            number: numbers of how many are hit.
        """
        self.late, self.left_late = self._hits(True, logit, number, self.count == 0)
        return self.early_map + self.cells[1].spread(self.late.to(logit))

    def early_energies(self, how: Float[Tensor, "A N O"]) -> Float[Tensor, "A N R"]:
        """Drawn: energies of the early cells.

        Args:
            how: numbers of the weights of all cells.
        """
        mixture = GammaMixture.of(self.cells[2].gather(how).unbind())
        blocks = (slice(0, self.n_early), slice(self.n_early, None))
        early, late = (GammaMixture(*(x[..., block] for x in mixture)) for block in blocks)
        first, second = (x[:, : self.n_early + 1] for x in self.noise.weights)
        u = torch.cat([self.left_early, self.noise.uniform[:, :1]], 1)
        self.early_shares, self.rest = draw_early((first, second), u, (self.early, self.late), early, late)
        self.energies = self.cells[0].spread_energy(self.early_shares * self.scale)
        return self.energies

    def late_energies(self, how: Float[Tensor, "A N O"]) -> None:
        """Drawn: the last step.

        Args:
            how: numbers of the weights of late cells.
        """
        mixture = GammaMixture.of(self.cells[1].gather(how).unbind())
        first, second = (x[:, self.n_early + 1 :] for x in self.noise.weights)
        late = self.rest * shares_of(mixed_weights((first, second), self.left_late, self.late, mixture))
        self.shares = torch.cat([self.early_shares, late], 1)
        self.energies = self.energies + self.cells[1].spread_energy(late * self.scale)
