r"""Distance of the rank correlations of two samples: root mean square over all pairs of features,

.. math:: d = \sqrt{\frac{2}{f(f-1)} \sum_{i<j} \big(C^\text{truth}_{ij} - C^\text{gen}_{ij}\big)^2}.

C are Pearson's coefficients of ranks (Spearman's), and a rank is the share of the truth's values below, in both samples
alike. A handful of showers far outside, whose moments would outweigh those of all others, count as so many showers and
no more. Two samples of one distribution without correlations have :math:`\langle d^2\rangle = 1/n + 1/m`. Source:
Spearman, Am. J. Psychol. 15 (1904) 72.
"""

__all__ = ["correlation_matrix", "correlation_distance", "measure_correlation_distance"]

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import BadValue
from caloforge.metrics.measured import Measured, bootstrap, need_showers
from caloforge.metrics.scaling import fill_undefined, rank

_MOVES = 1e-4  # of the largest value: one shower in ten million that differs spreads a column more


def correlation_matrix(features: Float[Array, "N f"]) -> Float[Array, "f f"]:
    """Pearson's correlations of all pairs of columns; zero with a column that is constant.

    Undefined values (NaN) sit at the mean of their column.

    Args:
        features: in any units; NaN where undefined.

    Raises:
        BadValue: a value is infinite.
    """
    values, _ = fill_undefined(features, features)
    values = values - values.mean(axis=0)
    return _correlations(values, np.abs(values).max(axis=0, initial=0))


def _correlations(values: Float[Array, "N f"], largest: Float[Array, " f"]) -> Float[Array, "f f"]:
    """Of columns with their mean at zero, and how large their values can be."""
    return _of_moments(values.T @ values / len(values), values.mean(axis=0), largest)


def _resampled(values: Float[Array, "N f"], rows: Int[Array, " n"]) -> Float[Array, "f f"]:
    """Of drawn rows of centred ranks: a row that was drawn k times is taken once, with the root of k."""
    counts = np.bincount(rows, minlength=len(values)).astype(values.dtype)
    some = np.flatnonzero(counts)
    drawn = values[some] * np.sqrt(counts[some])[:, None]
    return _of_moments(drawn.T @ drawn / len(rows), counts @ values / len(rows), np.ones(values.shape[1], values.dtype))


def _of_moments(
    products: Float[Array, "f f"], mean: Float[Array, " f"], largest: Float[Array, " f"]
) -> Float[Array, "f f"]:
    covariance = products - np.outer(mean, mean)
    spread = np.sqrt(np.maximum(covariance.diagonal(), 0))
    scaled = np.divide(1, spread, out=np.zeros_like(spread), where=spread > _MOVES * largest)
    correlations = covariance * np.outer(scaled, scaled)
    np.fill_diagonal(correlations, 1)
    return correlations


def correlation_distance(first: Float[Array, "f f"], second: Float[Array, "f f"]) -> float:
    """Root mean square difference of two correlation matrices over their upper triangles.

    Args:
        first: correlation coefficients of the features.
        second: the same of another sample.
    """
    above = np.triu_indices(len(first), 1)
    return float(np.sqrt(np.mean((first[above] - second[above]) ** 2)))


def measure_correlation_distance(
    truth: Float[Array, "n f"], generated: Float[Array, "m f"], rng: np.random.Generator, repeats: int = 30
) -> Measured:
    """Distance of the rank correlations with error and floor, both from bootstrap resamples of the showers.

    The floor has the sizes of the comparison: n and m showers drawn from the truth. Correlations are moments, so a
    shower drawn twice does no harm.

    Args:
        truth: features of the reference showers; NaN where undefined, see `caloforge.metrics.scaling`.
        generated: the same features of the showers to judge.
        rng: of the resamples.
        repeats: how many resamples.

    Raises:
        EmptySample: a sample has fewer than two showers.
        BadValue: fewer than two features, or an infinite value.
    """
    need_showers(len(truth), len(generated), 2, "a correlation")
    if truth.shape[1] < 2:
        raise BadValue("number of features", truth.shape[1], "give at least two to correlate")
    t, g = (ranks - ranks.mean(axis=0) for ranks in rank(truth, generated))
    value = correlation_distance(*(_correlations(ranks, np.ones(ranks.shape[1])) for ranks in (t, g)))
    t, g = (ranks.astype(np.float32) for ranks in (t, g))  # resamples differ by far more than its digits

    def drawn(sample: Float[Array, "N f"], size: int) -> Float[Array, "R f f"]:
        return bootstrap(np.arange(len(sample)), lambda rows: _resampled(sample, rows), repeats, rng, size)

    firsts = drawn(t, len(t))
    draws, null = (
        np.array([correlation_distance(*pair) for pair in zip(firsts, drawn(sample, len(g)), strict=True)])
        for sample in (g, t)
    )
    return Measured.with_floor(value, float(draws.std(ddof=1)), null)
