"""Sampling: incident particles in, showers out, in blocks whose noise depends only on the seed and the shower's place.

Shower i has the same noise, and goes through arithmetic of the same shape, whatever the batch size or the number of
showers asked for; so the same seed gives the same showers bit for bit on one machine.
"""

__all__ = ["BLOCK", "sample_batches", "sample_showers"]

from collections.abc import Iterator

import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.models.base import Generator
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream

BLOCK = 1000  # showers computed at a time


def _block(model: Generator, conditions: Float[Tensor, "n C"], seed: int, index: int) -> Float[Tensor, "n F"]:
    """One block, always computed at full size; the last one is filled up and cut."""
    n = len(conditions)
    noise = model.latent(BLOCK, torch_stream(seed, "noise", index))
    filled = torch.cat([conditions, conditions[-1:].expand(BLOCK - n, -1)])
    return model.sample(noise, filled)[:n]


def sample_batches(
    model: Generator,
    pipeline: Pipeline,
    incident: Incident | Float[Array, " N"],
    seed: int,
    batch: int = 5000,
) -> Iterator[Showers]:
    """Showers for each incident particle, in order, about ``batch`` at a time (whole blocks).

    Args:
        model: generator of features.
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
                _block(model, conditions[at : at + BLOCK], seed, (start + at) // BLOCK)
                for at in range(0, len(part), BLOCK)
            ]
            showers = pipeline.inverse(torch.cat(blocks), part)
        yield showers  # out of inference mode, which would else be the caller's between two batches


def sample_showers(model: Generator, pipeline: Pipeline, incident: Incident | Float[Array, " N"], seed: int) -> Showers:
    """All showers at once."""
    return Showers.concatenate(list(sample_batches(model, pipeline, incident, seed)))
