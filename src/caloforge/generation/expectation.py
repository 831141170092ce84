r"""Expectations of shower observables at a condition, with the Monte-Carlo error and the error of the model.

One model gives :math:`E[T|c]` with the error of finitely many showers only. K models of one posterior (an ensemble, or
draws of SWAG) also tell how well the model itself is known. Member m turns noise i, the same for all members (common
random numbers), into :math:`T_{mi}`; with means :math:`\bar T_m` over noise, :math:`\bar T_i` over members and
:math:`\bar T` over both,

.. math:: \sigma_\text{MC}^2 = \frac{\text{Var}_i(\bar T_i)}{n}, \qquad
          \sigma_\text{model}^2 = \frac{\sum_m (\bar T_m - \bar T)^2}{K - 1}
          - \frac{\sum_m \text{Var}_i(T_{mi} - \bar T_i)}{n\,(K - 1)}:

the spread between members less what finitely many showers add to it (random effects, one way; Searle et al., Variance
Components, 1992, ch. 3). If the truth is one more draw of the posterior, it differs from :math:`\bar T` by
:math:`\sigma_\text{model}^2 (1 + 1/K) + \sigma_\text{MC}^2`, the first part known with K - 1 degrees of freedom.

Where a model was trained on rare showers shown more often, with a the probability to keep a shower
(`caloforge.models.keep_probability`), :math:`E[f] = E_q[a f] / E_q[a]`, and its error is that of a ratio, to first
order in :math:`1/\sqrt n`.
"""

__all__ = [
    "Expectation",
    "ShowerStatistic",
    "ensemble_draws",
    "ensemble_expectation",
    "expectation",
    "expected_difference",
    "half_width",
]

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from scipy import stats
from torch import Tensor

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.generation.sampler import BLOCK, sample_batches
from caloforge.models.base import Estimate, Generator
from caloforge.models.keep_probability import KeepProbability, shower_terms
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream
from caloforge.training.run import Run

ShowerStatistic = Callable[[Showers], Float[Array, "n ..."]]
Numbers = tuple[Float[Array, "..."], Float[Array, "..."]]


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
        """Half of the interval about ``value`` that holds the truth with probability ``level``."""
        return half_width(level, np.nan_to_num(self.model_error) ** 2, self.members, self.mc_error**2)


def _within(values: Float[Array, "C R k"], defined: Array) -> Float[Array, " k"]:
    """Variance of a value at fixed condition, pooled over the conditions."""
    counts = defined.sum(axis=1, keepdims=True)
    means = values.sum(axis=1, keepdims=True, where=defined) / np.maximum(counts, 1)
    squares = np.sum((values - means) ** 2, axis=(0, 1), where=defined)
    pooled: Float[Array, " k"] = squares / np.maximum(counts - 1, 0).sum(axis=(0, 1))
    return pooled


def half_width(
    level: float, model: Float[Array, "..."], members: int, other: Float[Array, "..."]
) -> Float[Array, "..."]:
    """Half of a central interval: Student's t for the model's part, as known from K members, with other errors.

    Args:
        level: probability that the interval holds the truth.
        model: variance between members.
        members: K; the truth is taken as one more draw, so that the variance counts (1 + 1/K) times.
        other: variance of independent errors that are well known.

    The degrees of freedom of the sum are those of Welch and Satterthwaite (Biometrics 2, 110, 1946).
    """
    wide = model * (1 + 1 / members)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (members - 1) * ((wide + other) / wide) ** 2
    freedom = np.where(wide > 0, freedom, 1e9)
    return np.asarray(stats.t.ppf(0.5 + level / 2, freedom) * np.sqrt(wide + other))


