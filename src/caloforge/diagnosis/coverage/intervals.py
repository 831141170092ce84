r"""Coverage: how often the interval of an expectation E[T | c] holds the truth, over many observables and energies.

The interval of a pair, a bin of incident energy and a column of an observable (`coverage.deviations`), holds the truth
where

.. math:: |\delta| \le t_\text{level} \sqrt{\sigma_\text{model}^2 (1 + 1/K) + \sigma_\text{stat}^2} .

Where :math:`\sigma_\text{stat}` is much larger than :math:`\sigma_\text{model}` the coverage tells nothing of the
model, so both are reported.

Pairs are correlated: observables look at the same showers, and a member that is off at one energy is off at the next.
P pairs whose deviations have correlations :math:`\rho_{ab}` count as :math:`P^2 / \sum_{ab} \rho_{ab}^2` independent
ones, since two Gaussians with correlation :math:`\rho` lie within symmetric intervals with a correlation of at most
:math:`\rho^2`. The statistical part of :math:`\rho` comes from the showers, that of the model from the members, where
:math:`r^2` of K members is :math:`1/(K - 1)` on average without any correlation, which is taken out.
"""

__all__ = ["Coverage", "coverage"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.diagnosis.coverage.deviations import Deviations


@dataclass(frozen=True)
class Coverage:
    """Share of intervals that hold the truth.

    Args:
        level: nominal coverage.
        value: measured coverage.
        error: its standard error, as of ``independent`` pairs.
        pairs: bins and columns that were looked at.
        independent: how many independent pairs they are worth.
    """

    level: float
    value: float
    error: float
    pairs: int
    independent: float


def coverage(pairs: Deviations, levels: Sequence[float], factors: Mapping[str, float] | None = None) -> list[Coverage]:
    """Coverage at each level over all pairs.

    Args:
        pairs: model less truth in every bin and column.
        levels: nominal coverages, between 0 and 1.
        factors: observable -> factor on the model error; one where none is given.
    """
    defined, by_observable = pairs.defined, factors or {}
    independent = _independent(pairs, pairs.factors(by_observable))
    result = []
    for level in levels:
        inside = pairs.holds(level, by_observable)[defined].mean()
        error = np.sqrt(level * (1 - level) / independent)
        result.append(Coverage(level, float(inside), float(error), int(defined.sum()), independent))
    return result


def _independent(pairs: Deviations, factor: Float[Array, " P"]) -> float:
    """Effective number of independent pairs."""
    defined, members = pairs.defined.ravel(), len(pairs.members)
    model = (((factor * pairs.model) ** 2) * (1 + 1 / members)).ravel()[defined]
    statistical = pairs.statistical.ravel()[defined] ** 2
    share = model / (model + statistical)
    w, u = np.sqrt(share), np.sqrt(1 - share)
    r_stat = _between_showers(pairs)[np.ix_(defined, defined)]
    r_model = _correlation(pairs.members.reshape(members, -1)[:, defined])
    squared = r_model**2
    if members > 2:
        squared = (squared - 1 / (members - 1)) / (1 - 1 / (members - 1))
    squares = np.outer(share, share) * squared + np.outer(u, u) ** 2 * r_stat**2
    squares += 2 * np.outer(w * u, w * u) * r_model * r_stat
    np.fill_diagonal(squares, 1.0)
    n = int(defined.sum())
    return float(np.clip(n**2 / squares.sum(), 1.0, n)) if squares.sum() > 0 else float(n)


def _correlation(samples: Float[Array, "n p"]) -> Float[Array, "p p"]:
    centred = samples - samples.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(norm > 0, norm, 1.0)
    return np.asarray(unit.T @ unit)


def _between_showers(pairs: Deviations) -> Float[Array, "BP BP"]:
    """Correlation of the statistical errors: none between bins."""
    width = len(pairs.names)
    result = np.zeros((width * len(pairs.bins),) * 2)
    for i, residuals in enumerate(pairs.residuals):
        part = slice(i * width, (i + 1) * width)
        result[part, part] = _correlation(np.nan_to_num(residuals))
    return result
