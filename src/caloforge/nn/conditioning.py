r"""How a network hears of its condition c, at every hidden layer: FiLM or concatenation; and embeddings of particles.

FiLM (arXiv:1709.07871) scales and shifts each hidden unit by functions of the condition,
:math:`h \to (1 + \gamma(c)) \odot h + \delta(c)`; with zero weights it is the identity. Concatenation,
:math:`W [h, c] + b`, is a shift that is linear in c.
"""

__all__ = ["CONDITIONING", "ConcatLinear", "Conditioning", "FiLM", "FiLMLinear", "ParticleEmbedding"]

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Conditioning = Literal["film", "concat"]


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


class FiLMLinear(nn.Module):
    """FiLM(W h + b, c)."""

    def __init__(self, n_in: int, n_out: int, n_conditions: int) -> None:
        super().__init__()
        self.linear, self.film = nn.Linear(n_in, n_out), FiLM(n_conditions, n_out)

    def forward(self, h: Float[Tensor, "N I"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N O"]:
        return self.film(self.linear(h), c)


class ConcatLinear(nn.Module):
    """W [h, c] + b."""

    def __init__(self, n_in: int, n_out: int, n_conditions: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_in + n_conditions, n_out)

    def forward(self, h: Float[Tensor, "N I"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N O"]:
        return self.linear(torch.cat([h, c], 1))


CONDITIONING: dict[Conditioning, type[FiLMLinear] | type[ConcatLinear]] = {"film": FiLMLinear, "concat": ConcatLinear}


class ParticleEmbedding(nn.Module):
    """Conditions with the place of the particle (column 1) replaced by a learned vector; untouched for one particle."""

    def __init__(self, n_particles: int, n_features: int, width: int = 4) -> None:
        super().__init__()
        self.vectors = nn.Embedding(n_particles, width) if n_particles > 1 else None
        self.n_out = n_features + (width - 1 if n_particles > 1 else 0)

    def forward(self, c: Float[Tensor, "N C"]) -> Float[Tensor, "N O"]:
        if self.vectors is None:
            return c
        return torch.cat([c[:, :1], self.vectors(c[:, 1].long()), c[:, 2:]], 1)
