"""Sampling: incident energies in, showers out, in blocks whose noise depends only on the seed and the shower's place.

Shower i has the same noise, and goes through arithmetic of the same shape, whatever the batch size or the number of
showers asked for; so the same seed gives the same showers bit for bit on one machine.
"""

__all__ = ["BLOCK", "sample_batches", "sample_showers", "check_range"]

from collections.abc import Iterator

import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.models.base import Generator
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import torch_stream
from caloforge.units import format_energy

BLOCK = 1000  # showers computed at a time


def check_range(pipeline: Pipeline, incident_energy: Float[Array, " N"]) -> None:
    """Refuse conditions the model was not trained on.

    Raises:
        BadValue: an incident energy outside the training range.
    """
    low, high = pipeline.energy_range.tolist()
    for energy in (float(incident_energy.min()), float(incident_energy.max())):
        if not low * (1 - 1e-3) <= energy <= high * (1 + 1e-3):
            trained = f"the model was trained on {format_energy(low)} to {format_energy(high)}"
            raise BadValue(
                "incident energy", format_energy(energy), f"{trained}; add --extrapolate to go on all the same"
            )


def _block(model: Generator, conditions: Float[Tensor, "n C"], seed: int, index: int) -> Float[Tensor, "n F"]:
    """One block, always computed at full size; the last one is filled up and cut."""
    n = len(conditions)
    noise = torch.randn(BLOCK, *model.noise_shape, generator=torch_stream(seed, "noise", index))
    filled = torch.cat([conditions, conditions[-1:].expand(BLOCK - n, -1)])
    return model.sample(noise, filled)[:n]


def sample_batches(
    model: Generator, pipeline: Pipeline, incident_energy: Float[Array, " N"], seed: int, batch: int = 5000
) -> Iterator[Showers]:
    """Showers for each incident energy (MeV), in order, about ``batch`` at a time (whole blocks)."""
    per_batch = max(1, batch // BLOCK) * BLOCK
    for start in range(0, len(incident_energy), per_batch):
        energies = incident_energy[start : start + per_batch]
        with torch.inference_mode():
            conditions = pipeline.conditions(energies)
            blocks = [
                _block(model, conditions[at : at + BLOCK], seed, (start + at) // BLOCK)
                for at in range(0, len(energies), BLOCK)
            ]
            yield pipeline.inverse(torch.cat(blocks), energies)


def sample_showers(model: Generator, pipeline: Pipeline, incident_energy: Float[Array, " N"], seed: int) -> Showers:
    """All showers at once."""
    return Showers.concatenate(list(sample_batches(model, pipeline, incident_energy, seed)))
