"""All layers of showers at once, their cells known: what the networks are shown step by step, and what they say."""

__all__ = ["KnownLayers"]

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.models.block_shares import BlockShares
from caloforge.models.counted_hits import LEAST_EXPECTED, NUMBERS
from caloforge.models.layers_before import log_size, of_rest
from caloforge.nn.mesh_canvas import MeshCanvas
from caloforge.nn.sector_conv import windows


class KnownLayers:
    """Layers in turn (`caloforge.models.layer_in_turn.LayerInTurn`), all in one: maps are (A, C, L N).

    Args:
        canvas: the mesh as a rectangle.
        table: cells by layer and block.
        shares: (N, V) of the cells in their layers.
        energy: (L, N) of the layers as maps have it.
        so_far: (K, A, R, L, 1) places of the blocks up to each.
        hottest: (N, V) the hottest cell of each layer, where it comes first; None: it does not.

    Attributes:
        energies: (A, R, L, N) at each place.
        others: (N, V) the shares of all cells but the hottest ones.
    """

    def __init__(
        self,
        canvas: MeshCanvas,
        table: BlockShares,
        shares: Float[Tensor, "N V"],
        energy: Float[Tensor, "L N"],
        so_far: Float[Tensor, "K A R L 1"],
        hottest: Bool[Tensor, "N V"] | None,
    ) -> None:
        self.canvas, self.table, self.so_far, self.energy = canvas, table, so_far, energy
        self.hit, self.others = shares > 0, shares if hottest is None else shares.masked_fill(hottest, 0.0)
        at_places = energy.T[:, table.layer_of_voxel] / canvas.weight.count_nonzero(1)
        maps = [shares * at_places, self.hit.to(shares), *([] if hottest is None else [hottest.to(shares)])]
        cells = canvas.spread(torch.stack(maps)).permute(0, 3, 4, 2, 1).contiguous()
        self.energies, self._hits, *self._hottest_places = cells.unbind()
        self._told, self._numbers = list[Tensor](), list[Tensor]()

    def told(self) -> tuple[Float[Tensor, "O N V"], Float[Tensor, "K 5 N L"]]:
        """All that the networks said of the cells, and of the numbers of hits of blocks."""
        (layers, sectors, rings), n = self.canvas.shape, len(self.hit)
        of_places = torch.cat(self._told, 1).view(sectors, -1, rings, layers, n).permute(1, 4, 3, 0, 2)
        numbers = torch.stack(self._numbers).view(-1, NUMBERS, layers, n).transpose(2, 3)
        return self.canvas.gather(of_places), numbers

    def _of_layers(self, cells: Float[Tensor, "N V"]) -> Float[Tensor, " I"]:
        """Sums over the cells of each layer, I = L N."""
        return self.table.layer_sum(cells).T.flatten()

    def expected(self, block: int, logit: Float[Tensor, "A R I"]) -> Float[Tensor, " I"]:
        """Logarithm of how many cells of a block are hit by what is said of each.

        Args:
            block: which.
            logit: of its cells.
        """
        layers, sectors, rings = self.canvas.shape
        rate = torch.sigmoid(self.canvas.gather(logit.view(sectors, rings, layers, -1).permute(3, 2, 0, 1)))
        return (self._of_layers(rate * (self.table.block_of_cell == block)) + LEAST_EXPECTED).log()

    def hits(
        self, block: int, logit: Float[Tensor, "A R I"], number: Float[Tensor, "5 I"]
    ) -> tuple[Float[Tensor, "A W I"], Float[Tensor, " I"]]:
        """1 where a cell of this block or of one before is hit, and how many are.

        Args:
            block: which.
            logit: of its cells.
            number: numbers of how many of them are hit.
        """
        self._told.append(logit)
        self._numbers.append(number)
        count = self._of_layers((self.hit & (self.table.block_of_cell <= block)).float())
        return windows((self._hits * self.so_far[block]).flatten(2)), count

    def hottest(self, numbers: Float[Tensor, "A O I"]) -> None:
        """Keeps what is said of the hottest cell.

        Args:
            numbers: of its cells.
        """
        self._told.append(numbers)

    def weights(self, block: int, how: Float[Tensor, "A O I"]) -> None:
        """Keeps what is said of the weights of a block.

        Args:
            block: which.
            how: of its cells and of those of later blocks.
        """
        self._told.append(how)

    def sizes(self, blocks: int) -> Float[Tensor, "A W I"]:
        """Half the logarithm of the energies of the cells of the first blocks.

        Args:
            blocks: how many, one at least.
        """
        return windows(log_size(self.energies * self.so_far[blocks - 1]).flatten(2))

    def known(self, blocks: int) -> tuple[list[Float[Tensor, "A W I"]], Float[Tensor, "3 I"]]:
        """The hottest cell and those of the first blocks, and what the others have together.

        Args:
            blocks: how many, or none.
        """
        (places,) = self._hottest_places
        if blocks:
            places = torch.maximum(places, self._hits * self.so_far[blocks - 1])
        seen = [windows(x.flatten(2)) for x in (places, log_size(self.energies * places))]
        later = self.others * (self.table.block_of_cell >= blocks)
        part, n = self._of_layers(later), self._of_layers((later > 0).to(later))
        return seen, of_rest(part * self.energy.flatten(), n)
