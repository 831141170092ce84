r"""Gaussian mixtures of observables without labels: fitted by EM, their number by BIC, and which of them are modes.

.. math:: p(t) = \sum_k \pi_k\, N(t;\ \mu_k, \Sigma_k), \qquad \mathrm{BIC} = m \ln N - 2 \ln L

m: free parameters. Several components may make one mode of another shape than Gaussian. Every mode and saddle between
two components lies on their ridge line (Ray and Lindsay, arXiv:math/0505602),

.. math:: t(\alpha) = \big[\bar\alpha\,\Sigma_1^{-1} + \alpha\,\Sigma_2^{-1}\big]^{-1}
          \big[\bar\alpha\,\Sigma_1^{-1}\mu_1 + \alpha\,\Sigma_2^{-1}\mu_2\big], \qquad \bar\alpha = 1 - \alpha,

and two are separate modes where the density there falls well below its lower peak.
"""

__all__ = ["GaussianMixture", "best_mixture", "fit_mixture", "separate_modes"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.special import logsumexp

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
    """``share`` (K,), ``mean`` (K, d) and ``covariance`` (K, d, d) of the components."""

    share: Float[Array, " K"]
    mean: Float[Array, "K d"]
    covariance: Float[Array, "K d d"]

    def log_joint(self, t: Float[Array, "N d"]) -> Float[Array, "N K"]:
        """log of share times density of each component."""
        factor = np.linalg.cholesky(self.covariance)
        scaled = (t - self.mean[:, None]) @ np.linalg.inv(factor).transpose(0, 2, 1)
        log_det = np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(1)
        constant = np.log(self.share) - log_det - 0.5 * t.shape[1] * np.log(2 * np.pi)
        return (constant[:, None] - 0.5 * (scaled**2).sum(2)).T

    def log_density(self, t: Float[Array, "N d"]) -> Float[Array, " N"]:
        return logsumexp(self.log_joint(t), axis=1)

    def bic(self, t: Float[Array, "N d"]) -> float:
        """The smaller the better."""
        n, d = len(self.share), t.shape[1]
        parameters = n - 1 + n * d + n * d * (d + 1) // 2
        return float(parameters * np.log(len(t)) - 2 * self.log_density(t).sum())


def best_mixture(t: Float[Array, "N d"], rng: np.random.Generator, most: int = _MOST) -> GaussianMixture:
    """The mixture with the least BIC among those of 1, 2, ... components, up to the first that is worse."""
    best = fit_mixture(t, 1, rng)
    for n in range(2, most + 1):
        found = fit_mixture(t, n, rng)
        if found.bic(t) >= best.bic(t):
            break
        best = found
    return best


def fit_mixture(t: Float[Array, "N d"], n: int, rng: np.random.Generator) -> GaussianMixture:
    """Mixture of ``n`` components of greatest likelihood, the best of several starts."""
    ridge = np.diag(_RIDGE * t.var(axis=0) + _LEAST)
    found = [_climb(t, _start(t, n, ridge, rng), ridge) for _ in range(_STARTS if n > 1 else 1)]
    return max(found, key=lambda mixture: float(mixture.log_density(t).sum()))


def _start(t: Float[Array, "N d"], n: int, ridge: Float[Array, "d d"], rng: np.random.Generator) -> GaussianMixture:
    """Centres far from each other, as k-means++ chooses them (Arthur and Vassilvitskii, 2007)."""
    scaled = t / np.sqrt(np.diag(ridge))
    rows = [int(rng.integers(len(t)))]
    distance = ((scaled - scaled[rows[0]]) ** 2).sum(1)
    for _ in range(n - 1):
        rows.append(int(rng.choice(len(t), p=distance / distance.sum())))
        distance = np.minimum(distance, ((scaled - scaled[rows[-1]]) ** 2).sum(1))
    nearest = np.argmin([((scaled - scaled[row]) ** 2).sum(1) for row in rows], axis=0)
    return _maximise(t, np.eye(n)[nearest], ridge)


def _climb(t: Float[Array, "N d"], mixture: GaussianMixture, ridge: Float[Array, "d d"]) -> GaussianMixture:
    """Expectation and maximisation until the likelihood stands still."""
    before = -np.inf
    for _ in range(_STEPS):
        joint = mixture.log_joint(t)
        total = logsumexp(joint, axis=1)
        if total.mean() - before < _CONVERGED:
            break
        before = total.mean()
        mixture = _maximise(t, np.exp(joint - total[:, None]), ridge)
    return mixture


def _maximise(t: Float[Array, "N d"], member: Float[Array, "N K"], ridge: Float[Array, "d d"]) -> GaussianMixture:
    size = member.sum(0) + 1e-9
    mean = member.T @ t / size[:, None]
    away = t - mean[:, None]
    covariance = np.einsum("nk,kni,knj->kij", member, away, away, optimize=True) / size[:, None, None]
    return GaussianMixture(size / size.sum(), mean, covariance + ridge)


def separate_modes(mixture: GaussianMixture) -> Int[Array, " K"]:
    """The mode that each component belongs to, counted from 0 in the order of their shares, the greatest first.

    A component of less than 0.5 % (a few outliers) is no mode: it goes with the one it is least divided from.
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
