r"""Statistical amplification: how many showers of full simulation a generated sample is worth, for an observable T(h).

The truth's quantiles cut the range of T into q cells of equal probability. In n showers of the truth the contents
:math:`p_k` of a cell have the variance :math:`p_k(1 - p_k)/n`, so the sum of squared deviations of a generated sample,

.. math:: D = \sum_k \Big[(g_k - t_k)^2 - \frac{t_k(1-t_k)}{n_t - 1}\Big], \qquad
          n_\text{eq} = \frac{\sum_k p_k (1-p_k)}{D},

equals that of :math:`n_\text{eq}` true showers; the second term takes out the noise of the finite truth, and the cells
are made from one half of it and counted with the other. A large sample of a perfect generator would be worth more
and more; a biased one is worth no more than its bias allows. Source: Butter et al., arXiv:2008.06545.
"""

__all__ = ["Equivalent", "equivalent_showers"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

from caloforge.errors import EmptySample

_DRAWS = 400
_FEWEST_PER_CELL = 20


@dataclass(frozen=True)
class Equivalent:
    """Showers of full simulation that ``generated`` showers are worth.

    ``value`` is the estimate, infinite where the deviation is not above the noise of the truth; ``interval`` is its
    95 % interval, from bootstrap resamples of both samples; ``limit`` is the number that the truth at hand could just
    tell from infinitely many.
    """

    value: float
    interval: tuple[float, float]
    limit: float
    generated: int
    truth: int
    cells: int

    def amplification(self, training: int) -> tuple[float, float, float]:
        """Value and interval over the number of training showers."""
        return (self.value / training, self.interval[0] / training, self.interval[1] / training)


def equivalent_showers(
    truth: Float[Array, " n"], generated: Float[Array, " m"], rng: np.random.Generator, cells: int = 10
) -> Equivalent:
    """Equivalent number of true showers of a generated sample, for one observable (NaN is left out).

    Raises:
        EmptySample: fewer than 20 showers in a cell of half the truth, or of the generated sample.
    """
    known, made = truth[~np.isnan(truth)], generated[~np.isnan(generated)]
    if min(len(known) // 2, len(made)) < _FEWEST_PER_CELL * cells:
        wanted = f"{cells} cells need {2 * _FEWEST_PER_CELL * cells} true and half as many generated showers"
        raise EmptySample(wanted, len(known), len(made))
    order = rng.permutation(len(known))
    for_cells, counted = known[order[::2]], known[order[1::2]]
    edges = np.quantile(for_cells, np.arange(1, cells) / cells)
    t, g = (_counts(x, edges) for x in (counted, made))
    noise = float(((t / t.sum()) * (1 - t / t.sum())).sum())
    drawn_t, drawn_g = (rng.multinomial(int(x.sum()), x / x.sum(), _DRAWS) for x in (t, g))
    deviation = _deviation(t[None], g[None])[0]
    # a resample adds its own noise once more to both samples
    deviations = _deviation(drawn_t, drawn_g) - noise / t.sum() - noise / g.sum()
    worth = [_worth(noise, float(d)) for d in (deviation, *np.quantile(deviations, [0.975, 0.025]))]
    return Equivalent(worth[0], (worth[1], worth[2]), _limit(t, noise), len(made), len(known), cells)


def _counts(values: Float[Array, " n"], edges: Float[Array, " e"]) -> Int[Array, " q"]:
    return np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)


def _deviation(t: Int[Array, "R q"], g: Int[Array, "R q"]) -> Float[Array, " R"]:
    n = t.sum(axis=1, keepdims=True)
    p, made = t / n, g / g.sum(axis=1, keepdims=True)
    return ((made - p) ** 2 - p * (1 - p) / (n - 1)).sum(axis=1)


def _worth(noise: float, deviation: float) -> float:
    return noise / deviation if deviation > 0 else float("inf")


def _limit(t: Int[Array, " q"], noise: float) -> float:
    """With two standard deviations of the truth's own noise term."""
    n, p = float(t.sum()), t / t.sum()
    return noise / (2 * float(np.sqrt(2 * ((p * (1 - p)) ** 2).sum())) / n)
