r"""Kernel physics distance (KPD): squared maximum mean discrepancy with a polynomial kernel, median of batches.

.. math:: k(x, y) = \Big(\frac{x \cdot y}{f} + 1\Big)^4, \qquad
          \text{MMD}^2 = \frac{\sum_{i\ne j} k(x_i, x_j)}{b(b-1)} + \frac{\sum_{i\ne j} k(y_i, y_j)}{b(b-1)}
                       - \frac{2 \sum_{ij} k(x_i, y_j)}{b^2}

for batches of b showers with f features, each divided by the truth's largest absolute value. It compares all moments up
to the fourth, and its mean is exactly zero for equal distributions at any b. Here the 10 batches are disjoint, so that
they are independent: b is a tenth of the smaller sample, and from 25,000 showers on there are more batches of 2,500
instead. Source: Kansal et al., arXiv:2211.10295; Gretton et al., JMLR 13 (2012) 723; CaloChallenge, arXiv:2410.21611
(which quotes 1000 KPD for 10 batches of 10,000, drawn with replacement).
"""

__all__ = ["measure_kpd", "squared_mmd"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.metrics.measured import Measured, need_showers
from caloforge.metrics.scaling import scale_by_largest

_BATCHES = 10
_MOST = 2500
_FEWEST = 100
_MEDIAN = np.sqrt(np.pi / 2)  # error of a median over that of a mean


def squared_mmd(x: Float[Array, "n f"], y: Float[Array, "m f"]) -> float:
    """Unbiased estimate of the squared MMD, see the module; around zero it takes either sign.

    Args:
        x: features of the first sample, all defined and on one scale; at least two showers.
        y: the same features of the second.
    """
    n, m = len(x), len(y)
    xx, yy, xy = _kernel(x, x), _kernel(y, y), _kernel(x, y)
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2 * xy.mean())


def _kernel(x: Float[Array, "n f"], y: Float[Array, "m f"]) -> Float[Array, "n m"]:
    """Fourth power by squaring twice, in place."""
    gram = x @ y.T
    gram /= x.shape[1]
    gram += 1
    np.square(gram, out=gram)
    return np.square(gram, out=gram)


def _relabelled(group: Float[Array, "B f"], repeats: int, rng: np.random.Generator) -> Float[Array, " R"]:
    """Squared MMD of random halves of one group of showers against the other halves."""
    gram, b = _kernel(group, group), len(group) // 2
    np.fill_diagonal(gram, 0)
    signs = rng.permuted(np.repeat([[1.0], [-1.0]], b, axis=0).repeat(repeats, axis=1), axis=0)
    total, signed = gram.sum(), np.einsum("br,br->r", signs, gram @ signs)
    return (total + signed) / (2 * b * (b - 1)) - (total - signed) / (2 * b * b)


def measure_kpd(
    truth: Float[Array, "n f"], generated: Float[Array, "m f"], rng: np.random.Generator, repeats: int = 100
) -> Measured:
    """Kernel physics distance with error and floor: the median over disjoint batches.

    The error is that of a median of independent values, 1.2533 times the standard error of their mean. The floor takes
    the truth in disjoint groups of two batches, divides each group at random again and again, and takes the median over
    as many batches as the value has: batches of the same size, no shower twice in any of them.

    Args:
        truth: features of the reference showers; NaN where undefined, see `caloforge.metrics.scaling`.
        generated: features of the showers to judge.
        rng: of the batches.
        repeats: draws of the floor.

    Raises:
        EmptySample: fewer than 100 showers in a sample.
        BadValue: a value is infinite.
    """
    need_showers(len(truth), len(generated), _FEWEST, "KPD")
    t, g = (rng.permutation(x) for x in scale_by_largest(truth, generated))
    size = min(len(t), len(g))
    b = min(size // _BATCHES, _MOST)
    batches = size // b
    values = np.array([squared_mmd(t[i * b : (i + 1) * b], g[i * b : (i + 1) * b]) for i in range(batches)])
    null = _null(t, b, batches, repeats, rng)
    error = _MEDIAN * values.std(ddof=1) / np.sqrt(batches)
    return Measured.with_floor(float(np.median(values)), float(error), null)


def _null(
    truth: Float[Array, "n f"], b: int, batches: int, repeats: int, rng: np.random.Generator
) -> Float[Array, " R"]:
    """Medians over so many truth-against-truth batches."""
    groups = min(len(truth) // (2 * b), batches)
    each = -(-batches // groups)
    values = [_relabelled(truth[2 * b * i : 2 * b * (i + 1)], each * repeats, rng) for i in range(groups)]
    per_draw = np.stack(values).reshape(groups, repeats, each).transpose(1, 0, 2).reshape(repeats, -1)
    return np.median(per_draw[:, :batches], axis=1)
