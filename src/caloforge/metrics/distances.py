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
from scipy.sparse import csr_array
from scipy.special import kolmogorov
from scipy.stats import kstwo

from caloforge.metrics.measured import Measured, need_showers, summarise
from caloforge.metrics.scaling import standardise
from caloforge.metrics.separation import Resamples

_NULL_MEAN = np.sqrt(np.pi / 2) * np.log(2)
_NULL_SPREAD = np.sqrt(np.pi**2 / 12 - np.pi / 2 * np.log(2) ** 2)

_GROUPS, _WIDEST = 1024, 512  # of sorted values, where they are more; gaps that no group spans
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
    return _area(values[order], signed[order])


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
    once = np.concatenate([np.full(len(t), 1 / len(t)), np.full(len(g), -1 / len(g))])
    areas = [_areas(x, len(t), once, *resamples.steps) for x in np.concatenate([t, g]).T]
    values, draws, floors = (np.stack(parts) for parts in zip(*areas, strict=True))
    return summarise(values, draws.T, floors.T)


def _areas(
    values: Float[Array, " N"],
    n: int,
    once: Float[Array, " N"],
    drawn: Float[Array, "N R"],
    null: Float[Array, "n R"],
) -> tuple[float, Float[Array, " R"], Float[Array, " R"]]:
    """Areas of the value, its resamples and the floor, of which the last has the first n values; sorted once."""
    order = np.argsort(values)
    of_truth = order[order < n]
    ordered = values[order]
    return (
        _area(ordered, once[order]),
        _grouped_areas(ordered, order, drawn),
        _grouped_areas(values[of_truth], of_truth, null),
    )


def _area(ordered: Float[Array, " N"], signed: Float[Array, " N"]) -> float:
    """Area between the distribution functions, of weights positive for the truth and negative for the other."""
    return float(np.diff(ordered) @ np.abs(np.cumsum(signed)[:-1]))


def _grouped_areas(
    ordered: Float[Array, " N"], order: Int[Array, " N"], signed: Float[Array, "N R"]
) -> Float[Array, " R"]:
    r"""The same for R sets of weights: exact up to 1,536 values, beyond them across the 512 widest gaps.

    Between, the height behind each group of neighbours holds from its middle to that of the next one. Among N values
    the height is a sum of random steps, :math:`\sqrt N` of them where a group of g adds :math:`\sqrt g`, whose sign is
    as often either: the area is right to about :math:`g/N`, a thousandth.
    """
    starts = _groups(ordered)
    ends = np.append(starts[1:], len(ordered))
    sums = csr_array(
        (np.ones(len(order), signed.dtype), order, np.append(starts, len(order))), (len(starts), len(order))
    )
    height = np.cumsum(sums @ signed, axis=0)[:-1]
    middle = (ordered[(starts + ends - 1) // 2] + ordered[(starts + ends) // 2]) / 2
    return np.diff(middle).astype(signed.dtype) @ np.abs(height, out=height)


def _groups(ordered: Float[Array, " N"]) -> Int[Array, " G"]:
    """Where each group of sorted values begins; equal ones stay together."""
    begins, gaps = np.ones(len(ordered), bool), np.diff(ordered)
    if len(ordered) > _GROUPS + _WIDEST:
        begins = np.arange(len(ordered)) % -(-len(ordered) // _GROUPS) == 0
        begins[1:] |= gaps > np.partition(gaps, -_WIDEST)[-_WIDEST]
    begins[1:] &= gaps > 0
    return np.flatnonzero(begins)
