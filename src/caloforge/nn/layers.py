"""Layers that several models share: a perceptron that hears of its condition, and an affine map that follows it."""

__all__ = ["AffineOfCondition", "ConditionedMLP"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.nn.conditioning import CONDITIONING, Conditioning, Tails, small_network

_MEAN_LOG_NORMAL = 0.6352  # minus the mean of ln|z| of a standard normal z: (ln 2 + Euler's constant) / 2


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
    r"""Mean and log scale (N, features) as functions of c, linear in log E outside the training range.

    .. math:: f(c) = Wc + b + N(c) + T\,(c_0 - \bar c_0)

    ``fit`` finds the straight part, and the network N, which goes on along its chord, learns the rest. T turns the
    slopes below and above the range: nothing in the data moves it from zero, but laws heard at energies outside may.
    """

    def __init__(self, features: int, n_conditions: int, width: int, tails: Tails) -> None:
        super().__init__()
        self.network, self.tails = small_network(n_conditions, width, 2 * features), tails
        self.line = nn.Linear(n_conditions, 2 * features)
        self.turn = nn.Parameter(torch.zeros(2, 2 * features))
        nn.init.zeros_(self.line.weight)
        nn.init.zeros_(self.line.bias)

    @torch.no_grad()
    def fit(self, x: Float[Tensor, "N D"], c: Float[Tensor, "N C"]) -> None:
        """Straight part by least squares: of x, and of the logarithm of its absolute residual."""
        terms = torch.cat([c, torch.ones_like(c[:, :1])], 1).double()
        solve = torch.linalg.pinv(terms)
        mean = solve @ x.double()
        residual = (x.double() - terms @ mean).abs().clamp_min(1e-6)
        log_scale = solve @ residual.log()
        log_scale[-1] += _MEAN_LOG_NORMAL
        found = torch.cat([mean, log_scale], 1).T.float()
        self.line.weight.copy_(found[:, :-1])
        self.line.bias.copy_(found[:, -1])

    def forward(self, c: Float[Tensor, "N C"]) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D"]]:
        found = self.line(c) + self.tails.continued(self.network, c) + self.tails.beyond(c) @ self.turn
        mean, log_scale = found.chunk(2, dim=-1)
        return mean, log_scale
