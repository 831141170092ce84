"""Sampling: incident particles in, showers out, in blocks whose noise depends only on the seed and the shower's place.

Shower i has the same noise, and goes through arithmetic of the same shape, whatever the batch size or the number of
showers asked for; so the same seed gives the same showers bit for bit on one machine. Noise is drawn on the CPU and
then moved to the device of the pipeline: on any device the showers are the same up to rounding.

Where the model was trained on rare showers shown more often, its `KeepProbability` says with which probability each
shower is kept; places whose shower is not kept are drawn again, with new noise, until every place has one.
"""

__all__ = ["BLOCK", "sample_batches", "sample_showers"]

from collections.abc import Iterator
from itertools import count

import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.models.base import Generator
from caloforge.models.keep_probability import shower_terms
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream

BLOCK = 1000  # showers computed at a time
_AGAIN = 200  # places computed at a time when they are drawn again


def _block(
    model: Generator, pipeline: Pipeline, conditions: Float[Tensor, "n C"], seed: int, index: int
) -> Float[Tensor, "n F"]:
    """One block; places whose sample is not kept are drawn again."""
    places = torch.arange(len(conditions))
    noise = model.latent(BLOCK, torch_stream(seed, "noise", index))[places]
    x, keep = _sample(model, pipeline, noise, conditions, BLOCK)
    for attempt in count(1):
        chance = torch.rand(BLOCK, generator=torch_stream(seed, "acceptance", index, attempt))[places]
        places = places[chance >= keep]  # NaN is kept, for all to see
        if len(places) == 0:
            break
        noise = model.latent(BLOCK, torch_stream(seed, "noise", index, attempt))[places]
        x[places], keep = _sample(model, pipeline, noise, conditions[places], _AGAIN)
    return x


def _sample(
    model: Generator, pipeline: Pipeline, noise: Float[Tensor, "n Z"], conditions: Float[Tensor, "n C"], size: int
) -> tuple[Float[Tensor, "n F"], Float[Tensor, " n"]]:
    """Samples and the probabilities to keep them, always computed ``size`` at a time; the last ones are filled up."""
    samples, probabilities = [], []
    for at in range(0, len(conditions), size):
        z, c = (part[at : at + size] for part in (noise.to(conditions), conditions))
        z, c = (torch.cat([part, part[-1:].expand(size - len(part), -1)]) for part in (z, c))
        samples.append(model.sample(z, c))
        probabilities.append(
            torch.ones(size)
            if model.keep_probability is None
            else model.keep_probability(shower_terms(samples[-1], c, pipeline).tensor).cpu()
        )
    return torch.cat(samples)[: len(conditions)], torch.cat(probabilities)[: len(conditions)]


def sample_batches(
    model: Generator,
    pipeline: Pipeline,
    incident: Incident | Float[Array, " N"],
    seed: int,
    batch: int = 5000,
) -> Iterator[Showers]:
    """Showers for each incident particle, in order, about ``batch`` at a time (whole blocks).

    Args:
        model: generator of features, on the device of the pipeline.
        pipeline: its preprocessing.
        incident: particles, or energies in MeV where the model knows one particle and one direction.
        seed: of the noise.
        batch: showers held in memory.
    """
    particles = incident if isinstance(incident, Incident) else pipeline.incident(incident)
    per_batch = max(1, batch // BLOCK) * BLOCK
    for start in range(0, len(particles), per_batch):
        part = particles[start : start + per_batch]
        with torch.inference_mode():
            conditions = pipeline.conditions(part)
            blocks = [
                _block(model, pipeline, conditions[at : at + BLOCK], seed, (start + at) // BLOCK)
                for at in range(0, len(part), BLOCK)
            ]
            showers = pipeline.inverse(torch.cat(blocks), part, conditions)
        yield showers  # out of inference mode, which would else be the caller's between two batches


def sample_showers(model: Generator, pipeline: Pipeline, incident: Incident | Float[Array, " N"], seed: int) -> Showers:
    """All showers at once.

    Args:
        model: generator of features, on the device of the pipeline.
        pipeline: the preprocessing, fitted.
        incident: particles, or energies in MeV where the model knows one particle and one direction.
        seed: of the noise.
    """
    return Showers.concatenate(list(sample_batches(model, pipeline, incident, seed)))
