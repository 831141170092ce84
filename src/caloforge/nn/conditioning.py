r"""How a network hears of its condition c, at every hidden layer: FiLM or concatenation; outside the range; particles.

FiLM (arXiv:1709.07871) scales and shifts each hidden unit by functions of the condition,
:math:`h \to (1 + \gamma(c)) \odot h + \delta(c)`; with zero weights it is the identity. Concatenation,
:math:`W [h, c] + b`, is a shift that is linear in c.

Outside the training range :math:`[l, h]` of the standardised log energy :math:`c_0` a network is free, or it goes on
along its own chord over the nearest third of the range, :math:`w = (h - l)/3`,

.. math:: f(c) = f(h) + (c_0 - h)\, \frac{f(h) - f(h - w)}{w} \quad (c_0 > h)

and likewise below l: linear in log E, with slopes that the training range fixes; there f is what it was, with the same
parameters. Much of what a shower does goes with the logarithm of the energy: depth with :math:`\ln E`,
:math:`\ln\sigma` with :math:`-\frac12 \ln E`.
"""

__all__ = [
    "CONDITIONING",
    "ConcatLinear",
    "Conditioning",
    "FiLM",
    "FiLMLinear",
    "ParticleEmbedding",
    "LinearExtrapolation",
    "small_network",
]

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.preprocessing.parts import ConditionColumns

Conditioning = Literal["film", "concat"]
_CHORD = 1 / 3  # of the range


@dataclass(frozen=True)
class LinearExtrapolation:
    """Linear continuation outside the training range of the energy.

    Args:
        low: end of the range, in the standardised log energy.
        high: its upper end.
        column: of the condition, where the log energy stands (`ConditionColumns.log_energy`).
    """

    low: float
    high: float
    column: int = 0

    def shifted(self, features: int) -> "LinearExtrapolation":
        """The same for a condition that stands behind that many features.

        Args:
            features: columns in front of the condition.
        """
        return replace(self, column=self.column + features)

    def _with(self, c: Float[Tensor, "N C"], x: Float[Tensor, "N 1"]) -> Float[Tensor, "N C"]:
        return torch.cat([c[:, : self.column], x, c[:, self.column + 1 :]], 1)

    def clamped(self, c: Float[Tensor, "N C"]) -> Float[Tensor, "N C"]:
        """The condition held inside the range.

        Args:
            c: (N, C) conditions.
        """
        return self._with(c, c[:, self.column, None].clamp(self.low, self.high))

    def excess(self, c: Float[Tensor, "N C"]) -> Float[Tensor, "N 2"]:
        """How far the log energy lies below the range (negative) and above it.

        Args:
            c: (N, C) conditions.
        """
        x = c[:, self.column, None]
        return torch.cat([(x - self.low).clamp(max=0.0), (x - self.high).clamp(min=0.0)], 1)

    def with_hinges(self, c: Float[Tensor, "N C"]) -> Float[Tensor, "N C+2"]:
        """The condition, and how far its log energy lies below the first third of the range and above the last.

        Args:
            c: (N, C) conditions.
        """
        width = _CHORD * (self.high - self.low)
        return torch.cat([c, replace(self, low=self.low + width, high=self.high - width).excess(c)], 1)

    def continued(self, f: Callable[[Tensor], Tensor], c: Float[Tensor, "N C"]) -> Float[Tensor, "N D"]:
        r"""f(c) inside, and along a chord of f outside.

        .. math:: f(c) = f(h) + (c_0 - h)\, \frac{f(h) - f(h - w)}{w} \quad (c_0 > h)

        Args:
            f: conditions (n, C) -> (n, D), row by row.
            c: (N, C) conditions.
        """
        rows, width = c[:1] if c.shape[1] == 1 else c, _CHORD * (self.high - self.low)

        def slope(x: float) -> Tensor:
            """Of the chord that starts at x; the same for all rows where c has no other column."""
            start, end = (f(self._with(rows, torch.full_like(rows[:, :1], at))) for at in (x, x + width))
            return (end - start) / max(width, 1e-6)

        excess = self.excess(c)
        return f(self.clamped(c)) + excess[:, :1] * slope(self.low) + excess[:, 1:] * slope(self.high - width)


