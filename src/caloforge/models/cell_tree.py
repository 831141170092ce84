r"""The cells of a layer as the leaves of a binary tree: a layer is split into rings, then each ring into sectors.

All splits of one step are of equal rank: they depend on nothing but the steps before. With :math:`s = s_1 + s_2` for
every split, fractions :math:`s_1 / s` and shares of the cells are the same numbers in other coordinates, and
:math:`\ln |\partial s / \partial f| = \sum \ln s` over the splits with both sides hit. Source of trees of fractions:
Dennis, Commun. Stat. Theory Methods 20 (1991) 4069 (the hyper-Dirichlet distribution).
"""

__all__ = ["CellTree", "Splits"]

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from caloforge.geometry.binning import Binning


class _Part(NamedTuple):
    """A rectangle of cells of a layer: from a first sector and ring up to, but without, a last."""

    sectors: tuple[int, int]
    rings: tuple[int, int]

    @property
    def wide(self) -> bool:
        """Has several sectors."""
        return self.sectors[1] - self.sectors[0] > 1

    @property
    def deep(self) -> bool:
        """Has several rings."""
        return self.rings[1] - self.rings[0] > 1

    def due(self, radial: bool, turn: int | None) -> bool:
        """Whether it is split: into rings, or into sectors when it is the turn of its ring."""
        return self.deep if radial else self.wide and turn == self.rings[0] % 2

    def halves(self) -> "tuple[_Part, _Part]":
        """By rings if there are several, else by sectors; the first has the smallest cell."""
        first, last = self.rings if self.deep else self.sectors
        ranges = (first, (first + last) // 2), ((first + last) // 2, last)
        one, two = (self._replace(**{"rings" if self.deep else "sectors": side}) for side in ranges)
        return one, two

    def cells(self, n_r: int) -> list[int]:
        """Numbers of its cells in the layer, rising."""
        return [a * n_r + r for a in range(*self.sectors) for r in range(*self.rings)]


class Splits(nn.Module):
    """One step in all L layers, of at most S splits each; the cells of a layer are numbered from 0 to M - 1.

    Shares (N, l, M) of parts of a layer stand at all cells of the part.

    Args:
        pairs: for each layer the cells of either side of each split, rising.
        cells: M.
        radial: whether all splits are into rings.

    Attributes:
        size: S.
        first: (L, S) first cell of a split, which is that of its first side.
        second: (L, S) first cell of its second side; every cell but a layer's first is that of exactly one split.
        real: (L, S) which splits there are.
        mate: (L, M) for each cell in a split one on the other side, for others themselves.
        split: (L, M) the split that a cell is in; S where there is none.
        in_first: (L, M) whether a cell is on the first side.
    """

    first: Tensor
    second: Tensor
    real: Tensor
    mate: Tensor
    split: Tensor
    in_first: Tensor

    def __init__(self, pairs: list[list[tuple[list[int], list[int]]]], cells: int, radial: bool) -> None:
        super().__init__()
        self.radial, self.size = radial, max(map(len, pairs))
        first, second, real = (np.zeros((len(pairs), self.size), kind) for kind in (int, int, bool))
        split, in_first = np.full((len(pairs), cells), self.size), np.zeros((len(pairs), cells), bool)
        mate = np.tile(np.arange(cells), (len(pairs), 1))
        for layer, splits in enumerate(pairs):
            for number, (one, two) in enumerate(splits):
                first[layer, number], second[layer, number], real[layer, number] = one[0], two[0], True
                mate[layer, one], mate[layer, two] = two[0], one[0]
                split[layer, one + two], in_first[layer, one] = number, True
        for name, table in zip(
            ("first", "second", "real", "mate", "split", "in_first"),
            (first, second, real, mate, split, in_first),
            strict=True,
        ):
            self.register_buffer(name, torch.from_numpy(table), persistent=False)

    def united(self, shares: Float[Tensor, "N l M"], layers: slice) -> Float[Tensor, "N l M"]:
        """Shares of the parts before the splits.

        Args:
            shares: (N, l, M) of the parts after them.
            layers: which l layers.
        """
        other = shares.gather(2, self.mate[layers].expand(shares.shape))
        return shares + torch.where(self.split[layers] < self.size, other, 0.0)

    def sides(self, shares: Float[Tensor, "N l M"], layers: slice) -> tuple[Tensor, Tensor]:
        """Shares (N, l, S) of the first and of the second side of each split.

        Args:
            shares: (N, l, M) of the parts after the splits.
            layers: which l layers.
        """
        return at_cells(shares, self.first[layers]), at_cells(shares, self.second[layers])

    def divided(
        self,
        shares: Float[Tensor, "N l M"],
        first: Float[Tensor, "N l S"],
        second: Float[Tensor, "N l S"],
        layers: slice,
    ) -> Float[Tensor, "N l M"]:
        """Shares of the parts after the splits.

        Args:
            shares: (N, l, M) of the parts before them.
            first: (N, l, S) what the first side takes of its part.
            second: (N, l, S) what the second side takes.
            layers: which l layers.
        """
        padded = (nn.functional.pad(side, (0, 1), value=1.0) for side in (first, second))
        one, two = (at_cells(side, self.split[layers]) for side in padded)
        return shares * torch.where(self.in_first[layers], one, two)


class CellTree(nn.ModuleList):
    """All steps from whole layers to single cells.

    Splits into sectors take turns: in rings 0, 2, 4 ..., then, with these in sight, in the others.

    Args:
        binning: the mesh.
    """

    def __init__(self, binning: Binning) -> None:
        cells = max(layer.n_voxels for layer in binning.layers)
        parts = [[_Part((0, layer.n_alpha), (0, layer.n_r))] for layer in binning.layers]
        steps = []
        while any(part.deep or part.wide for layer in parts for part in layer):
            radial = any(part.deep for layer in parts for part in layer)
            for turn in (None,) if radial else (0, 1):
                halves = [{part: part.halves() for part in layer if part.due(radial, turn)} for layer in parts]
                pairs = [
                    [(one.cells(layer.n_r), two.cells(layer.n_r)) for one, two in split.values()]
                    for layer, split in zip(binning.layers, halves, strict=True)
                ]
                if any(pairs):
                    steps.append(Splits(pairs, cells, radial))
                parts = [
                    [after for part in layer for after in split.get(part, (part,))]
                    for layer, split in zip(parts, halves, strict=True)
                ]
        super().__init__(steps)

    @property
    def steps(self) -> list[Splits]:
        """In the order in which a layer is drawn."""
        return [step for step in self if isinstance(step, Splits)]


def at_cells(values: Shaped[Tensor, "N l K"], cells: Tensor) -> Tensor:
    """values[n, l, cells[l, i]] as (N, l, I).

    Args:
        values: (N, l, K).
        cells: (l, I) numbers below K.
    """
    return values.gather(2, cells.expand(values.shape[0], *cells.shape))
