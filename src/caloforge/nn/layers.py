"""Layers that several models share: a perceptron that hears of its condition, and an affine map that follows it."""

__all__ = ["AffineOfCondition", "ConditionedMLP", "NetworkOptions"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.nn.conditioning import CONDITIONING, Conditioning, LinearExtrapolation, small_network

# numbers of c, width, depth, conditioning, tails of a `ConditionedMLP`
NetworkOptions = tuple[int, int, int, Conditioning, LinearExtrapolation | None]

_SCORING = 20  # steps
_OUTLIER = 25.0  # squared deviation over its variance, above which it counts no more


class ConditionedMLP(nn.Module):
    """First layer on (x, c), then ``depth`` residual blocks h + SiLU(layer(LayerNorm(h), c)), then Linear.

    Args:
        n_in: I, numbers of x.
        n_out: O, numbers that come out.
        n_conditions: C, numbers of c.
        width: hidden units.
        depth: residual blocks.
        conditioning: how each layer hears of c.
        tails: where the layers go on linearly in log energy; None: nowhere.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        n_conditions: int,
        width: int,
        depth: int,
        conditioning: Conditioning = "film",
        tails: LinearExtrapolation | None = None,
    ) -> None:
        super().__init__()
        layer = CONDITIONING[conditioning]
        self.first = layer(n_in, width, n_conditions, tails)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.blocks = nn.ModuleList(layer(width, width, n_conditions, tails) for _ in range(depth))
        self.last = nn.Linear(width, n_out)

    def forward(self, x: Float[Tensor, "N I"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N O"]:
        """Output (N, O).

        Args:
            x: (N, I) what it is computed from.
            c: (N, C) conditions.
        """
        h = self.first(x, c)
        for norm, block in zip(self.norms, self.blocks, strict=True):
            h = h + nn.functional.silu(block(norm(h), c))
        return self.last(h)


class AffineOfCondition(nn.Module):
    r"""Mean and log scale (N, features) as functions of c, linear in log E outside the training range.

    .. math:: f(c) = W \phi(c) + b + N(c) + T\,(c_0 - \bar c_0)

    :math:`\phi` are c and a bend of log E at either third of the range; ``fit`` finds their weights. The network N,
    which goes on along its chord, learns the rest. T turns the slopes below and above the range: nothing in the data
    moves it from zero, but laws heard at energies outside may. Only the first ``widths`` log scales go on (a resolution
    improves for ever); the others keep the value of the edge, because a share of energy does not spread beyond its
    bounds.

    Args:
        features: D.
        n_conditions: C.
        width: hidden units of N.
        tails: the training range.
        widths: how many log scales go on outside it.
    """

    goes_on: Tensor

    def __init__(self, features: int, n_conditions: int, width: int, tails: LinearExtrapolation, widths: int) -> None:
        super().__init__()
        self.network, self.tails, self.widths = small_network(n_conditions, width, 2 * features), tails, widths
        self.line = nn.Linear(n_conditions + 2, 2 * features)
        self.turn = nn.Parameter(torch.zeros(2, 2 * features))
        self.register_buffer("goes_on", torch.arange(2 * features) < features + widths, persistent=False)
        nn.init.zeros_(self.line.weight)
        nn.init.zeros_(self.line.bias)

    @torch.no_grad()
    def fit(self, x: Float[Tensor, "N D"], c: Float[Tensor, "N C"]) -> None:
        """W and b: means by least squares, the log scales that go on by maximum likelihood of normals (scoring).

        Args:
            x: (N, D) training features.
            c: (N, C) conditions.
        """
        phi = torch.cat([self.tails.with_hinges(c), torch.ones_like(c[:, :1])], 1).double()
        solve = torch.linalg.pinv(phi)
        mean = solve @ x.double()
        square = (x.double() - phi @ mean).square().clamp_min(1e-6)
        log_scale = torch.zeros_like(mean)
        log_scale[-1] = 0.5 * square.mean(0).log()
        for _ in range(_SCORING):
            ratio = (square * (-2 * (phi @ log_scale)).exp()).clamp(max=_OUTLIER)
            step = 0.5 * solve @ (ratio - 1)
            log_scale[:, : self.widths] += step[:, : self.widths]
        weights, bias = torch.split(torch.cat([mean, log_scale], 1).T.float(), [phi.shape[1] - 1, 1], 1)
        self.line.weight.copy_(weights)
        self.line.bias.copy_(bias[:, 0])

    def _at(self, c: Float[Tensor, "N C"]) -> Float[Tensor, "N K"]:
        return (
            self.line(self.tails.with_hinges(c))
            + self.tails.continued(self.network, c)
            + self.tails.excess(c) @ self.turn
        )

    def forward(self, c: Float[Tensor, "N C"]) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D"]]:
        """Mean and log scale, each (N, D).

        Args:
            c: (N, C) conditions.
        """
        mean, log_scale = torch.where(self.goes_on, self._at(c), self._at(self.tails.clamped(c))).chunk(2, dim=-1)
        return mean, log_scale