def small_network(n_in: int, width: int, n_out: int) -> nn.Sequential:
    """One hidden layer; it starts at zero everywhere.

    Args:
        n_in: numbers that go in.
        width: hidden units.
        n_out: numbers that come out.
    """
    first, last = nn.Linear(n_in, width), nn.Linear(width, n_out)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(first, nn.SiLU(), last)


class FiLM(nn.Module):
    """Feature-wise linear modulation of (N, width) by a condition (N, n_conditions); starts as the identity.

    Args:
        n_conditions: C, numbers of c.
        width: W, units to modulate.
        hidden: units of the network of the modulation.
        tails: where the modulation goes on linearly in log energy; None: nowhere.
    """

    def __init__(
        self, n_conditions: int, width: int, hidden: int = 32, tails: LinearExtrapolation | None = None
    ) -> None:
        super().__init__()
        self.modulation, self.tails = small_network(n_conditions, hidden, 2 * width), tails

    def forward(self, h: Float[Tensor, "N W"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N W"]:
        r""":math:`(1 + \gamma(c)) \odot h + \delta(c)`.

        Args:
            h: (N, W) hidden units.
            c: (N, C) conditions.
        """
        modulation = self.modulation(c) if self.tails is None else self.tails.continued(self.modulation, c)
        scale, shift = modulation.chunk(2, dim=-1)
        return h * (1 + scale) + shift


class FiLMLinear(nn.Module):
    """FiLM(W h + b, c)."""

    def __init__(self, n_in: int, n_out: int, n_conditions: int, tails: LinearExtrapolation | None = None) -> None:
        super().__init__()
        self.linear, self.film = nn.Linear(n_in, n_out), FiLM(n_conditions, n_out, tails=tails)

    def forward(self, h: Float[Tensor, "N I"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N O"]:
        """FiLM(W h + b, c), (N, O).

        Args:
            h: (N, I) hidden units.
            c: (N, C) conditions.
        """
        return self.film(self.linear(h), c)


class ConcatLinear(nn.Module):
    """W [h, c] + b, linear in c on the whole line: its tails are linear already."""

    def __init__(self, n_in: int, n_out: int, n_conditions: int, tails: LinearExtrapolation | None = None) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in + n_conditions, n_out)

    def forward(self, h: Float[Tensor, "N I"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N O"]:
        """W [h, c] + b, (N, O).

        Args:
            h: (N, I) hidden units.
            c: (N, C) conditions.
        """
        return self.linear(torch.cat([h, c], 1))


CONDITIONING: dict[Conditioning, type[FiLMLinear] | type[ConcatLinear]] = {"film": FiLMLinear, "concat": ConcatLinear}


class ParticleEmbedding(nn.Module):
    """Conditions with the place of the particle replaced by a learned vector; untouched where c does not tell it.

    Args:
        n_particles: how many there are.
        columns: the parts of the conditions.
        width: numbers of each vector.

    Attributes:
        n_out: columns of what ``forward`` returns.
    """

    def __init__(self, n_particles: int, columns: ConditionColumns, width: int = 4) -> None:
        super().__init__()
        self.columns = columns
        self.vectors = nn.Embedding(n_particles, width) if columns.particle else None
        self.n_out = columns.width + (width - 1 if columns.particle else 0)

    def forward(self, c: Float[Tensor, "N C"]) -> Float[Tensor, "N O"]:
        """The conditions (N, O) with the vector of the particle in its place.

        Args:
            c: (N, C) conditions, the particle as its place in the list of those trained on.
        """
        parts = self.columns.split(c)
        if self.vectors is None or parts.particle is None:
            return c
        return parts._replace(particle=self.vectors(parts.particle[:, 0].long())).tensor
