"""Sampling: incident particles in, showers out, in blocks whose noise depends only on the seed and the shower's place.

Shower i has the same noise whatever the batch size or the number of showers asked for, and the same arithmetic: on a
CPU a row of a matrix product is the same, bit for bit, in products of any multiple of 32 rows, so a last block that is
not full is computed in as many; elsewhere blocks are filled up. So the same seed gives the same showers on one machine.
Noise is drawn on the CPU and then moved to the device of the pipeline: on any device they are the same up to rounding.

Where the model was trained on rare showers shown more often, its `KeepProbability` says with which probability each
shower is kept; places whose shower is not kept are drawn again, with new noise, until every place has one.
"""

__all__ = ["BLOCK", "require_start", "sample_batches", "sample_showers"]

import math
from collections.abc import Iterator
from itertools import count

import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.models.base import Generator
from caloforge.models.keep_probability import shower_terms
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream

BLOCK = 1000  # showers computed at a time
_AGAIN = 200  # places computed at a time when they are drawn again
_ROWS = 32  # the last ones are filled up to a multiple of it
_SET = 16  # normals that PyTorch draws together, from as many uniforms


def _block(
    model: Generator, pipeline: Pipeline, conditions: Float[Tensor, "n C"], seed: int, index: int
) -> Float[Tensor, "n F"]:
    """One block; places whose sample is not kept are drawn again."""
    places = torch.arange(len(conditions))
    noise = _noise(model, len(places), torch_stream(seed, "noise", index))
    x, keep = _sample(model, pipeline, noise, conditions, BLOCK)
    for attempt in count(1):
        chance = torch.rand(BLOCK, generator=torch_stream(seed, "acceptance", index, attempt))[places]
        places = places[chance >= keep]  # NaN is kept, for all to see
        if len(places) == 0:
            break
        noise = _noise(model, int(places[-1]) + 1, torch_stream(seed, "noise", index, attempt))[places]
        x[places], keep = _sample(model, pipeline, noise, conditions[places], _AGAIN)
    return x


def _noise(model: Generator, rows: int, generator: torch.Generator) -> Float[Tensor, "rows ..."]:
    """The first rows of the noise of a block, drawn only so far; where all is no whole number of sets, its last set is
    drawn again, so that all of it is needed for the last rows."""
    whole, needed = (n * math.prod(model.noise_shape) for n in (BLOCK, rows))
    drawn = -(-needed // _SET) * _SET
    if drawn >= whole or type(model).latent is not Generator.latent:
        return model.latent(BLOCK, generator)[:rows]
    return torch.randn(drawn, generator=generator)[:needed].reshape(rows, *model.noise_shape)


def _sample(
    model: Generator, pipeline: Pipeline, noise: Float[Tensor, "n ..."], conditions: Float[Tensor, "n C"], size: int
) -> tuple[Float[Tensor, "n F"], Float[Tensor, " n"]]:
    """Samples and the probabilities to keep them, ``size`` at a time; the last ones are filled up, on a CPU not far."""
    samples, probabilities = [], []
    for at in range(0, len(conditions), size):
        z, c = (part[at : at + size] for part in (noise.to(conditions), conditions))
        rows = min(-(-len(c) // _ROWS) * _ROWS, size) if c.device.type == "cpu" else size
        z, c = (torch.cat([part, part[-1:].expand(rows - len(part), *part.shape[1:])]) for part in (z, c))
        samples.append(model.sample(z, c))
        probabilities.append(
            torch.ones(rows)
            if model.keep_probability is None
            else model.keep_probability(shower_terms(samples[-1], c, pipeline).tensor).cpu()
        )
    return torch.cat(samples)[: len(conditions)], torch.cat(probabilities)[: len(conditions)]


def sample_batches(
    model: Generator,
    pipeline: Pipeline,
    incident: Incident | Float[Array, " N"],
    seed: int,
    batch: int = BLOCK,
    first: int = 0,
) -> Iterator[Showers]:
    """Showers for each incident particle, in order, about ``batch`` at a time (whole blocks).

    Args:
        model: generator of features, on the device of the pipeline.
        pipeline: its preprocessing.
        incident: particles, or energies in MeV where the model knows one particle and one direction.
        seed: of the noise.
        batch: showers held in memory.
        first: place of the first particle among all that are asked for, a multiple of `BLOCK`: those from there on are
            the same showers whether or not the earlier ones are made.

    Raises:
        BadValue: ``first`` lies within a block.
    """
    require_start(first, BLOCK)
    particles = incident if isinstance(incident, Incident) else pipeline.incident(incident)
    per_batch = max(1, batch // BLOCK) * BLOCK
    for start in range(0, len(particles), per_batch):
        part = particles[start : start + per_batch]
        with torch.inference_mode():
            blocks = [
                _showers(model, pipeline, part[at : at + BLOCK], seed, (first + start + at) // BLOCK)
                for at in range(0, len(part), BLOCK)
            ]
        yield Showers.concatenate(blocks)  # out of inference mode, which would else be the caller's between two batches


def _showers(model: Generator, pipeline: Pipeline, particles: Incident, seed: int, index: int) -> Showers:
    """One block in MeV."""
    conditions = pipeline.conditions(particles)
    return pipeline.inverse(_block(model, pipeline, conditions, seed, index), particles, conditions)


def require_start(first: int, block: int) -> None:
    """Refuse a place at which no block of noise begins.

    Args:
        first: place of a shower.
        block: showers whose noise is drawn at a time.

    Raises:
        BadValue: not a multiple of the block.
    """
    if first < 0 or first % block:
        raise BadValue("first shower", first, f"give a multiple of {block}, where a block of noise begins")


def sample_showers(model: Generator, pipeline: Pipeline, incident: Incident | Float[Array, " N"], seed: int) -> Showers:
    """All showers at once.

    Args:
        model: generator of features, on the device of the pipeline.
        pipeline: the preprocessing, fitted.
        incident: particles, or energies in MeV where the model knows one particle and one direction.
        seed: of the noise.
    """
    return Showers.concatenate(list(sample_batches(model, pipeline, incident, seed)))
