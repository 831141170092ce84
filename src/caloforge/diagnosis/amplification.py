r"""Statistical amplification: how many showers of full simulation a generated sample is worth, for an observable T(h).

The quantiles of the generated sample cut the range of T into q cells. In n showers of the truth the content of a cell
of probability :math:`p_k` has the variance :math:`p_k(1 - p_k)/n`, so with contents :math:`g_k` and :math:`t_k` of m
generated and n true showers the squared deviation from the true distribution, and the number of true showers that
deviate as much, are

.. math:: D = \sum_k \Big[(g_k - t_k)^2 - \frac{t_k(1-t_k)}{n - 1}\Big], \qquad
          n_\text{eq} = \frac{\sum_k p_k (1-p_k)}{D}, \qquad
          n_\text{eq}(\infty) = \frac{\sum_k p_k (1-p_k)}{D - \sum_k p_k(1-p_k)/m} ;

the second term of D takes out the noise of the finite truth. The probability between two quantiles of m showers
scatters by :math:`p(1-p)/m`, exactly as a count does, so all showers serve for the cells and for the counts. With more
and more showers :math:`n_\text{eq}` of a perfect generator grows without limit; that of a biased one saturates at
:math:`n_\text{eq}(\infty)`. The generator amplifies its training sample where :math:`n_\text{eq}` is above the number
of training showers. Source: Butter et al., arXiv:2008.06545.
"""

__all__ = ["Amplification", "Equivalent", "amplification", "equivalent_showers"]

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import EmptySample
from caloforge.rng import stream

_DRAWS = 1000
_FEWEST_PER_CELL = 20
_SIGMAS = 1.96  # of a 95 % interval

Interval = tuple[float, float]


@dataclass(frozen=True)
class Equivalent:
    """Showers of full simulation that a generated sample is worth.

    Args:
        value: the estimate, infinite where the deviation is not above the noise of the truth.
        interval: its 95 % interval, from bootstrap resamples of both samples.
        ceiling: what any number of generated showers would be worth.
        ceiling_interval: its 95 % interval.
        limit: the number that the truth at hand could just tell from infinitely many.
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
        """Value and interval over the number of training showers: the amplification."""
        return (self.value / training, self.interval[0] / training, self.interval[1] / training)

    def truth_needed(self, number: int) -> int:
        """True showers with which a perfect sample could just be told from ``number`` true showers."""
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
        return "more" if low > self.training else "less" if high < self.training else "cannot tell"

    @property
    def text(self) -> str:
        """The verdict in words."""
        factor, low, high = (f"{x:.2g}" if np.isfinite(x) else "any number" for x in self.worth.factor(self.training))
        if self.verdict != "cannot tell":
            return f"worth {self.verdict} than its training sample: {factor} times ({low} to {high})"
        needed = self.worth.truth_needed(self.training)
        if needed > self.worth.truth:
            return f"cannot tell: at least {needed} true showers are needed, {self.worth.truth} were given"
        return f"cannot tell: {low} to {high} times the training sample; more true showers would narrow this"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, None where infinite."""
        named = {"training_showers": self.training, "verdict": self.verdict, "text": self.text}
        return {**named, **_plain(self.worth), "factor": _finite(self.worth.factor(self.training))} | {
            "truth_needed": self.worth.truth_needed(self.training),
            "curve": [_plain(point) for point in self.curve],
        }


def _plain(point: Equivalent) -> dict[str, Any]:
    names = ("value", "interval", "ceiling", "ceiling_interval", "limit", "generated", "truth", "cells")
    return {name: _finite(getattr(point, name)) for name in names}


def _finite(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_finite(x) for x in value]
    return value if np.isfinite(value) else None


def amplification(
    name: str, truth: Float[Array, " n"], generated: Float[Array, " m"], training: int, seed: int, cells: int = 10
) -> Amplification:
    """Worth of a generated sample and of its first showers.

    Args:
        name: of the observable.
        truth: its values in true showers that the generator was not trained on; NaN is left out.
        generated: its values in generated showers whose incident energies are independent of the truth's.
        training: training showers of the generator.
        seed: of the bootstrap.
        cells: quantiles.

    Raises:
        EmptySample: as `equivalent_showers`.
    """
    made = generated[~np.isnan(generated)]
    sizes = [size for size in _sizes(len(made)) if size >= _FEWEST_PER_CELL * cells]
    curve = [
        equivalent_showers(truth, made[:size], stream(seed, f"amplification {name}", size), cells) for size in sizes
    ]
    worth = equivalent_showers(truth, made, stream(seed, f"amplification {name}"), cells)
    return Amplification(name, training, worth, (*curve, worth))


def _sizes(most: int) -> list[int]:
    """1, 2 and 5 times powers of ten, below ``most``."""
    sizes = [step * 10**power for power in range(8) for step in (1, 2, 5)]
    return [size for size in sizes if size < most]


def equivalent_showers(
    truth: Float[Array, " n"], generated: Float[Array, " m"], rng: np.random.Generator, cells: int = 10
) -> Equivalent:
    """Equivalent number of true showers of a generated sample, for one observable (NaN is left out).

    Raises:
        EmptySample: fewer than 20 showers of either sample in a cell.
    """
    known, made = truth[~np.isnan(truth)], generated[~np.isnan(generated)]
    if min(len(known), len(made)) < _FEWEST_PER_CELL * cells:
        raise EmptySample(f"{cells} cells need {_FEWEST_PER_CELL * cells} showers of each", len(known), len(made))
    edges = np.unique(np.quantile(made, np.arange(1, cells) / cells))
    t, g = (_counts(x, edges) for x in (known, made))
    n, m, p = len(known), len(made), t / t.sum()
    noise = float((p * (1 - p)).sum())
    drawn = (rng.multinomial(int(x.sum()), x / x.sum(), _DRAWS) for x in (t, g))
    # a resample adds its own noise once more to both samples
    deviations = _deviation(*drawn) - noise / n - noise / m
    found = np.array([_deviation(t[None], g[None])[0], *np.quantile(deviations, [0.975, 0.025])])
    worth, ceiling = ([_worth(noise, float(d)) for d in found - own] for own in (0.0, noise / m))
    return Equivalent(
        worth[0], (worth[1], worth[2]), ceiling[0], (ceiling[1], ceiling[2]), _limit(p, n), m, n, len(edges) + 1
    )


def _counts(values: Float[Array, " n"], edges: Float[Array, " e"]) -> Int[Array, " q"]:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def _deviation(t: Int[Array, "R q"], g: Int[Array, "R q"]) -> Float[Array, " R"]:
    n = t.sum(axis=1, keepdims=True)
    p, made = t / n, g / g.sum(axis=1, keepdims=True)
    return ((made - p) ** 2 - p * (1 - p) / (n - 1)).sum(axis=1)


def _worth(noise: float, deviation: float) -> float:
    return noise / deviation if deviation > 0 else float("inf")


def _limit(p: Float[Array, " q"], n: int) -> float:
    """The number whose deviation is 1.96 standard deviations of the truth's own noise.

    The sum of squares of multinomial deviations with the covariance C has the variance 2 tr C^2.
    """
    trace = float((p**2).sum() - 2 * (p**3).sum() + (p**2).sum() ** 2)
    return n * float((p * (1 - p)).sum()) / (_SIGMAS * np.sqrt(2 * trace))
