r"""Convolutions around the axis that make the numbers of a layer's cells out of the layers before it, in four steps.

A trunk on what lies before; then heads, each of which knows more of the layer: nothing, the early hits, all hits, and
the energies of the early cells (`caloforge.models.block_shares`); the first two also say how many cells are hit. Rings
are channels, convolutions go round in alpha, and each hidden layer is scaled and shifted by the style of the layer and
the shower (FiLM, arXiv:1709.07871). Sectors come first in all maps (A, C, N),
showers last, see `caloforge.nn.sector_conv`.
"""

__all__ = ["STYLE", "LayerNetworks", "Matrices", "silent"]

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.models.counted_hits import NUMBERS
from caloforge.models.layer_in_turn import LayerInTurn
from caloforge.nn.mesh_canvas import CircularConv
from caloforge.nn.sector_conv import around, product, sector_matrices

STYLE = 64  # S, numbers that tell the convolutions of a layer what it is and of which shower
_HARMONICS = (1, 2)  # of alpha
_HOW, _HOT = 5, 3  # numbers of the weight of a cell, and those of a hot component
_TRUNK, _HEADS = 3, 4  # hidden layers of the trunk, and heads that hear it; each is scaled and shifted
_Map = TypeVar("_Map", bound=nn.Module)


def silent(layer: _Map) -> _Map:
    """The same, zero before training.

    Args:
        layer: a linear map.
    """
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class _Trunk(NamedTuple):
    """What the layers before say to each head (A, H, N), of numbers of the cells (A, O, N), and films of heads."""

    mixed: Sequence[Tensor]
    straight: Tensor
    films: Sequence[Tensor]


class Matrices(NamedTuple):
    """The weights, laid out for products from the left: made once for all layers.

    Attributes:
        film: bias (P, 1) and matrix (P, S) of the scale and shift of each hidden layer, its own bias included.
        convolutions: of the trunk, (H, 3 C) each.
        waves: (A, H, 1) what the first of them makes of alpha; None where it does not matter.
        mix: (4 H + O, H) what the trunk says to each head, and of the cells.
        looks: what the maps of the layer that is drawn say to each of the heads that see some, (H, 3 k R).
        outs: of each head, (O, H).
        number: bias (5, 1) and matrix of the number of early hits, (5, H).
        late_number: likewise of the late ones, (5, H + 2).
    """

    film: tuple[Tensor, Tensor]
    convolutions: list[Tensor]
    waves: Tensor | None
    mix: Tensor
    looks: list[Tensor]
    outs: list[Tensor]
    number: tuple[Tensor, Tensor]
    late_number: tuple[Tensor, Tensor]


class _Head(nn.Module):
    """Numbers of the cells from what the trunk says and from what is known of the layer; zero before training."""

    def __init__(self, channels: int, n_known: int, n_out: int) -> None:
        super().__init__()
        self.look = CircularConv(n_known, channels, 3)
        self.out = silent(nn.Conv1d(channels, n_out, 1))


