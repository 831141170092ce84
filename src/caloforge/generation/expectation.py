"""Expectations of shower observables at one condition, and their differences between two, with Monte-Carlo errors."""

__all__ = ["ShowerStatistic", "expectation", "expected_difference"]

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.models.base import Estimate, Generator
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream

ShowerStatistic = Callable[[Showers], Float[Array, "n ..."]]
Numbers = tuple[Float[Array, "..."], Float[Array, "..."]]


def expectation(
    model: Generator, pipeline: Pipeline, f: ShowerStatistic, incident: Incident, n: int, seed: int
) -> Numbers:
    """E[f(shower) | incident] and its standard error, from ``n`` showers of one incident particle.

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
    c = _one(pipeline, incident)
    return _numbers(model.expectation(_on_features(pipeline, f), c, n, torch_stream(seed, "expectation")))


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


def _numbers(estimate: Estimate) -> Numbers:
    return estimate.value.numpy(), estimate.error.numpy()
