r"""Moments, quantiles and the maximum of weighted distributions, many at once: one row a shower, one column a position.

With weights :math:`w_k` (energies) at positions :math:`q_k`,

.. math:: \bar q = \frac{\sum_k w_k q_k}{\sum_k w_k}, \qquad m_p = \frac{\sum_k w_k (q_k - \bar q)^p}{\sum_k w_k},
          \qquad \sigma = \sqrt{m_2}, \quad \gamma_1 = \frac{m_3}{m_2^{3/2}}, \quad \gamma_2 = \frac{m_4}{m_2^2} - 3 .

What does not exist (the centre of nothing, the skewness of one point) is NaN, never zero.
"""

__all__ = ["ratio", "centre", "width", "skewness", "kurtosis", "quantile", "maximum"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

_POINT = 1e-12  # a variance below this part of the squared range is that of a single point


def ratio(above: Float[Array, "..."], below: Float[Array, "..."]) -> Float[Array, "..."]:
    """Quotient of two arrays of one shape, NaN where the denominator is not positive.

    Args:
        above: numerators.
        below: denominators, in the same shape.
    """
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def centre(weights: Float[Array, "N K"], positions: Float[Array, " K"]) -> Float[Array, " N"]:
    """Weighted mean of the positions.

    Args:
        weights: (N, K) energies, or other weights that are not negative.
        positions: (K,) in any unit.
    """
    return ratio(weights @ positions, weights.sum(axis=1))


def _central(weights: Float[Array, "N K"], positions: Float[Array, " K"], power: int) -> Float[Array, " N"]:
    away = positions - centre(weights, positions)[:, None]
    return ratio((weights * np.multiply.reduce([away] * power)).sum(axis=1), weights.sum(axis=1))


def width(weights: Float[Array, "N K"], positions: Float[Array, " K"]) -> Float[Array, " N"]:
    """Weighted standard deviation of the positions.

    Args:
        weights: (N, K) energies, or other weights that are not negative.
        positions: (K,) in any unit.
    """
    return np.sqrt(_central(weights, positions, 2))


def _variance(weights: Float[Array, "N K"], positions: Float[Array, " K"]) -> Float[Array, " N"]:
    """NaN where all the weight sits at one position."""
    square = _central(weights, positions, 2)
    return np.where(square > _POINT * np.ptp(positions) ** 2, square, np.nan)


def skewness(weights: Float[Array, "N K"], positions: Float[Array, " K"]) -> Float[Array, " N"]:
    """Third standardised moment.

    Args:
        weights: (N, K) energies, or other weights that are not negative.
        positions: (K,) in any unit.
    """
    return _central(weights, positions, 3) / _variance(weights, positions) ** 1.5


def kurtosis(weights: Float[Array, "N K"], positions: Float[Array, " K"]) -> Float[Array, " N"]:
    """Fourth standardised moment minus three, the value of a Gaussian.

    Args:
        weights: (N, K) energies, or other weights that are not negative.
        positions: (K,) in any unit.
    """
    return _central(weights, positions, 4) / _variance(weights, positions) ** 2 - 3


def quantile(weights: Float[Array, "N K"], edges: Float[Array, "K 2"], share: float) -> Float[Array, " N"]:
    """Position below which a share of the weight lies, the weight spread evenly over each interval.

    Args:
        weights: content of the intervals.
        edges: low and high end of each, increasing.
        share: between 0 and 1.
    """
    rows, below = np.arange(len(weights)), np.cumsum(weights, axis=1)
    target = share * below[:, -1]
    interval = np.minimum((below < target[:, None]).sum(axis=1), weights.shape[1] - 1)
    content = weights[rows, interval]
    inside = ratio(target - (below[rows, interval] - content), content)
    return edges[interval, 0] + inside * (edges[interval, 1] - edges[interval, 0])


def maximum(density: Float[Array, "N K"], positions: Float[Array, " K"]) -> Float[Array, " N"]:
    """Vertex of the parabola through the highest point and its neighbours; the highest point itself at either end.

    Rows without a positive value are NaN. The vertex lies between the middles of the two intervals about the point.

    Args:
        density: (N, K) values at the positions.
        positions: (K,) rising.
    """
    last = density.shape[1] - 1
    peak = density.argmax(axis=1)
    vertex = np.where(density.max(axis=1) > 0, positions[peak], np.nan)
    rows = np.flatnonzero((peak > 0) & (peak < last))
    left, middle, right = (peak[rows] + shift for shift in (-1, 0, 1))
    up = (density[rows, middle] - density[rows, left]) / (positions[middle] - positions[left])
    down = (density[rows, right] - density[rows, middle]) / (positions[right] - positions[middle])
    start, step = 0.5 * (positions[left] + positions[middle]), 0.5 * (positions[right] - positions[left])
    curved = up > down
    vertex[rows[curved]] = (start + step * up / np.where(curved, up - down, 1.0))[curved]
    return vertex
