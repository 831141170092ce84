"""Layers that several models share: a residual perceptron that hears of its condition at every hidden layer."""

__all__ = ["ConditionedMLP"]

from jaxtyping import Float
from torch import Tensor, nn

from caloforge.nn.conditioning import CONDITIONING, Conditioning


class ConditionedMLP(nn.Module):
    """First layer on (x, c), then ``depth`` residual blocks h + SiLU(layer(LayerNorm(h), c)), then Linear."""

    def __init__(
        self, n_in: int, n_out: int, n_conditions: int, width: int, depth: int, conditioning: Conditioning = "film"
    ) -> None:
        super().__init__()
        layer = CONDITIONING[conditioning]
        self.first = layer(n_in, width, n_conditions)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.blocks = nn.ModuleList(layer(width, width, n_conditions) for _ in range(depth))
        self.last = nn.Linear(width, n_out)

    def forward(self, x: Float[Tensor, "N I"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N O"]:
        h = self.first(x, c)
        for norm, block in zip(self.norms, self.blocks, strict=True):
            h = h + nn.functional.silu(block(norm(h), c))
        return self.last(h)
