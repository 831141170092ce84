"""Cells of each layer in blocks: where they stand on the canvas, and the ways there and back.

Tables of a block (M, N) have one row for each cell and a last one that is no cell: never hit, and zero on the canvas.
"""

__all__ = ["LayerBlocks", "LayerCells"]

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from caloforge.nn.mesh_canvas import MeshCanvas
from caloforge.nn.sector_conv import windows


class LayerCells(NamedTuple):
    """Cells of some blocks of one layer: of maps (A, C, N) the rows that concern them.

    Attributes:
        of_logit: (M P) rows of a map (A, R, N): the P places of each cell.
        of_weight: (W M P) rows of the numbers of weights (A, W R, N).
        onto: (A R) the cell at each place.
        windows: (A 3 R) the same for the sector before each, itself and the one behind.
        weight: (M, P) of the places of a cell, summing to one; None where each cell has one place.
        sectors: A.
    """

    of_logit: Tensor
    of_weight: Tensor
    onto: Tensor
    windows: Tensor
    weight: Tensor | None
    sectors: int

    def logits(self, maps: Float[Tensor, "A R N"]) -> Float[Tensor, "M N"]:
        """A number of each cell, the mean over its places.

        Args:
            maps: (A, R, N) at each place.
        """
        return self._mean(maps, self.of_logit)[0]

    def weights(self, maps: Float[Tensor, "A C N"]) -> Float[Tensor, "W M N"]:
        """Likewise W numbers.

        Args:
            maps: (A, W R, N) at each place.
        """
        return self._mean(maps, self.of_weight)

    def _mean(self, maps: Float[Tensor, "A C N"], rows: Int[Tensor, " I"]) -> Float[Tensor, "W M N"]:
        picked, n = maps.flatten(0, 1).index_select(0, rows), maps.shape[2]
        if self.weight is None:
            return picked.view(-1, len(self.of_logit), n)
        return (picked.view(-1, *self.weight.shape, n) * self.weight[..., None]).sum(2)

    def spread(self, cells: Float[Tensor, "M N"]) -> Float[Tensor, "A R N"]:
        """Cells laid out on the canvas, zero where there is none.

        Args:
            cells: (M, N) a number for each.
        """
        return cells.index_select(0, self.onto).view(self.sectors, -1, cells.shape[1])

    def spread_windows(self, cells: Float[Tensor, "M N"]) -> Float[Tensor, "A W N"]:
        """The same as `caloforge.nn.sector_conv.windows` of the map.

        Args:
            cells: (M, N) a number for each.
        """
        return cells.index_select(0, self.windows).view(self.sectors, -1, cells.shape[1])

    def per_place(self, energy: Float[Tensor, "M N"]) -> Float[Tensor, "M N"]:
        """Energy of each cell at each of its places, which share it evenly.

        Args:
            energy: (M, N) of each.
        """
        return energy if self.weight is None else energy / self.weight.count_nonzero(1)[:, None]


class LayerBlocks(nn.Module):
    """Cells by layer and block.

    Args:
        canvas: the mesh as a rectangle.
        block_of_cell: (V,) which block each cell is in.
        blocks: K of a layer.
        of_weight: W, numbers of the weight of a cell.

    Attributes:
        order: (V + K L) the cells: of each layer its blocks in turn, each followed by V for what is none.
        back: (V,) the inverse.
        with_sums: (V + (2 K - 1) L) the same as ``order`` with one item more after each block but the last: V + 1, then
            those of the first block of all layers, then those of the second.
        rows: of the blocks of each layer.
    """

    order: Tensor
    back: Tensor
    with_sums: Tensor
    tables: Tensor
    weight: Tensor

    def __init__(self, canvas: MeshCanvas, block_of_cell: Int[Tensor, " V"], blocks: int, of_weight: int) -> None:
        super().__init__()
        layers, self.sectors, rings = canvas.shape
        self.ranges = sorted({(i, j) for k in range(blocks) for i, j in ((0, k + 1), (k, k + 1), (k, blocks))})
        order, with_sums, tables = (list[Tensor]() for _ in range(3))
        none, number = torch.tensor([len(block_of_cell)]), torch.arange(of_weight)[:, None, None]
        sector, ring = canvas.place % (self.sectors * rings) // rings, canvas.place % rings
        sector, ring = (torch.cat([x, x[-1:]]) for x in (sector, ring))  # what is no cell hears of the last one
        self.rows = list[list[int]]()
        for layer, (cell, (start, end)) in enumerate(
            zip(canvas.cell.view(layers, self.sectors, rings), pairwise(canvas.starts), strict=True)
        ):
            of_blocks = [
                torch.cat([start + (block_of_cell[start:end] == k).nonzero()[:, 0], none]) for k in range(blocks)
            ]
            self.rows.append([len(cells) for cells in of_blocks])
            order += of_blocks
            for k, cells in enumerate(of_blocks):
                with_sums += [cells, none + 1 + layer + k * layers] if k < blocks - 1 else [cells]
            for i, j in self.ranges:
                cells = torch.cat(of_blocks[i:j])
                row = torch.full((len(block_of_cell) + 1,), len(cells) - 1)
                onto = row.scatter(0, cells, torch.arange(len(cells)))[cell]
                a, r = sector[cells], ring[cells]
                tables += [a * rings + r, (a * of_weight + number) * rings + r, onto, windows(onto)]
        self.register_buffer("order", torch.cat(order), persistent=False)
        self.register_buffer("back", self.order.argsort(stable=True)[: len(block_of_cell)], persistent=False)
        self.register_buffer("with_sums", torch.cat(with_sums), persistent=False)
        self.register_buffer("tables", torch.cat([table.flatten() for table in tables]), persistent=False)
        self.sizes = [table.numel() for table in tables]
        weight = torch.cat([canvas.weight, canvas.weight[-1:]])
        self.register_buffer("weight", weight[self.order], persistent=False)

    def layers(self) -> list[dict[tuple[int, int], LayerCells]]:
        """Of each layer the cells of blocks i to j - 1, by (i, j): of one block, of it and all before; or later."""
        tables = iter(torch.split(self.tables, self.sizes))
        weights = torch.split(self.weight, [sum(rows) for rows in self.rows])
        return [
            {(i, j): self._cells(tables, torch.cat(torch.split(weight, rows)[i:j])) for i, j in self.ranges}
            for weight, rows in zip(weights, self.rows, strict=True)
        ]

    def _cells(self, tables: Iterator[Tensor], weight: Tensor) -> LayerCells:
        mean = weight if weight.shape[1] > 1 else None
        return LayerCells(next(tables), next(tables), next(tables), next(tables), mean, self.sectors)
