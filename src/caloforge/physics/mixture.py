r"""Gaussian mixtures of observables without labels: fitted by EM, their number by BIC, and which of them are modes.

.. math:: p(t) = \sum_k \pi_k\, N(t;\ \mu_k, \Sigma_k), \qquad \mathrm{BIC} = m \ln N - 2 \ln L

m: free parameters. Several components may make one mode of another shape than Gaussian. Every mode and saddle between
two components lies on their ridge line (Ray and Lindsay, arXiv:math/0505602),

.. math:: t(\alpha) = \big[\bar\alpha\,\Sigma_1^{-1} + \alpha\,\Sigma_2^{-1}\big]^{-1}
          \big[\bar\alpha\,\Sigma_1^{-1}\mu_1 + \alpha\,\Sigma_2^{-1}\mu_2\big], \qquad \bar\alpha = 1 - \alpha,

and two are separate modes where the density there falls well below its lower peak.
"""

__all__ = ["GaussianMixture", "best_mixture", "fit_mixture", "separate_modes"]

import warnings
from dataclasses import dataclass

import numpy as np
import sklearn.mixture
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.special import logsumexp
from sklearn.exceptions import ConvergenceWarning

_MOST = 6
_STARTS = 3
_STEPS = 200
_CONVERGED = 1e-5  # nats a shower
_RIDGE = 1e-4  # of the variance of each feature
_LEAST = 1e-6  # for features that hardly vary; all are of the order of one
_SMALLEST = 0.005
_DIP = 0.6  # of the lower peak: a valley this deep separates two modes


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """``share`` (K,), ``mean`` (K, d) and ``covariance`` (K, d, d) of the components.

    Args:
        share: (K,) of the components, summing to one.
        mean: (K, d).
        covariance: (K, d, d).
    """

    share: Float[Array, " K"]
    mean: Float[Array, "K d"]
    covariance: Float[Array, "K d d"]

    def log_joint(self, t: Float[Array, "N d"]) -> Float[Array, "N K"]:
        """log of share times density of each component.

        Args:
            t: (N, d) features.
        """
        factor = np.linalg.cholesky(self.covariance)
        scaled = (t - self.mean[:, None]) @ np.linalg.inv(factor).transpose(0, 2, 1)
        log_det = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1)
        constant = np.log(self.share) - log_det - 0.5 * t.shape[1] * np.log(2 * np.pi)
        return (constant[:, None] - 0.5 * (scaled**2).sum(2)).T

    def log_density(self, t: Float[Array, "N d"]) -> Float[Array, " N"]:
        """Log-density of the mixture, in nats.

        Args:
            t: (N, d) features.
        """
        return logsumexp(self.log_joint(t), axis=1)

    def bic(self, t: Float[Array, "N d"]) -> float:
        r"""The smaller the better.

        .. math:: \mathrm{BIC} = m \ln N - 2 \ln L

        Args:
            t: (N, d) features.

        Source: Schwarz, Annals of Statistics 6 (1978) 461.
        """
        n, d = len(self.share), t.shape[1]
        parameters = n - 1 + n * d + n * d * (d + 1) // 2
        return float(parameters * np.log(len(t)) - 2 * self.log_density(t).sum())


def best_mixture(t: Float[Array, "N d"], rng: np.random.Generator, most: int = _MOST) -> GaussianMixture:
    """The mixture with the least BIC among those of 1, 2, ... components, up to the first that is worse.

    Args:
        t: (N, d) features of showers, of the order of one.
        rng: draws the starts (k-means++).
        most: largest number of components.
    """
    best = fit_mixture(t, 1, rng)
    for n in range(2, most + 1):
        larger = fit_mixture(t, n, rng)
        if larger.bic(t) >= best.bic(t):
            break
        best = larger
    return best


def fit_mixture(t: Float[Array, "N d"], n: int, rng: np.random.Generator) -> GaussianMixture:
    """Mixture of ``n`` components of greatest likelihood, by EM from several starts.

    Args:
        t: features of N showers, of the order of one.
        n: number of components.
        rng: draws the starts (k-means++).
    """
    scale = np.sqrt(t.var(axis=0) + _LEAST / _RIDGE)  # so that the ridge is a part of each feature's own variance
    starts = _STARTS if n > 1 else 1
    em = sklearn.mixture.GaussianMixture(
        n,
        tol=_CONVERGED,
        reg_covar=_RIDGE,
        max_iter=_STEPS,
        n_init=starts,
        init_params="k-means++",
        random_state=int(rng.integers(2**31)),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what EM has after many steps is a mixture too
        em.fit(t / scale)
    return GaussianMixture(em.weights_, em.means_ * scale, em.covariances_ * np.outer(scale, scale))


def separate_modes(mixture: GaussianMixture) -> Int[Array, " K"]:
    """The mode that each component belongs to, counted from 0 in the order of their shares, the greatest first.

    A component of less than 0.5 % (a few outliers) is no mode: it goes with the one it is least divided from.

    Args:
        mixture: of K components.

    Source: Ray and Lindsay, arXiv:math/0505602.
    """
    n = len(mixture.share)
    valley = np.array([[_valley(mixture, i, j) if i != j else 1.0 for j in range(n)] for i in range(n)])
    large, mode = mixture.share >= _SMALLEST, np.arange(n)
    for i, j in np.argwhere((valley > _DIP) & large[:, None] & large):
        mode[mode == mode[i]] = mode[j]
    for i in np.flatnonzero(~large):
        mode[i] = mode[np.argmax(np.where(large, valley[i], -1.0))]
    _, index = np.unique(mode, return_inverse=True)
    return np.argsort(np.argsort(-np.bincount(index, mixture.share), kind="stable"))[index]


def _valley(mixture: GaussianMixture, i: int, j: int) -> float:
    """Density at the bottom of the valley between two components over that of the lower peak; 1 without a valley."""
    inverse = np.linalg.inv(mixture.covariance[[i, j]])
    weighted = np.einsum("kab,kb->ka", inverse, mixture.mean[[i, j]])
    alpha = np.linspace(0, 1, 201)[:, None]
    precision = (1 - alpha[..., None]) * inverse[0] + alpha[..., None] * inverse[1]
    ridge_line = np.linalg.solve(precision, ((1 - alpha) * weighted[0] + alpha * weighted[1])[..., None])[..., 0]
    density = mixture.log_density(ridge_line)
    left, right = np.maximum.accumulate(density), np.maximum.accumulate(density[::-1])[::-1]
    return float(np.exp((density - np.minimum(left, right)).min()))
