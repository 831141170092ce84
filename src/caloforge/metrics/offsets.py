r"""How far mean and width of an observable are off, relative to the truth and with their errors.

.. math:: \Delta_\mu = \frac{\mu_g - \mu_t}{\max(|\mu_t|, \sigma_t)}, \qquad
          \Delta_\sigma = \frac{\sigma_g - \sigma_t}{\sigma_t}

with means :math:`\mu` and standard deviations :math:`\sigma`: a mean is off in percent of itself, or of the standard
deviation where that is larger (the centre of a shower lies at zero). The error of :math:`\mu` is
:math:`\sigma/\sqrt n`, that of :math:`\sigma` is :math:`\sigma \sqrt{(k - 1)/4n}` with the kurtosis k, the fourth
central moment over :math:`\sigma^4`, of the sample that has the larger one: the other may only lack the tail. Of N
offsets that are looked at together the largest says little by itself; its significance is that of a single one with the
same chance :math:`1 - (1 - p)^N` (Šidák, J. Am. Stat. Assoc. 62 (1967) 626).
"""

__all__ = ["Offset", "furthest", "offsets"]

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy.special import log_ndtr, ndtri_exp

from caloforge.metrics.scaling import ROUNDING

Moment = Literal["mean", "width"]
_FEWEST = 100  # defined values
_UNSURE = 0.12  # relative error of a width from which on it says nothing: a few showers make it


@dataclass(frozen=True)
class Offset:
    """One moment of one column.

    Args:
        moment: mean, or width (standard deviation).
        column: of the observable.
        value: relative to the truth.
        error: its standard error.
        n: showers of the smaller sample with a value.
        place: part of the samples in words, empty for all showers.
    """

    moment: Moment
    column: int
    value: float
    error: float
    n: int
    place: str = ""

    @property
    def sigma(self) -> float:
        """In standard errors, without sign."""
        return abs(self.value) / max(self.error, 1e-12)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class _Moments(NamedTuple):
    showers: Int[Array, " k"]
    mean: Float[Array, " k"]
    width: Float[Array, " k"]
    kurtosis: Float[Array, " k"]


def _moments(values: Float[Array, "n k"]) -> _Moments:
    defined = ~np.isnan(values)
    count = defined.sum(axis=0)
    n = np.maximum(count, 1)
    mean = np.where(defined, values, 0).sum(axis=0) / n
    square = np.where(defined, values - mean, 0) ** 2
    variance = square.sum(axis=0) / np.maximum(n - 1, 1)
    kurtosis = (square**2).sum(axis=0) / n / np.where(variance > 0, variance, 1) ** 2
    return _Moments(count, mean, np.sqrt(variance), kurtosis)


def offsets(truth: Float[Array, "n k"], generated: Float[Array, "m k"], place: str = "") -> tuple[Offset, ...]:
    """Mean and width of every column with a value in at least 100 showers of both samples.

    A column that is constant in the truth has none, and the error of a width that is not known to 12 % is infinite: a
    few showers make it.

    Args:
        truth: an observable of the reference showers; NaN where undefined.
        generated: of the showers to judge.
        place: part of the samples in words, empty for all showers.
    """
    t, g = (_moments(values.astype(np.float64)) for values in (truth, generated))
    unit = np.maximum(np.abs(t.mean), t.width)
    spread = np.maximum(np.maximum(t.kurtosis, g.kurtosis) - 1, 0) / 4
    moving = t.width > np.maximum(ROUNDING, 1e-6 * np.abs(t.mean))
    listed: list[Offset] = []
    for i in np.flatnonzero(moving & (np.minimum(t.showers, g.showers) >= _FEWEST)):
        n, m = int(t.showers[i]), int(g.showers[i])
        error = np.hypot(t.width[i] / np.sqrt(n), g.width[i] / np.sqrt(m)) / unit[i]
        shift = (g.mean[i] - t.mean[i]) / unit[i]
        listed.append(Offset("mean", int(i), float(shift), float(error), min(n, m), place))
        ratio = g.width[i] / t.width[i]
        error = np.sqrt(spread[i]) * np.hypot(ratio / np.sqrt(m), 1 / np.sqrt(n))
        error = error if error < _UNSURE * max(ratio, 1) else np.inf
        listed.append(Offset("width", int(i), float(ratio - 1), float(error), min(n, m), place))
    return tuple(listed)


def furthest(candidates: Sequence[Offset]) -> tuple[Offset, float] | None:
    """The offset that is furthest in standard errors, and its significance as the furthest of so many.

    Args:
        candidates: looked at together.

    Returns:
        None where there is nothing to look at.
    """
    if not candidates:
        return None
    worst = max(candidates, key=lambda offset: offset.sigma)
    single = min(float(np.log(2) + log_ndtr(-worst.sigma)), -1e-12)  # logarithm of the chance of either sign
    together = min(single + np.log(len(candidates)), _log_of_any(single, len(candidates)))
    return worst, max(-float(ndtri_exp(together - np.log(2))), 0.0)


def _log_of_any(single: float, number: int) -> float:
    """Logarithm of the chance that any of so many independent ones comes true, where that is not tiny."""
    chance = -np.expm1(number * np.log1p(-np.exp(single)))
    return float(np.log(chance)) if chance > 0 else np.inf
