r"""How unlikely are values beyond the bulk of a sample? Generalised Pareto tails of each column.

Of N values the k largest exceed a threshold u by y > 0. Their excesses follow, for high thresholds,

.. math:: P(x > u + y) = \frac{k}{N} \Big(1 + \frac{\xi y}{\sigma}\Big)^{-1/\xi},

the exponential :math:`e^{-y/\sigma}` where :math:`\xi = 0`. Scale and shape come from probability-weighted moments of
the excesses in ascending order,

.. math:: a_0 = \bar y, \quad a_1 = \frac1k \sum_j \Big(1 - \frac{j - 0.35}{k}\Big) y_{(j)}, \quad
          \xi = 2 - \frac{a_0}{a_0 - 2 a_1}, \quad \sigma = \frac{2 a_0 a_1}{a_0 - 2 a_1}.

A shape below zero would give the tail an end, beyond which nothing were possible; it is set to zero. Source: Hosking
and Wallis, Technometrics 29 (1987) 339.
"""

__all__ = ["FEWEST_EXCESSES", "Tail"]

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

FEWEST_EXCESSES = 20
_HEAVIEST = 0.95  # the moments exist below one


@dataclass(frozen=True, eq=False)
class Tail:
    """The upper tail of every column of a sample.

    Args:
        size: values of each column, N.
        threshold: u.
        scale: sigma; infinite where fewer than `FEWEST_EXCESSES` values lie beyond u, so that nothing is extrapolated.
        shape: xi, not negative.
        excesses: values beyond u, k.
    """

    size: int
    threshold: Float[Array, " k"]
    scale: Float[Array, " k"]
    shape: Float[Array, " k"]
    excesses: Int[Array, " k"]

    @classmethod
    def fit(cls, values: Float[Array, "n k"], share: float) -> "Tail":
        """The tail that starts where this share of the values lies beyond.

        Args:
            values: of each column, more than `FEWEST_EXCESSES`; NaN is never beyond.
            share: of the values, in the tail; more where that would be fewer than `FEWEST_EXCESSES`.
        """
        n = len(values)
        length = min(max(FEWEST_EXCESSES, int(share * n)), n - 1)
        filled = np.where(np.isnan(values), -np.inf, values)
        top = np.sort(np.partition(filled, n - length - 1, axis=0)[n - length - 1 :], axis=0)
        threshold = np.where(
            np.isfinite(top[0]), top[0], np.nanmin(top, axis=0, where=np.isfinite(top), initial=np.inf)
        )
        excess = np.maximum(top - threshold, 0)
        beyond = excess > 0
        count = beyond.sum(axis=0)
        weight = np.where(beyond, 1 - (beyond.cumsum(axis=0) - 0.35) / np.maximum(count, 1), 0)
        first, second = (x.sum(axis=0) / np.maximum(count, 1) for x in (excess, weight * excess))
        difference = first - 2 * second
        safe = np.where(difference > 0, difference, 1)
        shape = np.where(difference > 0, np.clip(2 - first / safe, 0, _HEAVIEST), 0)
        scale = np.where(shape > 0, first * (1 - shape), first)
        return cls(n, threshold, np.where(count >= FEWEST_EXCESSES, scale, np.inf), shape, count)

    def widened(self) -> "Tail":
        """The tail with its scale one standard error larger, which is one part in the root of the excesses."""
        return replace(self, scale=self.scale * (1 + 1 / np.sqrt(np.maximum(self.excesses, 1))))

    def surprise(self, values: Float[Array, "m k"]) -> Float[Array, "m k"]:
        """Minus the logarithm of the chance of a value as large or larger; zero within the bulk and where undefined.

        Args:
            values: of the same columns.
        """
        excess = values - self.threshold
        surprise = np.zeros(values.shape)
        column = np.nonzero(tail := excess > 0)[1]  # few are beyond
        shape, ratio = self.shape[column], excess[tail] / self.scale[column]
        beyond = np.where(shape > 0, np.log1p(shape * ratio) / np.where(shape > 0, shape, 1), ratio)
        surprise[tail] = np.log((self.size + 1) / (self.excesses + 1))[column] + beyond
        return surprise
