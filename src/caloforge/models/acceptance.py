r"""Acceptance: what undoes a training on rare showers shown more often, one generated shower at a time.

Training draws showers from :math:`q(x) \propto p(x)/a(x)` instead of the truth :math:`p(x)`, with

.. math:: a(x) = \sum_k P(k \mid t(x))\, r_k, \qquad 0 < r_k \le 1,

k: kinds of showers, :math:`r_k = 1` for the most common one and small for rare ones; t: what can be computed from the
shower alone. A generator that has learned q gives p when each of its showers is kept with probability :math:`a(x)`, as
:math:`q(x)\,a(x) \propto p(x)`. That is exact for any function a, right or wrong about the kinds: how well it tells
them apart decides only how often rare showers are seen. Source: rejection sampling, von Neumann (1951).
"""

__all__ = ["Acceptance", "shower_terms"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.preprocessing.pipeline import Pipeline

_CLIP = 5.0  # standard deviations: beyond, a shower counts as one at this distance
_LEAST_RESPONSE = 1e-5
_TINY = 1e-9


class Acceptance(nn.Module):
    """Probability of keeping a shower, from ``n_terms`` numbers t of it; a quadratic discriminant tells ``n_kinds``."""

    centre: Tensor
    width: Tensor
    slopes: Tensor
    kept: Tensor

    def __init__(self, n_terms: int, n_kinds: int) -> None:
        super().__init__()
        n_products = 1 + n_terms + n_terms * (n_terms + 1) // 2
        self.register_buffer("centre", torch.zeros(n_terms))
        self.register_buffer("width", torch.ones(n_terms))
        self.register_buffer("slopes", torch.zeros(n_products, n_kinds))
        self.register_buffer("kept", torch.ones(n_kinds))

    def forward(self, t: Float[Tensor, "N t"]) -> Float[Tensor, " N"]:
        return torch.softmax(self.products(t) @ self.slopes, 1) @ self.kept

    def products(self, t: Float[Tensor, "N t"]) -> Float[Tensor, "N p"]:
        """1, all t and all products of two, standardised."""
        s = ((t - self.centre) / self.width).clamp(-_CLIP, _CLIP)
        first, second = torch.triu_indices(s.shape[1], s.shape[1])
        return torch.cat([torch.ones_like(s[:, :1]), s, s[:, first] * s[:, second]], 1)


def shower_terms(x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], pipeline: Pipeline) -> Float[Tensor, "N 4"]:
    """Logarithm of the response, mean depth and its spread (in layers), logarithm of the incident energy in MeV."""
    layers, incident = pipeline.layer_energies(x[:, : pipeline.binning.n_layers], c), pipeline.condition.energies(c)
    total = layers.sum(1)
    depth = torch.arange(layers.shape[1]).to(layers)
    mean = layers @ depth / total.clamp_min(_TINY)
    spread = (layers @ depth.square() / total.clamp_min(_TINY) - mean.square()).clamp_min(0.0).sqrt()
    return torch.stack([(total / incident + _LEAST_RESPONSE).log(), mean, spread, incident.log()], 1)
