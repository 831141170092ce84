r"""Statistical amplification: how many showers of full simulation a generated sample is worth, for an observable T(h).

The quantiles of the generated sample cut the range of T into q cells. In n showers of the truth the content of a cell
of probability :math:`p_k` has the variance :math:`p_k(1 - p_k)/n`, and :math:`V = \sum_k p_k (1 - p_k)` is n times the
sum of them. With contents :math:`g_k` and :math:`t_k` of m generated and n true showers, and the bias :math:`b_k` that
the contents of infinitely many generated showers have,

.. math:: X = \sum_k (g_k - t_k)^2, \qquad \hat B = \max\Big[X - V\Big(\frac1n + \frac1m\Big), 0\Big], \qquad
          n_\text{eq} = \frac{V}{B + V/m} \le m, \qquad n_\text{eq}(\infty) = \frac VB, \qquad B = \sum_k b_k^2 .

:math:`n_\text{eq}` true showers deviate from the true distribution as much as m generated ones do; more and more of
them saturate at :math:`n_\text{eq}(\infty)`. X is a sum of squares of normal numbers, so over its scale it follows a
noncentral :math:`\chi^2` (scale and degrees of freedom from the first two moments, exact for equal cells), whose
noncentrality gives the interval of B. The probability between two quantiles of m showers scatters by
:math:`p(1-p)/m`, exactly as a count does, so all showers serve for the cells and for the counts. The generator
amplifies its training sample where :math:`n_\text{eq}` is above the number of training showers. Source: Butter et al.,
arXiv:2008.06545.
"""

__all__ = ["Amplification", "Equivalent", "amplification", "equivalent_showers"]

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from caloforge.errors import EmptySample
from caloforge.files import finite_json
from caloforge.metrics.histogram import contents

_FEWEST_PER_CELL = 20

Interval = tuple[float, float]


@dataclass(frozen=True)
class Equivalent:
    """Showers of full simulation that a generated sample is worth.

    Args:
        value: the estimate, the size of the sample where no bias is seen.
        interval: its 95 % interval.
        ceiling: what any number of generated showers would be worth, infinite where no bias is seen.
        ceiling_interval: its 95 % interval.
        limit: what any number of showers of a perfect generator would typically be known to be worth at least.
        generated: showers of the sample.
        truth: true showers it was compared with.
        cells: number of quantiles.
    """

    value: float
    interval: Interval
    ceiling: float
    ceiling_interval: Interval
    limit: float
    generated: int
    truth: int
    cells: int

    def factor(self, training: int) -> tuple[float, float, float]:
        """Value and interval over the number of training showers: the amplification.

        Args:
            training: showers that the generator was trained on.
        """
        return (self.value / training, self.interval[0] / training, self.interval[1] / training)

    def truth_needed(self, number: int) -> int:
        """True showers with which a perfect generator would typically be known to be worth more than ``number``.

        Args:
            number: showers to be worth more than.
        """
        return int(np.ceil(self.truth * number / self.limit))


