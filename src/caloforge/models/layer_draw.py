"""One layer of new showers, drawn step by step as its networks ask: hits and shares of its cells, block after block."""

__all__ = ["LayerDraw", "LayerNoise", "layer_noise", "normals"]

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.models.block_shares import draw_first, mixed_shares
from caloforge.models.counted_hits import LEAST_EXPECTED, draw_number, draw_set, logistic_scores
from caloforge.models.gamma_mixture import GammaMixture
from caloforge.models.hottest_cell import OF_HOTTEST, draw_share, draw_which
from caloforge.models.layer_blocks import LayerBlocks, LayerCells
from caloforge.models.layers_before import log_size, of_rest

_OF_CELL = 3  # one for its hit, two for its weight
_OF_HOTTEST = 3  # which it is, and two for its share
_OF_SUM = 3  # likewise of the cells of later blocks together, and one for which component it is of


def normals(cells: int, layers: int, blocks: int, hadronic: bool) -> int:
    """How many normal numbers a shower takes: of its cells, of sums, of numbers of hits and, if it comes first, of the
    hottest cell of each layer.

    Args:
        cells: of the mesh.
        layers: of the mesh.
        blocks: of a layer.
        hadronic: whether the hottest cell of a layer is drawn before the others.
    """
    return _OF_CELL * cells + layers * (_OF_SUM * (blocks - 1) + blocks + _OF_HOTTEST * hadronic)


class LayerNoise(NamedTuple):
    """Random numbers of one layer; of the weights those of the sum of later cells follow each block but the last.

    Attributes:
        scores: logistic numbers of the rows, and the probability of a larger one, (M, N) each.
        weights: twice standard normal, (M + K - 1, N) each.
        uniform: (2 K - 1, N) for the sums of later cells, then for the numbers of hits of the blocks.
        hottest: of the hottest cell two uniform numbers and a normal one; nothing where it does not come first.
    """

    scores: tuple[Tensor, Tensor]
    weights: tuple[Tensor, Tensor]
    uniform: Tensor
    hottest: tuple[Tensor, ...]


