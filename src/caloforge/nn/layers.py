"""Layers that several models share: a perceptron that hears of its condition, and an affine map that follows it."""

__all__ = ["AffineOfCondition", "ConditionedMLP"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.nn.conditioning import CONDITIONING, Conditioning, Tails, small_network


class ConditionedMLP(nn.Module):
    """First layer on (x, c), then ``depth`` residual blocks h + SiLU(layer(LayerNorm(h), c)), then Linear."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        n_conditions: int,
        width: int,
        depth: int,
        conditioning: Conditioning = "film",
        tails: Tails | None = None,
    ) -> None:
        super().__init__()
        layer = CONDITIONING[conditioning]
        self.first = layer(n_in, width, n_conditions, tails)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.blocks = nn.ModuleList(layer(width, width, n_conditions, tails) for _ in range(depth))
        self.last = nn.Linear(width, n_out)

    def forward(self, x: Float[Tensor, "N I"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N O"]:
        h = self.first(x, c)
        for norm, block in zip(self.norms, self.blocks, strict=True):
            h = h + nn.functional.silu(block(norm(h), c))
        return self.last(h)


class AffineOfCondition(nn.Module):
    """Mean and log scale (N, features) as functions of c, linear in log E outside the training range; start at zero.

    ``turn`` adds to the slopes below and above the range. Nothing in the data moves it, and so it stays zero, but laws
    that are heard at energies outside may.
    """

    def __init__(self, features: int, n_conditions: int, width: int, tails: Tails) -> None:
        super().__init__()
        self.network, self.tails = small_network(n_conditions, width, 2 * features), tails
        self.turn = nn.Parameter(torch.zeros(2, 2 * features))

    def forward(self, c: Float[Tensor, "N C"]) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D"]]:
        found = self.tails.continued(self.network, c) + self.tails.beyond(c) @ self.turn
        mean, log_scale = found.chunk(2, dim=-1)
        return mean, log_scale