@dataclass(frozen=True)
class Amplification:
    """Worth of a generated sample for one observable, against that of the training sample, and how it saturates.

    Args:
        name: of the observable.
        training: training showers of the generator.
        worth: of the whole generated sample.
        curve: of its first showers, more and more of them.
    """

    name: str
    training: int
    worth: Equivalent
    curve: tuple[Equivalent, ...]

    @property
    def verdict(self) -> str:
        """``more`` or ``less`` than the training sample, else ``cannot tell``."""
        low, high = self.worth.interval
        biased = high < 0.999 * self.worth.generated  # else it may only be small
        return "more" if low > self.training else "less" if biased and high < self.training else "cannot tell"

    @property
    def text(self) -> str:
        """The verdict in words."""
        factor, low, high = (f"{x:.2g}" for x in self.worth.factor(self.training))
        if self.verdict != "cannot tell":
            return f"worth {self.verdict} than its training sample: {factor} times ({low} to {high})"
        if self.worth.generated <= self.training:
            return f"cannot tell: generate more showers than the {self.training} of the training sample"
        needed = self.worth.truth_needed(self.training)
        if needed > self.worth.truth:
            return f"cannot tell: about {needed} true showers are needed, {self.worth.truth} were given"
        return f"cannot tell: {low} to {high} times the training sample; more true showers would narrow this"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, None where infinite."""
        named = {"training_showers": self.training, "verdict": self.verdict, "text": self.text}
        return {**named, **_plain(self.worth), "factor": finite_json(self.worth.factor(self.training))} | {
            "truth_needed": self.worth.truth_needed(self.training),
            "curve": [_plain(point) for point in self.curve],
        }


def _plain(point: Equivalent) -> dict[str, Any]:
    names = ("value", "interval", "ceiling", "ceiling_interval", "limit", "generated", "truth", "cells")
    return {name: finite_json(getattr(point, name)) for name in names}


def amplification(
    name: str, truth: Float[Array, " n"], generated: Float[Array, " m"], training: int, cells: int = 10
) -> Amplification:
    """Worth of a generated sample and of its first showers.

    Args:
        name: of the observable.
        truth: its values in true showers that the generator was not trained on; NaN is left out.
        generated: its values in generated showers whose incident energies are independent of the truth's.
        training: training showers of the generator.
        cells: quantiles.

    Raises:
        EmptySample: as `equivalent_showers`.
    """
    defined = generated[~np.isnan(generated)]
    sizes = [size for size in _sizes(len(defined)) if size >= _FEWEST_PER_CELL * cells]
    curve = [equivalent_showers(truth, defined[:size], cells) for size in sizes]
    worth = equivalent_showers(truth, defined, cells)
    return Amplification(name, training, worth, (*curve, worth))


def _sizes(most: int) -> list[int]:
    """1, 2 and 5 times powers of ten, below ``most``."""
    sizes = [step * 10**power for power in range(8) for step in (1, 2, 5)]
    return [size for size in sizes if size < most]


def equivalent_showers(truth: Float[Array, " n"], generated: Float[Array, " m"], cells: int = 10) -> Equivalent:
    """Equivalent number of true showers of a generated sample, for one observable.

    Args:
        truth: its values in n true showers; NaN is left out.
        generated: its values in m generated showers; NaN is left out.
        cells: q, quantiles of the generated sample.

    Raises:
        EmptySample: fewer than 20 showers of either sample in a cell.
    """
    true_values, generated_values = truth[~np.isnan(truth)], generated[~np.isnan(generated)]
    n, m = len(true_values), len(generated_values)
    if min(n, m) < _FEWEST_PER_CELL * cells:
        raise EmptySample(f"{cells} cells need {_FEWEST_PER_CELL * cells} showers of each", n, m)
    edges = np.unique(np.quantile(generated_values, np.arange(1, cells) / cells))
    p, g = (_contents(x, edges) for x in (true_values, generated_values))
    noise, deviation = _Noise.of(p, 1 / n + 1 / m), float(((g - p) ** 2).sum())
    bias = max(deviation - noise.mean, 0.0), *noise.bias_interval(deviation)
    variance = float((p * (1 - p)).sum())
    (value, high, low), (ceiling, most, least) = (
        [_worth(variance, b + own) for b in bias] for own in (variance / m, 0)
    )
    truth_only = _Noise.of(p, 1 / n)
    limit = _worth(variance, truth_only.bias_interval(truth_only.mean)[1])
    return Equivalent(value, (low, high), ceiling, (least, most), limit, m, n, len(edges) + 1)


def _contents(values: Float[Array, " n"], edges: Float[Array, " e"]) -> Float[Array, " q"]:
    """Share of the values in each cell; the outermost are open."""
    return contents(values, edges)[:-1] / len(values)


def _worth(variance: float, deviation: float) -> float:
    return variance / deviation if deviation > 0 else float("inf")


@dataclass(frozen=True)
class _Noise:
    """Distribution of a sum of squares of multinomial deviations: chi-squared with ``freedom``, times ``scale``."""

    scale: float
    freedom: float

    @classmethod
    def of(cls, p: Float[Array, " q"], per_shower: float) -> "_Noise":
        """Contents of covariance C: mean tr C, variance 2 tr C^2. Source: Satterthwaite, Biometrics 2 (1946) 110."""
        trace = float((p * (1 - p)).sum())
        square = float((p**2).sum() - 2 * (p**3).sum() + (p**2).sum() ** 2)
        return cls(per_shower * square / trace, trace**2 / square)

    @property
    def mean(self) -> float:
        return self.scale * self.freedom

    def bias_interval(self, deviation: float) -> Interval:
        """95 % interval of the squared bias under which a deviation like this is neither too large nor too small."""
        x = deviation / self.scale
        low, high = (self._noncentrality(x, level) for level in (0.975, 0.025))
        return self.scale * low, self.scale * high

    def _noncentrality(self, x: float, level: float) -> float:
        """Where the noncentral chi-squared distribution function of x is ``level``; 0 where it never is."""
        if chi2.cdf(x, self.freedom) <= level:
            return 0.0
        most = 2 * x + 100.0
        return float(brentq(lambda lam: ncx2.cdf(x, self.freedom, lam) - level, 0.0, most))
