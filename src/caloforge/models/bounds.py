r"""What a Gaussian q(z|x) costs and tells, and bounds on :math:`\log p(x) = \log \int p(x, z)\, dz` by sampling it.

.. math:: E_q\Big[\log \frac{p(x, z)}{q(z)}\Big] \;\le\; E\Big[\log \frac1K \sum_{k=1}^K \frac{p(x, z_k)}{q(z_k)}\Big]
          \;\le\; \log p(x)

The first is the ELBO (arXiv:1312.6114), the second the importance-weighted bound, which rises with K towards log p
(arXiv:1509.00519).
"""

__all__ = ["ACTIVE", "gaussian_kl", "importance_bound", "log_mean_exp", "mutual_information", "widest_posterior"]

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from scipy.special import lambertw
from torch import Tensor

from caloforge.models.base import Estimate

ACTIVE = 0.01  # variance of a latent's posterior mean above which it is in use (arXiv:1509.00519)


def gaussian_kl(mean: Float[Tensor, "N Z"], log_std: Float[Tensor, "N Z"]) -> Float[Tensor, "N Z"]:
    r"""KL(N(m, s) || N(0, 1)) of each latent in nats: :math:`(m^2 + s^2 - 1)/2 - \log s`.

    Args:
        mean: (N, Z) of q(z | x).
        log_std: (N, Z) logarithm of its standard deviation.

    Source: Kingma and Welling, arXiv:1312.6114, appendix B.
    """
    return 0.5 * (mean**2 + (2 * log_std).exp() - 1) - log_std


def widest_posterior(rate: float) -> float:
    r"""Largest s for which KL(N(m, s) || N(0, 1)) is at least ``rate`` nats whatever m: the floor of a delta-VAE.

    With m = 0, :math:`s^2 - 1 - \ln s^2 = 2\,\text{rate}`, so :math:`s^2 = -W_0(-e^{-1 - 2\,\text{rate}})` with
    Lambert's W. Source of the idea: arXiv:1901.03416, where the mean takes its part in the bound.

    Args:
        rate: nats of one latent, not negative.
    """
    return math.sqrt(-float(lambertw(-math.exp(-1 - 2 * rate)).real)) if rate > 0 else 1.0


def mutual_information(
    z: Float[Tensor, "N Z"], mean: Float[Tensor, "N Z"], log_std: Float[Tensor, "N Z"]
) -> Float[Tensor, ""]:
    r"""I(x; z) in nats from one draw z_i ~ q(z|x_i) for each x: at most log N, and low where the truth is near log N.

    .. math:: I = \frac1N \sum_i \Big[\log q(z_i|x_i) - \log \frac1N \sum_j q(z_i|x_j)\Big]

    Args:
        z: (N, Z) one draw for each x.
        mean: (N, Z) of q(z | x).
        log_std: (N, Z) logarithm of its standard deviation.

    Source: Hoffman and Johnson, "ELBO surgery", NIPS workshop on approximate Bayesian inference, 2016.
    """
    z, mean, precision = z.double(), mean.double(), (-2 * log_std.double()).exp()
    constant = 0.5 * (mean**2 * precision).sum(1) + log_std.double().sum(1)
    log_q = (z * z) @ (-0.5 * precision).T + z @ (mean * precision).T - constant  # [i, j]: log q(z_i|x_j)
    return (log_q.diagonal() - log_q.logsumexp(1)).mean() + math.log(len(z))


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
    r"""Logarithm of the mean of K weights and, by the delta method, its standard error (NaN for one weight).

    .. math:: \log \bar w, \qquad \sigma = \frac{\text{std}(w)}{\bar w \sqrt K}

    Args:
        log_weights: (K, N) logarithms of K weights for each x.
    """
    k = len(log_weights)
    value = log_weights.logsumexp(0) - math.log(k)
    spread = (log_weights - value).exp().std(0) if k > 1 else torch.full_like(value, math.nan)
    return Estimate(value, spread / math.sqrt(k))
