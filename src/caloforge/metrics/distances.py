r"""Distances of one-dimensional distribution functions: Wasserstein-1 and Kolmogorov-Smirnov, column by column.

With the empirical distribution functions :math:`F` of n truth and :math:`G` of m generated showers,

.. math:: W_1 = \int |F(x) - G(x)|\,dx, \qquad D = \sup_x |F(x) - G(x)|.

:math:`W_1` is given in units of the truth's standard deviation: the mean distance that an observable must be moved. A
pure shift by d standard deviations has :math:`W_1 = d`. Both need no bins. Sources: Villani, Topics in Optimal
Transportation (2003), section 2.2; Kolmogorov (1933), Smirnov (1948); p-values in few showers: Stephens, J. R. Stat.
Soc. B 32 (1970) 115.
"""

__all__ = ["KolmogorovSmirnov", "kolmogorov_smirnov", "measure_wasserstein", "wasserstein"]

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.special import kolmogorov
from scipy.stats import kstwo

from caloforge.metrics.measured import Measured, need_showers, summarise
from caloforge.metrics.scaling import standardise
from caloforge.metrics.separation import Resamples

_NULL_MEAN = np.sqrt(np.pi / 2) * np.log(2)
_NULL_SPREAD = np.sqrt(np.pi**2 / 12 - np.pi / 2 * np.log(2) ** 2)

_AT_ONCE = 512  # values
_EXACT_BELOW = 30  # nm / (n + m); above, Stephens' formula is right to 2 %, and far quicker


@dataclass(frozen=True)
class KolmogorovSmirnov:
    r"""Largest distance of two distribution functions, and the chance of one as large between two truth samples.

    Args:
        distance: D, between 0 and 1.
        p_value: from the distribution of D for continuous values; too large, never too small, for whole numbers.
        error: standard error of F - G where it is largest, :math:`\sqrt{F(1-F)/n + G(1-G)/m}`.
        floor: mean of D between two truth samples, :math:`\sqrt{\pi/2}\,\ln 2\,/\sqrt{N}` with 1/N = 1/n + 1/m.
        floor_spread: its standard deviation, :math:`\sqrt{\pi^2/12 - (\pi/2)\ln^2 2}\,/\sqrt{N}`.
    """

    distance: float
    p_value: float
    error: float
    floor: float
    floor_spread: float

    @property
    def measured(self) -> Measured:
        """The distance beside its floor, like every other metric."""
        return Measured(self.distance, self.error, self.floor, self.floor_spread)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {**self.measured.to_dict(), "p_value": self.p_value}


def kolmogorov_smirnov(truth: Float[Array, "n k"], generated: Float[Array, "m k"]) -> tuple[KolmogorovSmirnov, ...]:
    """Two-sample Kolmogorov-Smirnov test of each column; undefined values (NaN) rank above all others.

    Args:
        truth: observables of the reference showers, in any units.
        generated: the same columns of the showers to judge.

    Raises:
        EmptySample: one of the samples has no shower.
    """
    need_showers(len(truth), len(generated))
    return tuple(_kolmogorov_smirnov(t, g) for t, g in zip(truth.T, generated.T, strict=True))


def _kolmogorov_smirnov(truth: Float[Array, " n"], generated: Float[Array, " m"]) -> KolmogorovSmirnov:
    n, m = len(truth), len(generated)
    t, g = (np.sort(np.nan_to_num(x, nan=np.inf, posinf=np.inf)) for x in (truth, generated))
    points = np.concatenate([t, g])
    f, h = (np.searchsorted(x, points, side="right") / x.size for x in (t, g))
    at = int(np.abs(f - h).argmax())
    distance, size = abs(float(f[at] - h[at])), n * m / (n + m)
    error = float(np.sqrt(f[at] * (1 - f[at]) / n + h[at] * (1 - h[at]) / m))
    root = np.sqrt(size)
    exact = size < _EXACT_BELOW
    p_value = float(
        kstwo.sf(distance, max(round(size), 1)) if exact else kolmogorov(distance * (root + 0.12 + 0.11 / root))
    )
    return KolmogorovSmirnov(
        distance, p_value, error, float(_NULL_MEAN / np.sqrt(size)), float(_NULL_SPREAD / np.sqrt(size))
    )


def wasserstein(truth: Float[Array, " n"], generated: Float[Array, " m"]) -> float:
    """Wasserstein-1 distance of two samples in their own unit.

    Args:
        truth: values of the reference showers, all defined.
        generated: values of the showers to judge, in the same unit.

    Example:
        >>> wasserstein(np.array([0.0, 1.0]), np.array([2.0, 3.0]))
        2.0
    """
    signed = np.concatenate([np.full(len(truth), 1 / len(truth)), np.full(len(generated), -1 / len(generated))])
    values = np.concatenate([truth, generated])
    order = np.argsort(values)
    return float(_area(values[order], order, signed[:, None])[0])


def measure_wasserstein(
    truth: Float[Array, "n k"], generated: Float[Array, "m k"], resamples: Resamples
) -> tuple[Measured, tuple[Measured, ...]]:
    """Wasserstein-1 in units of the truth's standard deviation: the mean over the columns, and each column.

    Error and floor come from bootstrap resamples of the showers, as for the separation power: the floor has the sizes
    of the comparison, n and m. A distribution function does not mind that a shower is drawn twice.

    Args:
        truth: reference showers; NaN where undefined, see `caloforge.metrics.scaling`.
        generated: showers to judge.
        resamples: of both samples; observables may share them.

    Raises:
        BadValue: a value is infinite.
    """
    t, g = standardise(truth, generated)
    n, m = len(t), len(g)
    once = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)])[:, None]
    drawn = np.concatenate([resamples.truth.T / n, -resamples.generated.T / m])  # float32: 1e-7 of an error is enough
    null = np.ascontiguousarray(resamples.truth.T / n - resamples.null.T / m)
    areas = [_areas(x, n, (once, drawn, null)) for x in np.concatenate([t, g]).T]
    values, draws, floors = (np.stack(parts) for parts in zip(*areas, strict=True))
    return summarise(values[:, 0], draws.T, floors.T)


def _areas(
    values: Float[Array, " N"], n: int, weights: tuple[Float[Array, "N 1"], Float[Array, "N R"], Float[Array, "n R"]]
) -> tuple[Float[Array, " 1"], Float[Array, " R"], Float[Array, " R"]]:
    """Areas of the value, its resamples and the floor, of which the last has the first n values; sorted once."""
    order = np.argsort(values, kind="stable")
    of_truth = order[order < n]
    once, drawn, null = weights
    ordered = values[order]
    return _area(ordered, order, once), _area(ordered, order, drawn), _area(values[of_truth], of_truth, null)


def _area(ordered: Float[Array, " N"], order: Int[Array, " N"], signed: Float[Array, "_ R"]) -> Float[Array, " R"]:
    """Area between the distribution functions for R sets of weights, positive for the truth, negative for the other.

    So many values at a time that their weights stay in the processor's cache.
    """
    gaps = np.diff(ordered).astype(signed.dtype)
    area, height = np.zeros(signed.shape[1]), np.zeros(signed.shape[1], signed.dtype)
    for start in range(0, len(gaps), _AT_ONCE):
        steps = signed[order[start : start + _AT_ONCE]]
        steps[0] += height
        np.cumsum(steps, axis=0, out=steps)
        height = steps[-1].copy()
        part = gaps[start : start + _AT_ONCE]
        area += part @ np.abs(steps, out=steps)[: len(part)]
    return area
