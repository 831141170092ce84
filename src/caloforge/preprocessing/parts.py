"""Named parts of what models see: features x of a shower, conditions c; the one place that knows their columns."""

__all__ = ["ConditionColumns", "Conditions", "Features"]

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Features(NamedTuple):
    """Features x of N showers.

    Args:
        energies: (N, L) features of the layer energies.
        cells: (N, V) shares of the cells in their layers; exact zeros are cells without energy.
    """

    energies: Tensor
    cells: Tensor

    @classmethod
    def split(cls, x: Float[Tensor, "N F"], n_layers: int) -> "Features":
        """The parts of x, as views.

        Args:
            x: (N, L + V) features.
            n_layers: L.
        """
        return cls(x[:, :n_layers], x[:, n_layers:])

    @property
    def tensor(self) -> Float[Tensor, "N F"]:
        """x, side by side."""
        return torch.cat(self, 1)


class Conditions(NamedTuple):
    r"""Conditions c of N incident particles; a part that is the same for all is None.

    Args:
        log_energy: (N, 1) standardised :math:`\log E`.
        particle: (N, 1) place of the particle in the list of those trained on, or (N, E) its embedding.
        cos_theta: (N, 1) standardised :math:`\cos\theta`.
        direction: (N, 2) :math:`(\sin\theta\cos\phi, \sin\theta\sin\phi)` over the largest :math:`\sin\theta`.
    """

    log_energy: Tensor
    particle: Tensor | None = None
    cos_theta: Tensor | None = None
    direction: Tensor | None = None

    @property
    def tensor(self) -> Float[Tensor, "N C"]:
        """c, side by side."""
        return torch.cat([part for part in self if part is not None], 1)

    def mirrored(self) -> "Conditions":
        r"""In the mirror image :math:`y \to -y`."""
        if self.direction is None:
            return self
        return self._replace(direction=self.direction * self.direction.new_tensor([1.0, -1.0]))


@dataclass(frozen=True)
class ConditionColumns:
    """Which parts the conditions of a model have beside the energy.

    Args:
        particle: there are several, and c tells which.
        cos_theta: the polar angle varies.
        direction: the azimuth varies.
    """

    particle: bool = False
    cos_theta: bool = False
    direction: bool = False

    @property
    def log_energy(self) -> int:
        """Column of the standardised log energy, in c and in c with an embedded particle."""
        return 0

    @property
    def width(self) -> int:
        """C, the number of columns."""
        return 1 + self.particle + self.cos_theta + 2 * self.direction

    def split(self, c: Float[Tensor, "N C"]) -> Conditions:
        """The parts of c, as views.

        Args:
            c: (N, C) conditions, or with the particle as a number.
        """
        widths = {"log_energy": 1, "particle": self.particle, "cos_theta": self.cos_theta}
        widths["direction"] = 2 * self.direction
        parts, start = {}, 0
        for name, width in widths.items():
            if width:
                parts[name] = c[:, start : start + width]
            start += width
        return Conditions(**parts)
