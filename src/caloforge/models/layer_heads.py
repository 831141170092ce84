"""What is known of the layer that is drawn, and the numbers of its cells: the ends of the networks of a layer."""

__all__ = ["HeadMatrices", "LayerHeads", "bias_of", "silent"]

from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.nn.mesh_canvas import CircularConv
from caloforge.nn.sector_conv import all_round, product, sector_matrices, waves

_Map = TypeVar("_Map", bound=nn.Module)
_OF_REST = 3  # numbers of the cells whose energy is not known, see `caloforge.models.layer_in_turn`


def silent(layer: _Map) -> _Map:
    """The same, zero before training.

    Args:
        layer: a linear map.
    """
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def bias_of(conv: nn.Conv1d) -> Tensor:
    """Its bias, which it has.

    Args:
        conv: a convolution.
    """
    assert conv.bias is not None
    return conv.bias


class _Head(nn.Module):
    def __init__(self, channels: int, n_known: int, n_out: int, sees_all_sectors: bool, hears_rest: bool) -> None:
        super().__init__()
        self.look = CircularConv(n_known, channels, 3)
        if sees_all_sectors:
            self.all_round = silent(nn.Linear(2 * n_known, channels, bias=False))
        if hears_rest:
            self.rest = silent(nn.Linear(_OF_REST, channels, bias=False))
        self.out = silent(nn.Conv1d(channels, n_out, 1))


class HeadMatrices(NamedTuple):
    """The weights, laid out for products from the left: made once for all layers.

    Attributes:
        looks: what the maps of the layer say to each head, (H, 3 m R).
        all_round: likewise their mean and dipole, (H, 2 m R); none of two blocks.
        rest: what the cells that are not known say to each head of weights, (H, 3); none without the hottest cell.
        outs: of each head, (O, H).
    """

    looks: list[Tensor]
    all_round: list[Tensor]
    rest: list[Tensor]
    outs: list[Tensor]


class LayerHeads(nn.ModuleList):
    """Of each block but the first one for its hits, which sees those before; then of each block one for its weights.

    The latter see all hits, those of the blocks whose energies are known, and these energies. Where the hottest cell
    comes first, a last one says which that is; it sees all hits. They say nothing before training.

    Args:
        channels: H, of the convolutions.
        sectors: A.
        rings: R.
        of_weight: W, numbers of a cell's weight.
        blocks: K of a layer; of four, heads also see the mean of all sectors and their dipole.
        of_hottest: numbers of a cell that say whether it is the hottest, and its share; 0: none comes first.
    """

    waves: Tensor

    def __init__(self, channels: int, sectors: int, rings: int, of_weight: int, blocks: int, of_hottest: int) -> None:
        first = of_hottest > 0
        maps = [1] * (blocks - 1) + [2 + (first or k > 0) for k in range(blocks)] + [1] * first
        numbers = [1] * (blocks - 1) + [of_weight] * blocks + [of_hottest] * first
        hears_rest = [False] * (blocks - 1) + [first] * blocks + [False] * first
        super().__init__(
            _Head(channels, m * rings, n * rings, blocks > 2, hears)
            for m, n, hears in zip(maps, numbers, hears_rest, strict=True)
        )
        self.rings, self.maps, self.first_of_weights = rings, maps, blocks - 1
        self.register_buffer("waves", waves(sectors), persistent=False)

    @property
    def _heads(self) -> list[_Head]:
        return [head for head in self if isinstance(head, _Head)]

    def matrices(self) -> tuple[HeadMatrices, Float[Tensor, " B"]]:
        """Weights, and the biases, H of each, of what the heads see."""
        see = [[self.rings] * maps for maps in self.maps]
        looks, biases = zip(*map(sector_matrices, (head.look for head in self._heads), see), strict=True)
        matrices = HeadMatrices(
            [torch.cat(of_maps, 1) for of_maps in looks],
            [head.all_round.weight for head in self._heads if hasattr(head, "all_round")],
            [head.rest.weight for head in self._heads if hasattr(head, "rest")],
            [head.out.weight[:, :, 0] for head in self._heads],
        )
        return matrices, torch.cat(biases)

    @property
    def bias(self) -> Float[Tensor, " O"]:
        """Of what the heads say."""
        return torch.cat([bias_of(head.out) for head in self._heads])

    def look(
        self,
        matrices: HeadMatrices,
        head: int,
        known: Float[Tensor, "A C N"],
        start: Float[Tensor, "A H N"],
        rest: Float[Tensor, "3 N"] | None = None,
    ) -> Float[Tensor, "A H N"]:
        """What the hidden units of a head hear, added to ``start``.

        Args:
            matrices: of the heads.
            head: which.
            known: `caloforge.nn.sector_conv.windows` of the maps that it sees.
            start: what they hear of the layers before.
            rest: of the cells whose energy is not known; None: nothing is said of them.
        """
        if rest is not None:
            start = start + matrices.rest[head - self.first_of_weights] @ rest
        heard = product(matrices.looks[head], known, start)
        if not matrices.all_round:
            return heard
        maps = known.view(known.shape[0], self.maps[head], 3, self.rings, -1)[:, :, 1].flatten(1, 2)
        return all_round(maps, matrices.all_round[head], self.waves, heard)
