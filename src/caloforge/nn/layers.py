r"""Layers that several models share: a residual perceptron conditioned by FiLM.

FiLM (arXiv:1709.07871) scales and shifts each hidden unit by functions of the condition,
:math:`h \to (1 + \gamma(c)) \odot h + \delta(c)`; with zero weights it is the identity.
"""

__all__ = ["FiLM", "ConditionedMLP"]

import torch
from jaxtyping import Float
from torch import Tensor, nn


class FiLM(nn.Module):
    """Feature-wise linear modulation of (N, width) by a condition (N, n_conditions); starts as the identity."""

    def __init__(self, n_conditions: int, width: int, hidden: int = 32) -> None:
        super().__init__()
        self.modulation = nn.Sequential(nn.Linear(n_conditions, hidden), nn.SiLU(), nn.Linear(hidden, 2 * width))
        last = self.modulation[-1]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def forward(self, h: Float[Tensor, "N W"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N W"]:
        scale, shift = self.modulation(c).chunk(2, dim=-1)
        return h * (1 + scale) + shift


class ConditionedMLP(nn.Module):
    """Linear, then ``depth`` residual blocks h + SiLU(FiLM(Linear(LayerNorm(h)), c)), then Linear."""

    def __init__(self, n_in: int, n_out: int, n_conditions: int, width: int, depth: int) -> None:
        super().__init__()
        self.first = nn.Linear(n_in, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.linears = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.films = nn.ModuleList(FiLM(n_conditions, width) for _ in range(depth))
        self.last = nn.Linear(width, n_out)

    def forward(self, x: Float[Tensor, "N I"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N O"]:
        h = self.first(x)
        for norm, linear, film in zip(self.norms, self.linears, self.films, strict=True):
            h = h + torch.nn.functional.silu(film(linear(norm(h)), c))
        return self.last(h)
