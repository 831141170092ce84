r"""Bounds on a likelihood with latent variables, :math:`\log p(x) = \log \int p(x, z)\, dz`, by sampling a Gaussian q.

.. math:: E_q\Big[\log \frac{p(x, z)}{q(z)}\Big] \;\le\; E\Big[\log \frac1K \sum_{k=1}^K \frac{p(x, z_k)}{q(z_k)}\Big]
          \;\le\; \log p(x)

The first is the ELBO (arXiv:1312.6114), the second the importance-weighted bound, which rises with K towards log p
(arXiv:1509.00519).
"""

__all__ = ["gaussian_kl", "importance_bound", "log_mean_exp"]

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from caloforge.models.base import Estimate


def gaussian_kl(mean: Float[Tensor, "N Z"], log_std: Float[Tensor, "N Z"]) -> Float[Tensor, "N Z"]:
    r"""KL(N(m, s) || N(0, 1)) of each latent in nats: :math:`(m^2 + s^2 - 1)/2 - \log s`."""
    return 0.5 * (mean**2 + (2 * log_std).exp() - 1) - log_std


def importance_bound(
    log_joint: Callable[[Tensor], Tensor],
    mean: Float[Tensor, "N Z"],
    log_std: Float[Tensor, "N Z"],
    noise: Float[Tensor, "K N Z"],
) -> Estimate:
    """Importance-weighted bound on log p(x) with its error (see `log_mean_exp`).

    Args:
        log_joint: z (N, Z) -> log p(x, z) (N,) in nats.
        mean: of q(z | x).
        log_std: logarithm of its standard deviation.
        noise: K standard normal draws for each x.
    """
    weights = []
    for epsilon in noise:
        log_q = -(0.5 * (epsilon**2 + math.log(2 * math.pi)) + log_std).sum(1)
        weights.append(log_joint(mean + log_std.exp() * epsilon) - log_q)
    return log_mean_exp(torch.stack(weights))


def log_mean_exp(log_weights: Float[Tensor, "K N"]) -> Estimate:
    """Logarithm of the mean of K weights and, by the delta method, its standard error (NaN for one weight)."""
    k = len(log_weights)
    value = log_weights.logsumexp(0) - math.log(k)
    spread = (log_weights - value).exp().std(0) if k > 1 else torch.full_like(value, math.nan)
    return Estimate(value, spread / math.sqrt(k))
