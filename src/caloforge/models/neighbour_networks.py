r"""Convolutions around the axis that make the numbers of a layer's cells out of the layers before it, in four steps.

A trunk on what lies before; then heads, each of which knows more of the layer: nothing, the early hits, all hits, and
the energies of the early cells (`caloforge.models.block_shares`); the first two also say how many cells are hit. Rings
are channels, convolutions go round in alpha, and each hidden layer is scaled and shifted by the style of the layer and
the shower (FiLM, arXiv:1709.07871).
"""

__all__ = ["STYLE", "LayerNetworks", "Trunk", "silent"]

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.models.counted_hits import NUMBERS
from caloforge.models.layers_before import log_size
from caloforge.nn.mesh_canvas import CircularConv

STYLE = 64  # S, numbers that tell the convolutions of a layer what it is and of which shower
_HARMONICS = (1, 2)  # of alpha
_HOW = 5  # numbers of the weight of a cell
_PAIRS = 7  # scales and shifts: of three hidden layers and of what each head hears
_Map = TypeVar("_Map", bound=nn.Module)


def silent(layer: _Map) -> _Map:
    """The same, zero before training.

    Args:
        layer: a linear map.
    """
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _modulated(x: Tensor, film: tuple[Tensor, Tensor]) -> Tensor:
    """SiLU((1 + scale) x + shift)."""
    return nn.functional.silu(torch.addcmul(film[1], x, 1 + film[0]))


class Trunk(NamedTuple):
    """For each head, what the trunk says to it and its film; and the numbers of the cells that follow at once."""

    mixed: Sequence[Tensor]
    films: Sequence[tuple[Tensor, Tensor]]
    direct: Sequence[Tensor]


class _Head(nn.Module):
    """Numbers of the cells from what the trunk says and from what is known of the layer; zero before training."""

    def __init__(self, channels: int, n_known: int, n_out: int) -> None:
        super().__init__()
        self.look = CircularConv(n_known, channels, 3)
        self.out = silent(nn.Conv1d(channels, n_out, 1))

    def hidden(
        self, h: Float[Tensor, "N H A"], known: Float[Tensor, "N K A"], film: tuple[Tensor, Tensor]
    ) -> Float[Tensor, "N H A"]:
        return _modulated(h + self.look(known), film)

    def forward(
        self, h: Float[Tensor, "N H A"], known: Float[Tensor, "N K A"], film: tuple[Tensor, Tensor]
    ) -> Float[Tensor, "N O A"]:
        out: Tensor = self.out(self.hidden(h, known, film))
        return out


class LayerNetworks(nn.Module):
    """The trunk and the heads of one layer, with the same weights for all layers.

    Args:
        n_seen: F, maps of the layers before.
        channels: H, of the convolutions.
        sectors: A.
        rings: R.
        inclined: whether alpha matters; the networks then see it.
    """

    alpha: Tensor

    def __init__(self, n_seen: int, channels: int, sectors: int, rings: int, inclined: bool) -> None:
        super().__init__()
        self.rings = rings
        waves = 2 * len(_HARMONICS) if inclined else 0
        self.film = nn.Linear(STYLE, 2 * _PAIRS * channels)
        self.first = CircularConv(n_seen + waves, channels, 3)
        self.second, self.third = CircularConv(channels, channels, 3), CircularConv(channels, channels, 3)
        self.mix, self.direct = (
            nn.Conv1d(channels, (_PAIRS - 3) * channels, 1),
            silent(nn.Conv1d(channels, (2 + 2 * _HOW) * rings, 1)),
        )
        self.late_hits, self.how = _Head(channels, rings, rings), _Head(channels, 2 * rings, _HOW * rings)
        self.late_how = _Head(channels, 3 * rings, _HOW * rings)
        self.number, self.late_number = silent(nn.Linear(channels, NUMBERS)), silent(nn.Linear(channels + 2, NUMBERS))
        alpha = 2 * math.pi * (torch.arange(sectors) + 0.5) / sectors
        waves_of_alpha = [wave(k * alpha) for k in _HARMONICS for wave in (torch.cos, torch.sin)]
        alpha_maps = torch.stack(waves_of_alpha) if inclined else torch.zeros(0, sectors)
        self.register_buffer("alpha", alpha_maps, persistent=False)

    def trunk(self, seen: Float[Tensor, "N F A"], style: Float[Tensor, "N S"]) -> Trunk:
        """All that the layers before have to say.

        Args:
            seen: (N, F, A) maps of the layers before.
            style: (N, S) of the layer and the shower.
        """
        if len(self.alpha):
            seen = torch.cat([seen, self.alpha.expand(seen.shape[0], -1, -1)], 1)
        numbers = self.film(style)[:, :, None].chunk(2 * _PAIRS, 1)
        films = list(zip(numbers[::2], numbers[1::2], strict=True))
        h = _modulated(self.first(seen), films[0])
        h = h + _modulated(self.second(h), films[1])
        h = h + _modulated(self.third(h), films[2])
        logit, how = self.rings, _HOW * self.rings
        direct = torch.split(self.direct(h), [logit, logit, how, how], 1)
        return Trunk(self.mix(h).chunk(_PAIRS - 3, 1), films[3:], direct)

    def early_number(self, trunk: Trunk) -> Float[Tensor, "N 5"]:
        """Numbers of how many early cells are hit (`caloforge.models.counted_hits`).

        Args:
            trunk: of the layer.
        """
        out: Tensor = self.number(_modulated(trunk.mixed[3], trunk.films[3]).mean(-1))
        return out

    def after_early_hits(
        self, trunk: Trunk, early: Float[Tensor, "N R A"], n: Float[Tensor, " N"]
    ) -> tuple[Float[Tensor, "N R A"], Float[Tensor, "N 5"]]:
        """Logits of late cells, the early hits known, and numbers of how many of them are hit.

        Args:
            trunk: of the layer.
            early: (N, R, A) 1 where an early cell is hit.
            n: (N,) how many are.
        """
        hidden = self.late_hits.hidden(trunk.mixed[0], early, trunk.films[0])
        number = self.late_number(torch.cat([hidden.mean(-1), torch.stack([n / 8, (1 + n).log()], 1)], 1))
        return trunk.direct[1] + self.late_hits.out(hidden), number

    def after_hits(self, trunk: Trunk, hits: list[Tensor]) -> Float[Tensor, "N K A"]:
        """Numbers of the weights, all hits and the early ones known.

        Args:
            trunk: of the layer.
            hits: (N, R, A) 1 where a cell is hit, and where an early one is.
        """
        return trunk.direct[2] + self.how(trunk.mixed[1], torch.cat(hits, 1), trunk.films[1])

    def after_early(self, trunk: Trunk, hits: list[Tensor], early: Float[Tensor, "N R A"]) -> Float[Tensor, "N K A"]:
        """Numbers of the weights of late cells, the energies of the early ones known besides.

        Args:
            trunk: of the layer.
            hits: (N, R, A) 1 where a cell is hit, and where an early one is.
            early: (N, R, A) energies of the early cells.
        """
        known = torch.cat([*hits, log_size(early)], 1)
        return trunk.direct[3] + self.late_how(trunk.mixed[2], known, trunk.films[2])