def layer_noise(noise: Float[Tensor, "N K"], blocks: LayerBlocks) -> list[LayerNoise]:
    """Of every layer, all functions of noise alone computed at once.

    Args:
        noise: (N, K) standard normal, see `normals`.
        blocks: the cells by layer and block.
    """
    layers, n_cells, n_blocks = len(blocks.rows), len(blocks.back), len(blocks.rows[0])
    n_sums = layers * (n_blocks - 1)
    sizes = [*[n_cells] * _OF_CELL, *[n_sums] * _OF_SUM, layers * n_blocks]
    sizes += [layers] * ((noise.shape[1] - sum(sizes)) // layers)  # of the hottest cell, if it comes first
    hits, first, second, of_sum, sum_first, sum_second, numbers, *hottest = torch.split(noise.T.contiguous(), sizes)
    rows = [sum(of_blocks) for of_blocks in blocks.rows]
    scores = (torch.split(x.index_select(0, blocks.order), rows) for x in logistic_scores(hits))
    with_sums = [n + n_blocks - 1 for n in rows]
    weights = (
        torch.split(torch.cat([cells, cells[-1:], sums]).index_select(0, blocks.with_sums), with_sums)
        for cells, sums in ((first, sum_first), (second, sum_second))
    )
    uniform = torch.special.ndtr(torch.stack([*torch.split(of_sum, layers), *torch.split(numbers, layers)], 1)).unbind()
    of_hottest: list[tuple[Tensor, ...]] = [()] * layers
    if hottest:
        which, part, place = hottest
        of_hottest = list(zip(torch.special.ndtr(which), torch.special.ndtr(part), place, strict=True))
    items = zip(zip(*scores, strict=True), zip(*weights, strict=True), uniform, of_hottest, strict=True)
    return [LayerNoise(*item) for item in items]


class LayerDraw:
    """A layer in turn (`caloforge.models.layer_in_turn.LayerInTurn`).

    Args:
        cells: of its blocks (`caloforge.models.layer_blocks.LayerBlocks.layers`).
        noise: of the layer.
        rows: of each block, one more than its cells.
        active: (N,) where it has energy; elsewhere it has no hit.
        scale: (N,) its energy as maps have it.

    Attributes:
        shares: (M, N) of the rows, block after block, as far as they are drawn.
    """

    shares: Tensor
    ones: Tensor
    count: Tensor
    hottest_share: Tensor

    def __init__(
        self,
        cells: dict[tuple[int, int], LayerCells],
        noise: LayerNoise,
        rows: list[int],
        active: Bool[Tensor, " N"],
        scale: Float[Tensor, " N"],
    ) -> None:
        self.cells, self.noise, self.active, self.scale, self.rows = cells, noise, active, scale, rows
        self._hit, self._left = list[Tensor](), list[Tensor]()
        self.rest: Tensor | None = None  # part of the layer that the cells not drawn yet have; None: all

    def energies(self) -> Float[Tensor, "A R N"]:
        """Of its places, in the end."""
        cells = self.cells[0, len(self.rows)]
        return cells.spread(cells.per_place(self.shares * self.scale))

    def expected(self, block: int, logit: Float[Tensor, "A R N"]) -> Float[Tensor, " N"]:
        """Logarithm of how many cells of a block are hit by what is said of each.

        Args:
            block: which.
            logit: of its cells.
        """
        of_cells = self.cells[block, block + 1].logits(logit)[:-1]
        return (torch.sigmoid(of_cells).sum(0) + LEAST_EXPECTED).log()

    def hits(
        self, block: int, logit: Float[Tensor, "A R N"], number: Float[Tensor, "5 N"]
    ) -> tuple[Float[Tensor, "A W N"], Float[Tensor, " N"]]:
        """Drawn: 1 where a cell of this block or of one before is hit, and how many are.

        Args:
            block: which.
            logit: of its cells.
            number: numbers of how many are hit.
        """
        start, last = sum(self.rows[:block]), len(self.rows) - 1
        at, scores = slice(start, start + self.rows[block]), self.noise.scores
        least = self.count == 0 if block == last else None
        n = draw_number(self.noise.uniform[last + block], number, self.rows[block] - 1, least)
        logits = self.cells[block, block + 1].logits(logit)
        hit, left = draw_set((scores[0][at], scores[1][at]), logits, n)
        hit = hit & self.active
        self._hit.append(hit)
        self._left.append(left)
        self.ones = hit.to(logit) if block == 0 else torch.cat([self.ones, hit.to(logit)])
        self.count = self.ones.sum(0)
        return self.cells[0, block + 1].spread_windows(self.ones), self.count

    def hottest(self, numbers: Float[Tensor, "A O N"]) -> None:
        """Drawn: the hottest cell and its share.

        Args:
            numbers: of the cells.
        """
        cells, (u_which, u_part, normal) = self.cells[0, len(self.rows)], self.noise.hottest
        hit, numbers = torch.cat(self._hit), numbers.view(len(numbers), OF_HOTTEST, -1, numbers.shape[-1])
        hottest = draw_which(u_which, hit, cells.logits(numbers[:, 0]))
        places = cells.spread(cells.per_place(hottest.to(numbers)))
        share, rest = draw_share(u_part, normal, (numbers[:, 1:] * places[:, None]).sum((0, 2)), self.count)
        self.hottest_share, self.rest = hottest * share, rest[None]
        self._hit = list(torch.split(hit & ~hottest, self.rows))

    def known(self, blocks: int) -> tuple[list[Float[Tensor, "A W N"]], Float[Tensor, "3 N"]]:
        """The hottest cell and those of the first blocks, and what the others have together.

        Args:
            blocks: how many, or none.
        """
        cells, rows, known = self.cells[0, len(self.rows)], sum(self.rows), self.hottest_share
        mask = known > 0
        if blocks:
            drawn = sum(self.rows[:blocks])
            later = (0, 0, 0, rows - drawn)
            known = known + nn.functional.pad(self.shares, later)
            mask = mask | nn.functional.pad(torch.cat(self._hit[:blocks]), later)
        assert self.rest is not None
        size = log_size(cells.per_place(known * self.scale))
        seen = [cells.spread_windows(x) for x in (mask.to(size), size)]
        return seen, of_rest((self.rest * self.scale)[0], torch.cat(self._hit[blocks:]).sum(0))

    def weights(self, block: int, how: Float[Tensor, "A O N"]) -> None:
        """Drawn: the shares of a block.

        Args:
            block: which.
            how: numbers of the weights of its cells and of those of later blocks.
        """
        last, start = len(self.rows) - 1, sum(self.rows[:block]) + block
        mixture = GammaMixture.of(self.cells[block, last + 1].weights(how).unbind())
        hit, left = self._hit[block], self._left[block]
        first, second = (x[start : start + self.rows[block] + (block < last)] for x in self.noise.weights)
        if block == last:
            shares = mixed_shares((first, second), left, hit, mixture)
        else:
            parts = [self.rows[block], sum(self.rows[block + 1 :])]
            own, others = (GammaMixture(*x) for x in zip(*(torch.split(x, parts, 1) for x in mixture), strict=True))
            u, later = torch.cat([left, self.noise.uniform[block : block + 1]]), torch.cat(self._hit[block + 1 :])
            shares, rest = draw_first((first, second), u, (hit, later), own, others)
        shares = shares if self.rest is None else self.rest * shares
        self.shares = shares if block == 0 else torch.cat([self.shares, shares])
        if block < last:
            self.rest = rest if self.rest is None else self.rest * rest
        elif self.noise.hottest:
            self.shares = self.shares + self.hottest_share

    def sizes(self, blocks: int) -> Float[Tensor, "A W N"]:
        """Half the logarithm of the energies of the cells of the first blocks.

        Args:
            blocks: how many, one at least.
        """
        cells = self.cells[0, blocks]
        return cells.spread_windows(log_size(cells.per_place(self.shares * self.scale)))