def ensemble_draws(
    members: Sequence[Run], f: ShowerStatistic, incident: Incident, repeats: int, seed: int
) -> Float[Array, "K C R k"]:
    """f of ``repeats`` showers at each of C incident particles, from every member with the same noise."""
    particles = incident[np.repeat(np.arange(len(incident)), repeats)]
    draws = [
        np.concatenate(
            [_columns(f(made)) for made in sample_batches(member.model, member.pipeline, particles, seed, 1000)]
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


def expectation(
    model: Generator, pipeline: Pipeline, f: ShowerStatistic, incident: Incident, n: int, seed: int
) -> Numbers:
    """E[f(shower) | incident] and its Monte-Carlo error, from ``n`` showers of one incident particle.

    The error of the model is not in it: see `ensemble_expectation`.

    Args:
        model: generator of features.
        pipeline: its preprocessing.
        f: showers -> (n,) or (n, k) numbers, such as ``OBSERVABLES["response"]``.
        incident: one particle.
        n: showers to draw, at least two.
        seed: of the noise; the same at any condition.

    Raises:
        BadValue: more or fewer than one incident particle, or fewer than two showers.
    """
    c, noise = _one(pipeline, incident), torch_stream(seed, "expectation")
    if model.keep_probability is not None:
        return _kept_mean(model, model.keep_probability, pipeline, f, [c], n, noise)
    return _numbers(model.expectation(_on_features(pipeline, f), c, n, noise))


def expected_difference(
    model: Generator,
    pipeline: Pipeline,
    f: ShowerStatistic,
    incident: Incident,
    other: Incident,
    n: int,
    seed: int,
) -> Numbers:
    """E[f | incident] - E[f | other] from the same noise at both, which takes out most of the error.

    Raises:
        BadValue: as `expectation`.
    """
    c, reference = _one(pipeline, incident), _one(pipeline, other)
    noise = torch_stream(seed, "expectation")
    if model.keep_probability is not None:
        return _kept_mean(model, model.keep_probability, pipeline, f, [c, reference], n, noise)
    return _numbers(model.difference(_on_features(pipeline, f), c, reference, n, noise))


def _one(pipeline: Pipeline, incident: Incident) -> Float[Tensor, " C"]:
    if len(incident) != 1:
        raise BadValue("number of incident particles", len(incident), "an expectation is taken at one")
    return pipeline.conditions(incident)[0]


def _on_features(pipeline: Pipeline, f: ShowerStatistic) -> Callable[[Tensor, Tensor], Tensor]:
    """f as a function of features and conditions; the particles are those that the conditions stand for."""

    def of_features(x: Tensor, c: Tensor) -> Tensor:
        values = np.asarray(f(pipeline.inverse(x, pipeline.condition.inverse(c))), np.float64)
        return torch.from_numpy(np.ascontiguousarray(values))

    return of_features


@torch.no_grad()
def _kept_mean(
    model: Generator,
    keep_probability: KeepProbability,
    pipeline: Pipeline,
    f: ShowerStatistic,
    conditions: Sequence[Float[Tensor, " C"]],
    n: int,
    generator: torch.Generator,
) -> Numbers:
    """E[f] at the first condition, less that at the second if there is one, of showers that are kept; same noise."""
    if n < 2:
        raise BadValue("number of showers", n, "an expectation with an error needs at least two")
    shape, sums, products = torch.Size(), torch.zeros(()), torch.zeros(())
    for start in range(0, n, BLOCK):
        z, columns = model.latent(min(BLOCK, n - start), generator), []
        for condition in conditions:
            c = condition.expand(len(z), -1)
            x = model.sample(z.to(c), c)
            keep, values = (
                keep_probability(shower_terms(x, c, pipeline).tensor).double().cpu(),
                _on_features(pipeline, f)(x, c),
            )
            shape, values = values.shape[1:], values.flatten(1) if values.ndim > 1 else values[:, None]
            columns += [keep[:, None] * values, keep[:, None].expand_as(values)]
        v = torch.stack(columns)
        sums, products = sums + v.sum(1), products + torch.einsum("ink,jnk->ijk", v, v)
    ratio, sign = sums[::2] / sums[1::2], torch.tensor([[1.0], [-1.0]])[: len(conditions)].double()
    slope = torch.stack([sign / sums[1::2], -sign * ratio / sums[1::2]], 1).flatten(0, 1)
    variance = torch.einsum("ik,jk,ijk->k", slope, slope, products).clamp_min(0.0) * n / (n - 1)
    return _numbers(Estimate((sign * ratio).sum(0).view(shape), variance.sqrt().view(shape)))


def _numbers(estimate: Estimate) -> Numbers:
    return estimate.value.numpy(), estimate.error.numpy()
