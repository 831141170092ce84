r"""Convolutions around the axis that make the numbers of a layer's cells out of the layers before it, in four steps.

A trunk on what lies before; then heads, each of which knows more of the layer: nothing, the early hits, all hits, and
the energies of the early cells (`caloforge.models.block_shares`); the first two also say how many cells are hit. Rings
are channels, convolutions go round in alpha, and each hidden layer is scaled and shifted by the style of the layer and
the shower (FiLM, arXiv:1709.07871). Sectors come first in all maps (A, N, C), see
`caloforge.nn.sector_conv`.
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
from caloforge.models.layers_before import log_size
from caloforge.nn.mesh_canvas import CircularConv
from caloforge.nn.sector_conv import around, matrices_by_map, plain_matrix, sector_matrices, windows

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
    """Hidden units (A N, H), what they say to each head (A N, H), and scale and shift (N, H) of each head in turn."""

    hidden: Tensor
    mixed: Sequence[Tensor]
    films: Sequence[Tensor]


class _HeadMatrices(NamedTuple):
    """Of each map that is known (3 R, H), of the hidden units of trunk and head (H, O), and a bias (O,)."""

    looks: Sequence[Tensor]
    direct: Tensor
    out: Tensor
    bias: Tensor


class Matrices(NamedTuple):
    """The weights, laid out for products from the right: made once for all layers."""

    film: tuple[Tensor, Tensor]
    convolutions: list[Tensor]
    starts: list[Tensor]
    mix: tuple[Tensor, Tensor]
    early: tuple[Tensor, Tensor]
    heads: list[_HeadMatrices]


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
        self.rings, self.channels = rings, channels
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
        parts = [1, 1, self.of_weight, self.of_weight]  # of all cells by the trunk alone, then of each head
        direct, bias = (torch.split(x, [self.rings * k for k in parts]) for x in plain_matrix(self.direct))
        heads = [self.late_hits, self.how, self.late_how]
        looks = [sector_matrices(head.look) for head in heads]
        outs = [plain_matrix(head.out) for head in heads]
        one_more = torch.tensor([1.0, 0.0], device=self.alpha.device).to(self.alpha).repeat(_TRUNK + _HEADS)
        scale = self.film.bias + one_more.repeat_interleave(self.channels)
        first, *convolutions = (sector_matrices(conv) for conv in (self.first, self.second, self.third))
        n_seen = first[0].shape[1] - len(self.alpha)
        start = first[1]
        if len(self.alpha):
            waves = self.alpha.T[:, None]
            start = around(waves, first[0][:, n_seen:], start).view(len(waves), 1, -1)
        mix, mix_bias = plain_matrix(self.mix)
        heard = torch.cat([*(look_bias for _, look_bias in looks), torch.zeros_like(start.view(-1)[: self.channels])])
        return Matrices(
            (scale, self.film.weight.T),
            [first[0][:, :n_seen], *(kernel for kernel, _ in convolutions)],
            [start, *(shift for _, shift in convolutions)],
            (mix_bias + heard, mix.T),
            (bias[0], direct[0].T),
            [
                _HeadMatrices(matrices_by_map(kernel, self.rings).unbind(), w.T, out.T, b + shift)
                for (kernel, _), w, b, (out, shift) in zip(looks, direct[1:], bias[1:], outs, strict=True)
            ],
        )

    def films(self, matrices: Matrices, style: Float[Tensor, "*B S"]) -> Float[Tensor, "*B P"]:
        """Scales and shifts of all hidden layers, for any number of layers and showers.

        Args:
            matrices: of the networks.
            style: (..., S) of layers and showers.
        """
        bias, weight = matrices.film
        return torch.addmm(bias, style.reshape(-1, STYLE), weight).view(*style.shape[:-1], -1)

    def _trunk(self, matrices: Matrices, seen: Float[Tensor, "A N F"], film: Float[Tensor, "N P"]) -> _Trunk:
        """All that the layers before have to say."""
        sectors, n, _ = seen.shape
        films = torch.split(film, [self.channels] * 2 * (_TRUNK + _HEADS), -1)
        h = seen
        for i, (kernel, start) in enumerate(zip(matrices.convolutions, matrices.starts, strict=True)):
            if start.ndim > 1:
                start = start.expand(-1, n, -1).reshape(sectors * n, -1)
            x = around(h, kernel, start).view(sectors, n, -1)
            bent = _modulated(x, films[2 * i], films[2 * i + 1])
            h = bent if i == 0 else h + bent
        hidden = h.view(sectors * n, -1)
        mixed = torch.addmm(matrices.mix[0], hidden, matrices.mix[1])
        return _Trunk(hidden, torch.split(mixed, [self.channels] * _HEADS, 1), films[2 * _TRUNK :])

    def _hidden(
        self, trunk: _Trunk, head: int, known: Sequence[Tensor] = (), looks: Sequence[Tensor] = ()
    ) -> Float[Tensor, "A N H"]:
        """Hidden units of a head, which knows `windows` of maps of the layer."""
        x, (scale, shift) = trunk.mixed[head], trunk.films[2 * head : 2 * head + 2]
        for window, look in zip(known, looks, strict=True):
            x = torch.addmm(x, window, look)
        return _modulated(x.view(-1, *scale.shape), scale, shift)

    def forward(
        self,
        matrices: Matrices,
        seen: Float[Tensor, "A N F"],
        film: Float[Tensor, "N P"],
        start: tuple[Float[Tensor, "N O"], Float[Tensor, "N Q"]],
        layer: LayerInTurn,
    ) -> None:
        """The four steps: what the networks say of ``layer`` goes to it, and what it then holds comes back.

        Args:
            matrices: of the networks.
            seen: (A, N, F) maps of the layers before.
            film: (N, P) of the layer and the shower, see `films`.
            start: numbers of the rings and of how many cells are hit before anything is seen, (N, R (1 + 2 W)) and
                (N, 10).
            layer: whose cells are drawn, or known.
        """
        base_hit, base_how, base_late_how = torch.split(start[0], [self.rings, *[self.of_weight * self.rings] * 2], -1)
        base_number, base_late_number = torch.split(start[1], [NUMBERS, NUMBERS], -1)
        trunk, heads = self._trunk(matrices, seen, film), matrices.heads
        bias, direct = matrices.early
        logit = torch.addmm(bias, trunk.hidden, direct).view(-1, *base_hit.shape) + base_hit
        number = _linear(self.number, self._hidden(trunk, 3).mean(0)) + base_number
        early, n = layer.early_hits(logit, number)

        known = [windows(early)]
        hidden = self._hidden(trunk, 0, known, heads[0].looks)
        heard = torch.cat([hidden.mean(0), torch.stack([n / 8, (1 + n).log()], 1)], 1)
        number = _linear(self.late_number, heard) + base_late_number
        hits = layer.late_hits(_out(trunk, hidden, heads[0], base_hit), number)

        known = [windows(hits), *known]
        hidden = self._hidden(trunk, 1, known, heads[1].looks)
        energies = layer.early_energies(_out(trunk, hidden, heads[1], base_how))

        known = [*known, windows(log_size(energies))]
        hidden = self._hidden(trunk, 2, known, heads[2].looks)
        layer.late_energies(_out(trunk, hidden, heads[2], base_late_how))


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    out: Tensor = layer(x)
    return out


def _modulated(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """SiLU(scale x + shift)."""
    return nn.functional.silu(torch.addcmul(shift, x, scale))


def _out(trunk: _Trunk, hidden: Tensor, head: _HeadMatrices, base: Float[Tensor, "N O"]) -> Float[Tensor, "A N O"]:
    """Numbers of the cells from the hidden units of trunk and head."""
    straight = torch.addmm(head.bias, trunk.hidden, head.direct)
    return straight.addmm_(hidden.flatten(0, 1), head.out).view(-1, *base.shape) + base
