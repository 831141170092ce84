r"""Distances by the CaloChallenge's own procedures, so that a number stands beside those of its tables.

They differ from the package's own in what a paper does not need: no floor, no bin for what lies outside the histogram,
batches drawn with replacement. **Separation**: :math:`\frac12 \sum_i (h_i - g_i)^2 / (h_i + g_i)` of histograms that
sum to one over their bins, the last of them closed. **FPD**: the Fréchet distance of Gaussians fitted to batches, at 10
sizes N from 10,000 to 50,000, even in 1/N, the mean of 20 batches at each, and the straight line through them at
1/N = 0. **KPD**: the squared maximum mean discrepancy with a polynomial kernel of degree 4, the median of 10 batches of
10,000. Both on features divided by the truth's largest absolute value, and multiplied by 1000. Source: CaloChallenge,
arXiv:2410.21611; Kansal et al., arXiv:2211.10295.
"""

__all__ = ["LARGEST_BATCH", "published_fpd", "published_kpd", "published_separation", "separation_of_counts"]

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.metrics.frechet import frechet_distance
from caloforge.metrics.kernel import squared_mmd

LARGEST_BATCH = 50_000
"""Showers of each sample that the published FPD and KPD draw from at least."""

_SMALLEST_BATCH = 10_000
_SIZES, _BATCHES = 10, 20
_KERNEL_BATCHES = 10
_SCALE = 1000.0
_CENTRAL = (15.865, 84.135)  # percentiles a standard deviation to either side

Numbers = tuple[float, float]


def published_separation(truth: Float[Array, " n"], generated: Float[Array, " m"], edges: Float[Array, " e"]) -> float:
    """Separation power within the edges, see `separation_of_counts`.

    Args:
        truth: values of the reference showers.
        generated: values of the generated showers.
        edges: increasing, in the unit of the values; what lies outside is left out.
    """
    counts = [np.histogram(values, edges)[0].astype(np.float64) for values in (truth, generated)]
    return separation_of_counts(counts[0], counts[1])


def separation_of_counts(truth: Float[Array, " b"], generated: Float[Array, " b"]) -> float:
    """Separation power of two histograms: NaN where both are empty, 1 where one of them is.

    Args:
        truth: contents of the bins.
        generated: contents of the same bins.
    """
    sums = truth.sum(), generated.sum()
    if not all(sums):
        return 1.0 if any(sums) else math.nan
    h, g = truth / sums[0], generated / sums[1]
    return float(0.5 * np.divide((h - g) ** 2, h + g, out=np.zeros(len(h)), where=h + g > 0).sum())


def _scaled(truth: Float[Array, "n f"], generated: Float[Array, "m f"]) -> list[Float[Array, "_ f"]]:
    largest = np.abs(truth).max(axis=0).astype(np.float64)
    return [x / np.where(largest > 0, largest, 1.0) for x in (truth, generated)]


def published_fpd(
    truth: Float[Array, "n f"],
    generated: Float[Array, "m f"],
    rng: np.random.Generator,
    sizes: tuple[int, int] = (_SMALLEST_BATCH, LARGEST_BATCH),
) -> Numbers:
    """1000 FPD and the standard error of the line's end.

    Args:
        truth: features of the reference showers, all defined.
        generated: the same features of the showers to judge.
        rng: of the batches, which are drawn with replacement, truth before generated.
        sizes: smallest and largest batch.
    """
    samples = _scaled(truth, generated)
    counts = np.rint(1 / np.linspace(1 / sizes[0], 1 / sizes[1], _SIZES)).astype(int)
    means = []
    for count in counts:
        drawn = ([x[rng.integers(len(x), size=count)] for x in samples] for _ in range(_BATCHES))
        means.append(np.mean([frechet_distance(*_moments(t), *_moments(g)) for t, g in drawn]))
    line, covariance = np.polyfit(1 / counts, means, 1, cov=True)
    return _SCALE * float(line[1]), _SCALE * float(np.sqrt(covariance[1, 1]))


def _moments(x: Float[Array, "n f"]) -> tuple[Float[Array, " f"], Float[Array, "f f"]]:
    return x.mean(axis=0), np.cov(x, rowvar=False)


def published_kpd(
    truth: Float[Array, "n f"],
    generated: Float[Array, "m f"],
    rng: np.random.Generator,
    size: int = _SMALLEST_BATCH,
) -> Numbers:
    """1000 KPD and half the width of the central 68 % of the batches.

    Args:
        truth: features of the reference showers, all defined.
        generated: the same features of the showers to judge.
        rng: of the batches, which are drawn with replacement, truth before generated.
        size: of a batch.
    """
    samples = _scaled(truth, generated)
    drawn = ([x[rng.integers(len(x), size=size)] for x in samples] for _ in range(_KERNEL_BATCHES))
    values = [squared_mmd(t, g) for t, g in drawn]
    low, high = np.percentile(values, _CENTRAL)
    return _SCALE * float(np.median(values)), _SCALE * float(high - low) / 2
