r"""Expectations of shower observables at a condition, from one model, with the error of finitely many showers only.

How well the model itself is known takes several of them: see `caloforge.generation.uncertainty`.

Where a model was trained on rare showers shown more often, with a the probability to keep a shower
(`caloforge.models.keep_probability`), :math:`E[f] = E_q[a f] / E_q[a]`, and its error is that of a ratio, to first
order in :math:`1/\sqrt n`.
"""

__all__ = ["ShowerStatistic", "expectation", "expected_difference"]

from collections.abc import Callable, Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.generation.sampler import BLOCK
from caloforge.models.base import Estimate, Generator
from caloforge.models.keep_probability import KeepProbability, shower_terms
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream

ShowerStatistic = Callable[[Showers], Float[Array, "n ..."]]
Numbers = tuple[Float[Array, "..."], Float[Array, "..."]]


def expectation(
    model: Generator, pipeline: Pipeline, f: ShowerStatistic, incident: Incident, n: int, seed: int
) -> Numbers:
    """E[f(shower) | incident] and its Monte-Carlo error, from ``n`` showers of one incident particle.

    The error of the model is not in it.

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
    c, noise = _condition(pipeline, incident), torch_stream(seed, "expectation")
    if model.keep_probability is not None:
        return _kept_mean(model, model.keep_probability, pipeline, f, [c], n, noise)
    return _numbers(model.expectation(_on_features(pipeline, f), c, n, noise))


def expected_difference(
    model: Generator,
    pipeline: Pipeline,
    f: ShowerStatistic,
    incident: Incident,
    reference: Incident,
    n: int,
    seed: int,
) -> Numbers:
    """E[f | incident] - E[f | reference] from the same noise at both, which takes out most of the error.

    Args:
        model: generator of features.
        pipeline: the preprocessing, fitted.
        f: showers -> (n,) or (n, k) numbers.
        incident: one particle.
        reference: the particle to compare with.
        n: showers to draw at each, at least two.
        seed: of the noise.

    Raises:
        BadValue: as `expectation`.
    """
    c, c_reference = _condition(pipeline, incident), _condition(pipeline, reference)
    noise = torch_stream(seed, "expectation")
    if model.keep_probability is not None:
        return _kept_mean(model, model.keep_probability, pipeline, f, [c, c_reference], n, noise)
    return _numbers(model.difference(_on_features(pipeline, f), c, c_reference, n, noise))


def _condition(pipeline: Pipeline, incident: Incident) -> Float[Tensor, " C"]:
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