class LayerNetworks(nn.Module):
    """The trunk and the heads of one layer, with the same weights for all layers.

    Args:
        n_seen: F, maps of the layers before.
        channels: H, of the convolutions.
        sectors: A.
        rings: R.
        inclined: whether alpha matters; the networks then see it.
        hot: whether weights of cells have a hot component.

    Attributes:
        of_weight: W, numbers of a cell's weight.
        of_cell: of a cell: its hit logit, and those of its weight twice.
    """

    alpha: Tensor

    def __init__(self, n_seen: int, channels: int, sectors: int, rings: int, inclined: bool, hot: bool) -> None:
        super().__init__()
        self.n_seen, self.rings, self.channels = n_seen, rings, channels
        self.of_weight = _HOW + hot * _HOT
        self.of_cell = 1 + 2 * self.of_weight
        waves = 2 * len(_HARMONICS) if inclined else 0
        self.film = nn.Linear(STYLE, 2 * (_TRUNK + _HEADS) * channels)
        self.first = CircularConv(n_seen + waves, channels, 3)
        self.second, self.third = CircularConv(channels, channels, 3), CircularConv(channels, channels, 3)
        self.mix, self.direct = (
            nn.Conv1d(channels, _HEADS * channels, 1),
            silent(nn.Conv1d(channels, (self.of_cell + 1) * rings, 1)),
        )
        self.late_hits, self.how = _Head(channels, rings, rings), _Head(channels, 2 * rings, self.of_weight * rings)
        self.late_how = _Head(channels, 3 * rings, self.of_weight * rings)
        self.number, self.late_number = silent(nn.Linear(channels, NUMBERS)), silent(nn.Linear(channels + 2, NUMBERS))
        alpha = 2 * math.pi * (torch.arange(sectors) + 0.5) / sectors
        waves_of_alpha = [wave(k * alpha) for k in _HARMONICS for wave in (torch.cos, torch.sin)]
        alpha_maps = torch.stack(waves_of_alpha) if inclined else torch.zeros(0, sectors)
        self.register_buffer("alpha", alpha_maps, persistent=False)

    def matrices(self) -> Matrices:
        """What the other functions take, from the weights as they are now."""
        heads, trunk = [self.late_hits, self.how, self.late_how], [self.first, self.second, self.third]
        hear = [[self.n_seen, len(self.alpha)], [self.channels], [self.channels]]
        convolutions, biases = zip(*map(sector_matrices, trunk, hear), strict=True)
        see = [[self.rings] * known for known in (1, 2, 3)]
        looks, of_looks = zip(*map(sector_matrices, (head.look for head in heads), see), strict=True)
        heard = torch.cat([*of_looks, torch.zeros_like(biases[0])]) + _bias(self.mix)
        (seen, waves), *hidden = convolutions
        return Matrices(
            self._film(torch.cat([*biases, heard])),
            [seen, *(matrix for (matrix,) in hidden)],
            around(self.alpha.T[:, :, None], waves) if len(self.alpha) else None,
            torch.cat([self.mix.weight, self.direct.weight])[:, :, 0],
            [torch.cat(of_maps, 1) for of_maps in looks],
            [head.out.weight[:, :, 0] for head in heads],
            (self.number.bias[:, None], self.number.weight),
            (self.late_number.bias[:, None], self.late_number.weight),
        )

    def _film(self, biases: Float[Tensor, " B"]) -> tuple[Float[Tensor, "P 1"], Float[Tensor, "P S"]]:
        """Bias and matrix of all scales and shifts; shifts with the biases of what is scaled: a (x + b) + c."""
        film = torch.cat([self.film.bias[:, None], self.film.weight], 1).view(-1, 2, self.channels, 1 + STYLE)
        scale, shift = film.unbind(1)
        one = nn.functional.pad(torch.ones_like(scale[..., :1]), (0, STYLE))
        scale = scale + one
        film = torch.stack([scale, shift + biases.view(-1, self.channels, 1) * scale], 1).flatten(0, 2)
        return film[:, :1], film[:, 1:]

    @property
    def bias(self) -> Float[Tensor, " O"]:
        """Of the numbers of cells, in the order of the heads: added to what they start from."""
        of_heads = [_bias(head.out) for head in (self.late_hits, self.how, self.late_how)]
        return _bias(self.direct) + torch.cat([torch.zeros_like(of_heads[0]), *of_heads])

    def _trunk(
        self, matrices: Matrices, seen: Float[Tensor, "A F N"], style: Float[Tensor, "S N"], start: Float[Tensor, "O N"]
    ) -> _Trunk:
        """All that the layers before have to say."""
        bias, matrix = matrices.film
        films = torch.addmm(bias, matrix, style).view(-1, self.channels, style.shape[1]).unbind()
        h = seen
        for i, kernel in enumerate(matrices.convolutions):
            x = around(h, kernel)
            if i == 0 and matrices.waves is not None:
                x = x + matrices.waves
            bent = nn.functional.silu(torch.addcmul(films[2 * i + 1], x, films[2 * i]))
            h = bent if i == 0 else h + bent
        *mixed, straight = torch.split(product(matrices.mix, h), [*[self.channels] * _HEADS, len(start)], 1)
        return _Trunk(mixed, straight + start, films[2 * _TRUNK :])

    def forward(
        self,
        matrices: Matrices,
        seen: Float[Tensor, "A F N"],
        style: Float[Tensor, "S N"],
        start: tuple[Float[Tensor, "O N"], Float[Tensor, "Q N"]],
        layer: LayerInTurn,
    ) -> None:
        """The four steps: what the networks say of ``layer`` goes to it, and what it then holds comes back.

        Args:
            matrices: of the networks.
            seen: (A, F, N) maps of the layers before.
            style: (S, N) of the layer and the shower.
            start: numbers of the rings and of how many cells are hit before anything is seen, (O, N) with ``bias`` and
                O = (2 + 2 W) R, and (10, N).
            layer: whose cells are drawn, or known.
        """
        trunk, outs = self._trunk(matrices, seen, style, start[0]), matrices.outs
        sizes = [self.rings * n for n in (1, 1, self.of_weight, self.of_weight)]
        early_logit, *straight = torch.split(trunk.straight, sizes, 1)
        mixed, looks = trunk.mixed, matrices.looks

        hidden = _hidden(trunk, 3, mixed[3]).mean(0)
        bias, matrix = matrices.number
        number = torch.addmm(start[1][:NUMBERS] + bias, matrix, hidden)
        early, n = layer.early_hits(early_logit, number)

        hidden = _hidden(trunk, 0, product(looks[0], early, mixed[0]))
        heard = torch.cat([hidden.mean(0), torch.stack([n / 8, (1 + n).log()])])
        bias, matrix = matrices.late_number
        number = torch.addmm(start[1][NUMBERS:] + bias, matrix, heard)
        hits = layer.late_hits(product(outs[0], hidden, straight[0]), number)

        known = torch.cat([hits, early], 1)
        hidden = _hidden(trunk, 1, product(looks[1], known, mixed[1]))
        energies = layer.early_energies(product(outs[1], hidden, straight[1]))

        hidden = _hidden(trunk, 2, product(looks[2], torch.cat([known, energies], 1), mixed[2]))
        layer.late_energies(product(outs[2], hidden, straight[2]))


def _bias(conv: nn.Conv1d) -> Tensor:
    assert conv.bias is not None
    return conv.bias


def _hidden(trunk: _Trunk, head: int, x: Float[Tensor, "A H N"]) -> Float[Tensor, "A H N"]:
    """Hidden units of a head."""
    scale, shift = trunk.films[2 * head : 2 * head + 2]
    return nn.functional.silu(torch.addcmul(shift, x, scale))
