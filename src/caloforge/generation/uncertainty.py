r"""Expectations of shower observables from K models of one posterior: the Monte-Carlo error and the error of the model.

K models (an ensemble, or draws of SWAG) also tell how well the model itself is known. Member m turns noise i, the same
for all members (common random numbers), into :math:`T_{mi}`; with means :math:`\bar T_m` over noise,
:math:`\bar T_i` over members and :math:`\bar T` over both,

.. math:: \sigma_\text{MC}^2 = \frac{\text{Var}_i(\bar T_i)}{n}, \qquad
          \sigma_\text{model}^2 = \frac{\sum_m (\bar T_m - \bar T)^2}{K - 1}
          - \frac{\sum_m \text{Var}_i(T_{mi} - \bar T_i)}{n\,(K - 1)}:

the spread between members less what finitely many showers add to it (random effects, one way; Searle et al., Variance
Components, 1992, ch. 3). If the truth is one more draw of the posterior, it differs from :math:`\bar T` by
:math:`\sigma_\text{model}^2 (1 + 1/K) + \sigma_\text{MC}^2`, the first part known with K - 1 degrees of freedom.
"""

__all__ = ["Expectation", "ensemble_draws", "ensemble_expectation", "half_width"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy import stats

from caloforge.data.incident import Incident
from caloforge.errors import BadValue
from caloforge.generation.expectation import ShowerStatistic
from caloforge.generation.sampler import sample_batches
from caloforge.training.run import Run


@dataclass(frozen=True, eq=False)
class Expectation:
    """E[T] of k observables: ``value`` with the error of finitely many showers and that of the model.

    Args:
        value: mean over showers and members; NaN where fewer than two showers have a value.
        mc_error: standard error from the number of showers.
        model_error: standard deviation between members, the Monte-Carlo part taken out; NaN for a single model, which
            tells nothing of it.
        member_values: mean of each member.
    """

    value: Float[Array, " k"]
    mc_error: Float[Array, " k"]
    model_error: Float[Array, " k"]
    member_values: Float[Array, "K k"]

    @property
    def members(self) -> int:
        return len(self.member_values)

    @classmethod
    def of(cls, draws: Float[Array, "K C R k"]) -> "Expectation":
        """The mean over C conditions from K members with R showers at each, noise (C, R) common to all members.

        The conditions are given, so that they add nothing to the Monte-Carlo error. Noise for which any member has no
        value (NaN) is left out.

        Args:
            draws: (K, C, R, k) values of k observables.

        Source: formulas at the head of this module.
        """
        defined = ~np.isnan(draws).any(axis=0)
        filled = np.where(defined, draws, 0.0)
        common = filled.mean(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            counted = np.where(defined.sum(axis=(0, 1)) > 1, defined.sum(axis=(0, 1)), np.nan)
            member_values = filled.sum(axis=(1, 2)) / counted
            value = member_values.mean(axis=0)
            mc = _within(common, defined) / counted
            if len(draws) == 1:
                return cls(value, np.sqrt(mc), np.full_like(value, np.nan), member_values)
            noise = sum(_within(member - common, defined) for member in filled) / counted / (len(draws) - 1)
        spread = member_values.var(axis=0, ddof=1)
        return cls(value, np.sqrt(mc), np.sqrt(np.maximum(spread - noise, 0.0)), member_values)

    def half_width(self, level: float) -> Float[Array, " k"]:
        """Half of the interval about ``value`` that holds the truth with probability ``level``.

        Args:
            level: probability, 0 to 1.
        """
        return half_width(level, np.nan_to_num(self.model_error) ** 2, self.members, self.mc_error**2)


def _within(values: Float[Array, "C R k"], defined: Array) -> Float[Array, " k"]:
    """Variance of a value at fixed condition, pooled over the conditions."""
    counts = defined.sum(axis=1, keepdims=True)
    means = values.sum(axis=1, keepdims=True, where=defined) / np.maximum(counts, 1)
    squares = np.sum((values - means) ** 2, axis=(0, 1), where=defined)
    pooled: Float[Array, " k"] = squares / np.maximum(counts - 1, 0).sum(axis=(0, 1))
    return pooled


def half_width(
    level: float, model: Float[Array, "..."], members: int, independent: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Half of a central interval: Student's t for the model's part, as known from K members, with other errors.

    Args:
        level: probability that the interval holds the truth.
        model: variance between members.
        members: K; the truth is taken as one more draw, so that the variance counts (1 + 1/K) times.
        independent: variance of independent errors that are well known.

    The degrees of freedom of the sum are those of Welch and Satterthwaite (Biometrics 2, 110, 1946).
    """
    wide = model * (1 + 1 / members)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (members - 1) * ((wide + independent) / wide) ** 2
    freedom = np.where(wide > 0, freedom, 1e9)
    return np.asarray(stats.t.ppf(0.5 + level / 2, freedom) * np.sqrt(wide + independent))


def ensemble_draws(
    members: Sequence[Run], f: ShowerStatistic, incident: Incident, repeats: int, seed: int
) -> Float[Array, "K C R k"]:
    """f of ``repeats`` showers at each of C incident particles, from every member with the same noise.

    Args:
        members: models of one posterior, K of them.
        f: showers -> (n,) or (n, k) numbers.
        incident: C particles.
        repeats: R, showers at each particle.
        seed: of the noise, which is common to all members.
    """
    particles = incident[np.repeat(np.arange(len(incident)), repeats)]
    draws = [
        np.concatenate(
            [_columns(f(batch)) for batch in sample_batches(member.model, member.pipeline, particles, seed, 1000)]
        )
        for member in members
    ]
    return np.stack(draws).reshape(len(members), len(incident), repeats, -1)


def _columns(values: Float[Array, "n ..."]) -> Float[Array, "n k"]:
    return np.asarray(values, np.float64).reshape(len(values), -1)


def ensemble_expectation(
    members: Sequence[Run], f: ShowerStatistic, incident: Incident, n: int, seed: int
) -> Expectation:
    """E[f(shower) | incident] with its Monte-Carlo error and the error of the model, from ``n`` showers of each member.

    Args:
        members: models of one posterior, as `caloforge.training.ensemble` loads them; one model is allowed and has no
            model error.
        f: showers -> (n,) or (n, k) numbers.
        incident: one particle.
        n: showers of each member, at least two.
        seed: of the noise, which is common to all members.

    Raises:
        BadValue: more or fewer than one incident particle, or fewer than two showers.
    """
    if len(incident) != 1:
        raise BadValue("number of incident particles", len(incident), "an expectation is taken at one")
    if n < 2:
        raise BadValue("number of showers", n, "an expectation with an error needs at least two")
    return Expectation.of(ensemble_draws(members, f, incident, n, seed))
