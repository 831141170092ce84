"""Named parts of a two-stage model's noise and of what its second stage hears; only here are their columns known."""

__all__ = ["LayerContext", "Noise", "NoiseWidths"]

from dataclasses import astuple, dataclass, fields
from itertools import accumulate
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Noise(NamedTuple):
    """Standard normal noise of N showers.

    Args:
        energies: (N, L) of the layer energies.
        latent: (N, Z) latents that shape the whole shower.
        cells: (N, M) of the single cells.
    """

    energies: Tensor
    latent: Tensor
    cells: Tensor

    @property
    def tensor(self) -> Float[Tensor, "N M"]:
        """All noise, side by side, as ``Generator.sample`` takes it."""
        return torch.cat(self, 1)


@dataclass(frozen=True)
class NoiseWidths:
    """How many numbers each part of the noise has; parts in the order of `Noise`.

    Args:
        energies: L, of the layer energies.
        latent: Z, latents of the whole shower.
        cells: M, of the single cells.
    """

    energies: int
    latent: int
    cells: int

    @property
    def total(self) -> int:
        """Numbers of one shower."""
        return sum(astuple(self))

    @property
    def columns(self) -> dict[str, tuple[int, int]]:
        """First column and the one behind the last, of each part that has any."""
        ends = list(accumulate(astuple(self)))
        places = zip([0, *ends[:-1]], ends, strict=True)
        return {part.name: place for part, place in zip(fields(self), places, strict=True) if place[0] < place[1]}

    @property
    def names(self) -> tuple[str, ...]:
        """Those of the first columns, which shape the whole shower: E0, E1, ... of the layers, then z0, z1, ..."""
        return (*(f"E{i}" for i in range(self.energies)), *(f"z{i}" for i in range(self.latent)))

    def split(self, noise: Float[Tensor, "N M"]) -> Noise:
        """The parts of the noise, as views.

        Args:
            noise: (N, L + Z + M) of N showers.
        """
        return Noise(*torch.split(noise, list(astuple(self)), 1))


class LayerContext(NamedTuple):
    """What the stage of the cells hears of the layer energies.

    Args:
        features: (N, L) energy features, as the first stage draws them.
        log_energies: (N, L) standardised logarithms of the layer energies.
    """

    features: Tensor
    log_energies: Tensor

    @property
    def tensor(self) -> Float[Tensor, "N U"]:
        """Both, side by side."""
        return torch.cat(self, 1)
