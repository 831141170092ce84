"""Cells of each layer in two blocks, early and late: where they stand on the canvas, and the ways there and back."""

__all__ = ["LayerBlocks", "LayerCells"]

from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.nn.mesh_canvas import MeshCanvas


class LayerCells(NamedTuple):
    """Cells of one layer, or of one of its blocks.

    Attributes:
        size: M.
        rings: R of the canvas.
        place: (M, P) places (alpha, r) of each cell.
        weight: (M, P) of its places, summing to one; None where each cell has one place.
        onto: (A R) the cell at each place; M where there is none.
    """

    size: int
    rings: int
    place: Tensor
    weight: Tensor | None
    onto: Tensor

    def gather(self, maps: Float[Tensor, "A N K"]) -> Float[Tensor, "O N M"]:
        """Numbers of the cells, the mean over the places of each.

        Args:
            maps: (A, N, O R) at each place.
        """
        sectors, n, _ = maps.shape
        flat = maps.view(sectors, n, -1, self.rings).permute(2, 1, 0, 3).reshape(-1, n, sectors * self.rings)
        if self.weight is None:
            return flat.index_select(2, self.place[:, 0])
        return (flat[:, :, self.place] * self.weight).sum(-1)

    def spread(self, cells: Float[Tensor, "N M"]) -> Float[Tensor, "A N R"]:
        """Cells laid out on the canvas, zero where there is none.

        Args:
            cells: (N, M) a number for each.
        """
        wider = nn.functional.pad(cells, (0, 1)).index_select(1, self.onto)
        return wider.view(cells.shape[0], -1, self.rings).transpose(0, 1)

    def spread_energy(self, cells: Float[Tensor, "N M"]) -> Float[Tensor, "A N R"]:
        """The same for energies, which the places of a cell share evenly.

        Args:
            cells: (N, M) energy of each.
        """
        return self.spread(cells if self.weight is None else cells / self.weight.count_nonzero(1))


class LayerBlocks(nn.Module):
    """Cells by layer and block.

    Args:
        canvas: the mesh as a rectangle.
        late: (V,) which cells come second.

    Attributes:
        order: (V,) the cells: of each layer the early ones, then the late ones.
        back: (V,) the inverse.
        with_sums: (V + L) the same as ``order`` with one item more between the blocks of each layer, V + its number.
        counts: early and late cells of each layer.
    """

    order: Tensor
    back: Tensor
    with_sums: Tensor
    place: Tensor
    weight: Tensor
    onto: Tensor

    def __init__(self, canvas: MeshCanvas, late: Bool[Tensor, " V"]) -> None:
        super().__init__()
        layers, sectors, self.rings = canvas.shape
        self.counts = list[tuple[int, int]]()
        order, with_sums, place, onto = (list[Tensor]() for _ in range(4))
        for layer, (cell, (start, end)) in enumerate(
            zip(canvas.cell.view(layers, -1), pairwise(canvas.starts), strict=True)
        ):
            early, second = (start + block.nonzero()[:, 0] for block in (~late[start:end], late[start:end]))
            both = torch.cat([early, second])
            self.counts.append((len(early), len(second)))
            order.append(both)
            with_sums += [early, torch.tensor([len(late) + layer]), second]
            place.append(canvas.place[both] - layer * sectors * self.rings)
            for cells in (early, second, both):
                number = torch.full((len(late) + 1,), len(cells)).scatter(0, cells, torch.arange(len(cells)))
                onto.append(number[cell])
        self.register_buffer("order", torch.cat(order), persistent=False)
        self.register_buffer("back", self.order.argsort(), persistent=False)
        self.register_buffer("with_sums", torch.cat(with_sums), persistent=False)
        self.register_buffer("place", torch.cat(place), persistent=False)
        self.register_buffer("weight", canvas.weight[self.order], persistent=False)
        self.register_buffer("onto", torch.stack(onto), persistent=False)

    def layers(self) -> list[tuple[LayerCells, LayerCells, LayerCells]]:
        """Of each layer its early cells, its late ones, and both."""
        weight = self.weight if self.weight.shape[1] > 1 else None
        onto, layers, start = self.onto.unbind(), [], 0
        for layer, (n_early, n_late) in enumerate(self.counts):
            middle, end = start + n_early, start + n_early + n_late
            early, late, both = (
                LayerCells(
                    b - a, self.rings, self.place[a:b], None if weight is None else weight[a:b], onto[3 * layer + i]
                )
                for i, (a, b) in enumerate([(start, middle), (middle, end), (start, end)])
            )
            layers.append((early, late, both))
            start = end
        return layers
