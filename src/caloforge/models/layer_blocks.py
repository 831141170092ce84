"""Cells of each layer in two blocks, early and late: where they stand on the canvas, and the ways there and back.

Tables of a block (M, N) have one row for each cell and a last one that is no cell: never hit, and zero on the canvas.
"""

__all__ = ["LayerBlocks", "LayerCells"]

from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from caloforge.nn.mesh_canvas import MeshCanvas
from caloforge.nn.sector_conv import windows


class LayerCells(NamedTuple):
    """Cells of one layer, or of one of its blocks: of maps (A, C, N) the rows that concern them.

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
        late: (V,) which cells come second.
        of_weight: W, numbers of the weight of a cell.

    Attributes:
        order: (V + 2 L) the cells: of each layer the early ones, then the late ones, and V for what is none.
        back: (V,) the inverse.
        with_sums: (V + 3 L) the same as ``order`` with one item more between the blocks of each layer, V + 1 + its
            number.
        rows: of the early and of the late cells of each layer.
    """

    order: Tensor
    back: Tensor
    with_sums: Tensor
    tables: Tensor
    weight: Tensor

    def __init__(self, canvas: MeshCanvas, late: Bool[Tensor, " V"], of_weight: int) -> None:
        super().__init__()
        layers, self.sectors, rings = canvas.shape
        self.rows = list[list[int]]()
        order, with_sums, tables = (list[Tensor]() for _ in range(3))
        none, number = torch.tensor([len(late)]), torch.arange(of_weight)[:, None, None]
        sector, ring = canvas.place % (self.sectors * rings) // rings, canvas.place % rings
        sector, ring = (torch.cat([x, x[-1:]]) for x in (sector, ring))  # what is no cell hears of the last one
        for layer, (cell, (start, end)) in enumerate(
            zip(canvas.cell.view(layers, self.sectors, rings), pairwise(canvas.starts), strict=True)
        ):
            early, second = (start + block.nonzero()[:, 0] for block in (~late[start:end], late[start:end]))
            early, second = torch.cat([early, none]), torch.cat([second, none])
            self.rows.append([len(early), len(second)])
            order += [early, second]
            with_sums += [early, none + 1 + layer, second]
            for cells in (early, second, torch.cat([early, second])):
                row = torch.full((len(late) + 1,), len(cells) - 1)
                onto = row.scatter(0, cells, torch.arange(len(cells)))[cell]
                a, r = sector[cells], ring[cells]
                tables += [a * rings + r, (a * of_weight + number) * rings + r, onto, windows(onto)]
        self.register_buffer("order", torch.cat(order), persistent=False)
        self.register_buffer("back", self.order.argsort(stable=True)[: len(late)], persistent=False)
        self.register_buffer("with_sums", torch.cat(with_sums), persistent=False)
        self.register_buffer("tables", torch.cat([table.flatten() for table in tables]), persistent=False)
        self.sizes = [table.numel() for table in tables]
        weight = torch.cat([canvas.weight, canvas.weight[-1:]])
        self.register_buffer("weight", weight[self.order], persistent=False)

    def layers(self) -> list[tuple[LayerCells, LayerCells, LayerCells]]:
        """Of each layer its early cells, its late ones, and both."""
        tables = iter(torch.split(self.tables, self.sizes))
        weights = torch.split(self.weight, [sum(rows) for rows in self.rows])

        def cells(weight: Tensor) -> LayerCells:
            mean = weight if weight.shape[1] > 1 else None
            return LayerCells(next(tables), next(tables), next(tables), next(tables), mean, self.sectors)

        parts = ((*torch.split(weight, rows), weight) for weight, rows in zip(weights, self.rows, strict=True))
        return [(cells(early), cells(late), cells(both)) for early, late, both in parts]
