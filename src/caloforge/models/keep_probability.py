r"""KeepProbability: what undoes a training on rare showers shown more often, one generated shower at a time.

Training draws showers from :math:`q(x) \propto p(x)/a(x)` instead of the truth :math:`p(x)`, with

.. math:: a(x) = \frac{\sum_k s_k\, N(t(x);\, \mu_k, \Sigma_k)\; r_k + b\, r_\text{min}}
                     {\sum_k s_k\, N(t(x);\, \mu_k, \Sigma_k) + b}, \qquad 0 < r_k \le 1,

t: what can be computed from the shower alone; k: components of Gaussian mixtures of the kinds of showers, with
:math:`r_k = 1` for the most common kind and small for rare ones; b: a density so low that what lies below is unlike any
training shower, and counts as rare. A generator that has learned q gives p when each of its showers is kept with
probability :math:`a(x)`, as :math:`q(x)\,a(x) \propto p(x)`. That is exact for any function a, right or wrong about the
kinds: how well it tells them apart decides only how often rare showers are seen. What an imperfect generator draws
between the kinds is hardly kept. Source: rejection sampling, von Neumann (1951).
"""

__all__ = ["KeepProbability", "ShowerTerms", "shower_terms"]

import math
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.physics.depth import layer_depths
from caloforge.preprocessing.pipeline import Pipeline

_LEAST_RESPONSE = 1e-5
_TINY = 1e-9


class KeepProbability(nn.Module):
    """Probability of keeping a shower, from ``n_terms`` numbers t of it and ``n_components`` of its kinds.

    Buffers: ``centre`` and ``width`` standardise t; of each component ``log_share``, ``mean``, ``whiten`` (inverse of
    the Cholesky factor of its covariance) and ``kept`` (r), whose last entry is that of the background,
    ``log_background``.

    Args:
        n_terms: numbers t of a shower.
        n_components: K, components of all mixtures.
    """

    centre: Tensor
    width: Tensor
    log_share: Tensor
    mean: Tensor
    whiten: Tensor
    kept: Tensor
    log_background: Tensor

    def __init__(self, n_terms: int, n_components: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(n_terms))
        self.register_buffer("width", torch.ones(n_terms))
        self.register_buffer("log_share", torch.full((n_components,), -math.log(n_components)))
        self.register_buffer("mean", torch.zeros(n_components, n_terms))
        self.register_buffer("whiten", torch.eye(n_terms).repeat(n_components, 1, 1))
        self.register_buffer("kept", torch.ones(n_components + 1))
        self.register_buffer("log_background", torch.zeros(()))

    def forward(self, t: Float[Tensor, "N t"]) -> Float[Tensor, " N"]:
        r"""a(t) of each shower, between 0 and 1.

        .. math:: a(t) = \frac{\sum_k s_k\, N(t;\, \mu_k, \Sigma_k)\; r_k + b\, r_\text{min}}
                         {\sum_k s_k\, N(t;\, \mu_k, \Sigma_k) + b}

        Args:
            t: (N, t) terms of showers.
        """
        background = self.log_background.expand(t.shape[0], 1)
        return torch.softmax(torch.cat([self.log_joint(t), background], 1), 1) @ self.kept

    def log_joint(self, t: Float[Tensor, "N t"]) -> Float[Tensor, "N K"]:
        """log of share times density of each component.

        Args:
            t: (N, t) terms of showers.
        """
        away = ((t - self.centre) / self.width)[:, None] - self.mean
        squares = torch.einsum("kij,nkj->nki", self.whiten, away).square().sum(2)
        log_det = self.whiten.diagonal(dim1=1, dim2=2).log().sum(1)
        return self.log_share + log_det - 0.5 * (squares + t.shape[1] * math.log(2 * math.pi))


class ShowerTerms(NamedTuple):
    """What of N showers decides their probability to be kept.

    Args:
        log_response: (N,) logarithm of the energy in all layers over the incident energy.
        depth: (N,) energy-weighted mean depth, mm, or ids of layers where the mesh has no depth.
        depth_spread: (N,) energy-weighted standard deviation of the depth, likewise.
        log_energy: (N,) logarithm of the incident energy in MeV.
    """

    log_response: Tensor
    depth: Tensor
    depth_spread: Tensor
    log_energy: Tensor

    @property
    def tensor(self) -> Float[Tensor, "N 4"]:
        """Side by side, as `KeepProbability` takes them."""
        return torch.stack(list(self), 1)


def shower_terms(x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], pipeline: Pipeline) -> ShowerTerms:
    """The terms of showers with features x and conditions c.

    Args:
        x: (N, F) features.
        c: (N, C) conditions.
        pipeline: the preprocessing, fitted.
    """
    layers, incident = pipeline.layer_energies(pipeline.parts(x).energies, c), pipeline.condition.energies(c)
    total = layers.sum(1)
    depth = torch.from_numpy(layer_depths(pipeline.binning)).to(layers)
    mean = layers @ depth / total.clamp_min(_TINY)
    squares = (depth - mean[:, None]).square()  # before the mean is taken: in mm their difference would round
    spread = ((layers * squares).sum(1) / total.clamp_min(_TINY)).sqrt()
    return ShowerTerms((total / incident + _LEAST_RESPONSE).log(), mean, spread, incident.log())
