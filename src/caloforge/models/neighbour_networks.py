r"""Convolutions around the axis that make the numbers of a layer's cells out of the layers before it, step by step.

A trunk on what lies before; then heads, each of which knows more of the layer: nothing, the hits of one block of cells
after the other (`caloforge.models.block_shares`), then, if it comes first, which cell is the hottest, and then the
energies of one block after the other; those for hits also say how many cells are hit. Rings are channels, convolutions
go round in alpha, and each hidden layer is scaled and shifted by the style of the layer and the shower (FiLM,
arXiv:1709.07871). Sectors come first in all maps (A, C, N), showers last, see `caloforge.nn.sector_conv`.
"""

__all__ = ["STYLE", "LayerNetworks", "Matrices"]

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.models.counted_hits import NUMBERS
from caloforge.models.hottest_cell import OF_HOTTEST
from caloforge.models.layer_heads import HeadMatrices, LayerHeads, bias_of, silent
from caloforge.models.layer_in_turn import LayerInTurn
from caloforge.nn.mesh_canvas import CircularConv
from caloforge.nn.sector_conv import around, product, sector_matrices

STYLE = 64  # S, numbers that tell the convolutions of a layer what it is and of which shower
_HARMONICS = (1, 2)  # of alpha
_HOW, _FAINT = 5, 3  # numbers of the weight of a cell, and those of a faint component
_TRUNK = 3  # hidden layers
_NAMES_BEFORE = {
    "late_hits.": "heads.0.",
    "how.": "heads.1.",
    "late_how.": "heads.2.",
    "number.": "numbers.0.",
    "late_number.": "numbers.1.",
}


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
        mix: what the trunk says to each head, H of each and last of hits of the first block, and of the cells, O.
        heads: of the heads.
        numbers: bias (5, 1) and matrix of the number of hits of each block, which hears H hidden units, the hits of the
            blocks before and, of hadrons, those that are expected.
    """

    film: tuple[Tensor, Tensor]
    convolutions: list[Tensor]
    waves: Tensor | None
    mix: Tensor
    heads: HeadMatrices
    numbers: list[tuple[Tensor, Tensor]]


class LayerNetworks(nn.Module):
    """The trunk and the heads of one layer, with the same weights for all layers.

    Args:
        n_seen: F, maps of the layers before.
        channels: H, of the convolutions.
        sectors: A.
        rings: R.
        inclined: whether alpha matters; the networks then see it.
        hadronic: whether the hottest cell of a layer comes first, weights have a faint component, and numbers of hits
            hear what is expected.
        blocks: K of a layer; of four, heads also see the mean of all sectors and their dipole.

    Attributes:
        of_weight: W, numbers of a cell's weight.
        of_hottest: numbers of a cell that may be the hottest; 0 where it does not come first.
        of_cell: of a cell: its hit logit, and those of its weight K times.
    """

    alpha: Tensor

    def __init__(
        self, n_seen: int, channels: int, sectors: int, rings: int, inclined: bool, hadronic: bool, blocks: int
    ) -> None:
        super().__init__()
        self.n_seen, self.rings, self.channels, self.blocks = n_seen, rings, channels, blocks
        self.of_weight, self.of_hottest = _HOW + _FAINT * hadronic, OF_HOTTEST * hadronic
        self.of_cell = 1 + blocks * self.of_weight
        self.n_heads, harmonics = 2 * blocks + hadronic, 2 * len(_HARMONICS) if inclined else 0
        self.film = nn.Linear(STYLE, 2 * (_TRUNK + self.n_heads) * channels)
        self.first = CircularConv(n_seen + harmonics, channels, 3)
        self.second, self.third = CircularConv(channels, channels, 3), CircularConv(channels, channels, 3)
        self.mix = nn.Conv1d(channels, self.n_heads * channels, 1)
        self.direct = silent(nn.Conv1d(channels, (self.of_cell - 1 + blocks) * rings, 1))
        self.heads = LayerHeads(channels, sectors, rings, self.of_weight, blocks, self.of_hottest)
        self.numbers = nn.ModuleList(
            silent(nn.Linear(channels + hadronic + 2 * (k > 0), NUMBERS)) for k in range(blocks)
        )
        alpha = 2 * math.pi * (torch.arange(sectors) + 0.5) / sectors
        waves_of_alpha = [wave(k * alpha) for k in _HARMONICS for wave in (torch.cos, torch.sin)]
        alpha_maps = torch.stack(waves_of_alpha) if inclined else torch.zeros(0, sectors)
        self.register_buffer("alpha", alpha_maps, persistent=False)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *options: Any) -> None:
        """Weights from before layers could have four blocks, by the names of today."""
        for before, now in _NAMES_BEFORE.items():
            for key in [key for key in state_dict if key.startswith(prefix + before)]:
                state_dict[prefix + now + key.removeprefix(prefix + before)] = state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, *options)

    def matrices(self) -> Matrices:
        """What the other functions take, from the weights as they are now."""
        trunk = [self.first, self.second, self.third]
        hear = [[self.n_seen, len(self.alpha)], [self.channels], [self.channels]]
        convolutions, biases = zip(*map(sector_matrices, trunk, hear), strict=True)
        heads, of_looks = self.heads.matrices()
        heard = torch.cat([of_looks, torch.zeros_like(biases[0])]) + bias_of(self.mix)
        (seen, of_alpha), *hidden = convolutions
        return Matrices(
            self._film(torch.cat([*biases, heard])),
            [seen, *(matrix for (matrix,) in hidden)],
            around(self.alpha.T[:, :, None], of_alpha) if len(self.alpha) else None,
            torch.cat([self.mix.weight, self.direct.weight])[:, :, 0],
            heads,
            [(linear.bias[:, None], linear.weight) for linear in self.numbers if isinstance(linear, nn.Linear)],
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
        of_heads = self.heads.bias[: len(bias_of(self.direct)) - self.rings]
        return bias_of(self.direct) + nn.functional.pad(of_heads, (self.rings, 0))

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
        *mixed, straight = torch.split(product(matrices.mix, h), [*[self.channels] * self.n_heads, len(start)], 1)
        return _Trunk(mixed, straight + start, films[2 * _TRUNK :])

    def forward(
        self,
        matrices: Matrices,
        seen: Float[Tensor, "A F N"],
        style: Float[Tensor, "S N"],
        start: tuple[Float[Tensor, "O N"], Float[Tensor, "Q N"]],
        layer: LayerInTurn,
    ) -> None:
        """Step by step, what the networks say of ``layer`` goes to it, and what it then holds comes back.

        Args:
            matrices: of the networks.
            seen: (A, F, N) maps of the layers before.
            style: (S, N) of the layer and the shower.
            start: numbers of the rings and of how many cells are hit before anything is seen, (O, N) with ``bias`` and
                O = K (1 + W) R, and (5 K, N).
            layer: whose cells are drawn, or known.
        """
        trunk, blocks = self._trunk(matrices, seen, style, start[0]), range(self.blocks)
        sizes = [self.rings * n for n in [1] * self.blocks + [self.of_weight] * self.blocks]
        straight, numbers = torch.split(trunk.straight, sizes, 1), torch.split(start[1], NUMBERS)

        hits, counts = list[Tensor](), list[Tensor]()
        hidden, logit = _hidden(trunk, self.n_heads - 1, trunk.mixed[-1]), straight[0]
        for k in blocks:
            if k > 0:
                hidden = self._sees(trunk, matrices, k - 1, hits[-1])
                logit = product(matrices.heads.outs[k - 1], hidden, straight[k])
            heard = [torch.stack([n / 8, (1 + n).log()]) for n in counts[-1:]]
            if self.of_hottest:
                heard.append(layer.expected(k, logit)[None])
            bias, matrix = matrices.numbers[k]
            number = torch.addmm(numbers[k] + bias, matrix, torch.cat([hidden.mean(0), *heard]))
            so_far, n = layer.hits(k, logit, number)
            hits.append(so_far)
            counts.append(n)

        if self.of_hottest:
            head = 2 * self.blocks - 1
            hidden = self._sees(trunk, matrices, head, hits[-1])
            layer.hottest(
                product(matrices.heads.outs[head], hidden) + self.heads.bias[-self.of_hottest * self.rings :, None]
            )
        for k in blocks:
            if self.of_hottest:
                known, rest = layer.known(k)
            else:
                known, rest = [hits[max(k, 1) - 1], *([layer.sizes(k)] if k else [])], None
            head = self.blocks - 1 + k
            hidden = self._sees(trunk, matrices, head, torch.cat([hits[-1], *known], 1), rest)
            layer.weights(k, product(matrices.heads.outs[head], hidden, straight[self.blocks + k]))

    def _sees(
        self, trunk: _Trunk, matrices: Matrices, head: int, known: Float[Tensor, "A C N"], rest: Tensor | None = None
    ) -> Tensor:
        """Hidden units of a head that sees something of the layer."""
        return _hidden(trunk, head, self.heads.look(matrices.heads, head, known, trunk.mixed[head], rest))


def _hidden(trunk: _Trunk, head: int, x: Float[Tensor, "A H N"]) -> Float[Tensor, "A H N"]:
    """Hidden units of a head."""
    scale, shift = trunk.films[2 * head : 2 * head + 2]
    return nn.functional.silu(torch.addcmul(shift, x, scale))
