r"""Fréchet physics distance (FPD): Gaussians fitted to the features of both samples, extrapolated to infinite size.

.. math:: F = |\mu_1 - \mu_2|^2 + \mathrm{Tr}\big(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2}\big), \qquad
          F(N) \approx \text{FPD} + c/N

Covariances from N showers are noisy, which makes F too large by c/N. So F is measured with all showers and with the
mean over 2, 3, 4, 5 disjoint parts of them, which are even in 1/N, and the straight line is followed to 1/N = 0. The
range of N is thus n/5 to n: 10,000 to 50,000, the challenge's own, for samples of 50,000. Features are divided by the
truth's largest absolute value. Source: Kansal et al., arXiv:2211.10295; CaloChallenge, arXiv:2410.21611 (which quotes
1000 FPD and draws its batches with replacement from 50,000).
"""

__all__ = ["frechet_distance", "measure_fpd"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.linalg.lapack import dpstrf

from caloforge.metrics.measured import Measured, need_showers
from caloforge.metrics.scaling import scale_by_largest

_MOST_PARTS = 5
_PIECES = 60  # divisible by 1 to 5
_FEWEST = 300


def frechet_distance(
    mean_1: Float[Array, " f"], cov_1: Float[Array, "f f"], mean_2: Float[Array, " f"], cov_2: Float[Array, "f f"]
) -> float:
    """Squared Wasserstein-2 distance of two Gaussians; see the module.

    Args:
        mean_1: mean of the first Gaussian.
        cov_1: its covariance matrix, which may be singular.
        mean_2: mean of the second.
        cov_2: its covariance matrix.

    Source: Dowson and Landau, J. Multivariate Anal. 12 (1982) 450.

    Example:
        >>> frechet_distance(np.zeros(2), np.eye(2), np.ones(2), 4 * np.eye(2))
        4.0
    """
    root = _root(cov_1)
    product = np.linalg.eigvalsh(root.T @ cov_2 @ root)
    shift = mean_1 - mean_2
    return float(shift @ shift + np.trace(cov_1) + np.trace(cov_2) - 2 * np.sqrt(np.maximum(product, 0)).sum())


def _root(covariance: Float[Array, "f f"]) -> Float[Array, "f f"]:
    """A matrix R with R R^T = covariance, which may be singular: Cholesky's with pivots, as far as its rank."""
    factor, pivots, rank, _ = dpstrf(covariance, lower=1)
    root = np.zeros_like(factor)
    root[pivots - 1, :rank] = np.tril(factor)[:, :rank]
    return root


@dataclass(frozen=True, eq=False)
class _Pieces:
    """Number, sum and sum of products of 60 disjoint pieces of a sample; parts of the sample are sums of pieces."""

    count: Float[Array, " p"]
    total: Float[Array, "p f"]
    products: Float[Array, "p f f"]

    @classmethod
    def of(cls, sample: Float[Array, "N f"], rows: Int[Array, " n"]) -> "_Pieces":
        """Of some rows of a sample, in this order; a piece at a time is copied."""
        count, f = np.empty(_PIECES), sample.shape[1]
        total, products = np.empty((_PIECES, f)), np.empty((_PIECES, f, f))
        for i, chosen in enumerate(np.array_split(rows, _PIECES)):
            part = sample[chosen]
            count[i], total[i], products[i] = len(part), part.sum(axis=0), part.T @ part
        return cls(count, total, products)

    def gaussian(self, pieces: slice) -> tuple[Float[Array, " f"], Float[Array, "f f"]]:
        """Mean and covariance of some pieces together."""
        return _gaussian(self.count[pieces].sum(), self.total[pieces].sum(axis=0), self.products[pieces].sum(axis=0))


def _gaussian(count: float, total: Array, products: Array) -> tuple[Float[Array, " f"], Float[Array, "f f"]]:
    mean = total / count
    return mean, (products - count * np.outer(mean, mean)) / (count - 1)


def _in_parts(first: _Pieces, second: _Pieces, parts: int) -> float:
    """Mean distance over so many disjoint parts of both samples."""
    step = _PIECES // parts
    pieces = [slice(i, i + step) for i in range(0, _PIECES, step)]
    return float(np.mean([frechet_distance(*first.gaussian(p), *second.gaussian(p)) for p in pieces]))


def _extrapolate(first: _Pieces, second: _Pieces) -> float:
    """Intercept of the straight line through F against 1/N, N = n/1 .. n/5."""
    parts = range(1, _MOST_PARTS + 1)
    values = [_in_parts(first, second, k) for k in parts]
    return float(np.polynomial.polynomial.polyfit(parts, values, 1)[0])


def _jackknife_error(first: _Pieces, second: _Pieces, groups: int = 20) -> float:
    r"""Standard error of F from leaving out one group of showers after the other (Quenouille, Tukey)."""
    whole = [(p.count.sum(), p.total.sum(axis=0), p.products.sum(axis=0)) for p in (first, second)]
    step = _PIECES // groups
    values = []
    for start in range(0, _PIECES, step):
        out = slice(start, start + step)
        left = [
            _gaussian(c - p.count[out].sum(), t - p.total[out].sum(axis=0), q - p.products[out].sum(axis=0))
            for p, (c, t, q) in zip((first, second), whole, strict=True)
        ]
        values.append(frechet_distance(*left[0], *left[1]))
    return float(np.sqrt((groups - 1) * np.var(values)))


def measure_fpd(
    truth: Float[Array, "n f"], generated: Float[Array, "m f"], rng: np.random.Generator, repeats: int = 20
) -> Measured:
    """Fréchet physics distance with error and floor.

    A perfect generator scatters around zero and may be negative: nothing is cut off. The floor draws n and m showers
    with replacement from the truth and does the same with them: F knows a sample by its moments alone, and these vary
    between resamples as between samples. The error is the jackknife's, which sees how F depends on the showers, and the
    spread of the floor, which sees the noise of the extrapolation, in quadrature. Costs 15 eigenvalue
    problems of f x f for the value and for each draw of the floor; wants n/5 well above f.

    Args:
        truth: features of the reference showers; NaN where undefined, see `caloforge.metrics.scaling`.
        generated: features of the showers to judge.
        rng: of the parts and the floor.
        repeats: draws of the floor.

    Raises:
        EmptySample: fewer than 300 showers in a sample.
        BadValue: a value is infinite.
    """
    need_showers(len(truth), len(generated), _FEWEST, "FPD")
    t, g = scale_by_largest(truth, generated)
    n, m = len(t), len(g)
    first, second = (_Pieces.of(x, rng.permutation(len(x))) for x in (t, g))
    value, error = _extrapolate(first, second), _jackknife_error(first, second)
    del first, second, g
    null = np.empty(repeats)
    for i in range(repeats):
        drawn = [_Pieces.of(t, rng.integers(n, size=size)) for size in (n, m)]
        null[i] = _extrapolate(drawn[0], drawn[1])
    spread = float(null.std(ddof=1))
    return Measured(value, float(np.hypot(error, spread)), float(null.mean()), spread)
