r"""The noise of a generator taken apart: latents that shape a whole shower, and the noise of its single cells.

A two-stage model :math:`x = G(z, c)` has :math:`z = [z_E \mid z_s \mid \epsilon]`: noise of the layer energies (one
number a layer, called E0, E1, ...), latents of the cells' shapes (z0, z1, ...) and noise of the single cells. Other
families count as having latents where their noise is at most 64 numbers. All are standard normal and independent, so
whatever a latent has to do with a shower was learned.
"""

__all__ = ["Latents", "latents_of", "draw_noise", "showers_from", "at_energy", "encoded", "posterior_of"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.generation.sampler import BLOCK
from caloforge.models.base import Generator
from caloforge.models.cascade import Cascade, TwoStage
from caloforge.models.shape_vae import ShapeVAE
from caloforge.rng import torch_stream
from caloforge.training.run import Run

_GROUPS = {"energies": "layer energies", "latent": "shape", "cells": "cells"}  # parts of the noise, in words
_MOST = 64  # columns of noise that can be looked at one by one


@dataclass(frozen=True)
class Latents:
    """Columns of the noise.

    Args:
        groups: ranges of columns by what they are for; together they are all columns.
        names: of the columns that shape whole showers; these come first.
    """

    groups: Mapping[str, tuple[int, int]]
    names: tuple[str, ...]


def latents_of(model: Generator) -> Latents | None:
    """How the noise of a model is made up; None where it has no latents, only noise in the size of the shower.

    Args:
        model: the generator whose noise is looked at.
    """
    width = model.noise_shape[0]
    if isinstance(model, TwoStage):
        groups = {_GROUPS[part]: columns for part, columns in model.noise.columns.items()}
        return Latents(groups, model.noise.names)
    if len(model.noise_shape) == 1 and width <= _MOST:
        return Latents({"latent": (0, width)}, tuple(f"z{i}" for i in range(width)))
    return None


def draw_noise(model: Generator, n: int, seed: int, *indices: int) -> Float[Tensor, "n ..."]:
    """Noise of n showers, as `showers_from` takes it.

    Args:
        model: says which shape its noise has.
        n: showers.
        seed: of the noise.
        indices: which of the independent draws of this seed.
    """
    return model.latent(n, torch_stream(seed, "interpretation", *indices))


def showers_from(run: Run, noise: Float[Tensor, "n ..."], incident: Incident) -> Showers:
    """The showers that a model makes of this noise, one for each incident particle.

    Args:
        run: the model with its pipeline.
        noise: (n, ...), as `draw_noise` gives it.
        incident: n particles.
    """
    with torch.inference_mode():
        c = run.pipeline.conditions(incident)
        blocks = [run.model.sample(noise[i : i + BLOCK], c[i : i + BLOCK]) for i in range(0, len(noise), BLOCK)]
        return run.pipeline.inverse(torch.cat(blocks), incident)


def at_energy(incident: Incident, energy: float, n: int) -> Incident:
    """n of these particles with their directions, all of one energy (MeV).

    Args:
        incident: particles to take kinds and directions from, over and over.
        energy: of all of them, MeV.
        n: particles.
    """
    chosen = incident.repeated(n)
    return Incident(np.full(n, energy, np.float32), chosen.pdg, chosen.theta, chosen.phi)


def encoded(run: Run, showers: Showers, seed: int) -> Float[Array, "N Z"] | None:
    """Posterior means of the latents z0, z1, ... of given showers; None where a model has no encoder.

    Args:
        run: the model with its pipeline.
        showers: N of them.
        seed: of the noise that the preprocessing adds.
    """
    posterior = posterior_of(run, showers, seed)
    return None if posterior is None else posterior[0]


def posterior_of(run: Run, showers: Showers, seed: int) -> tuple[Float[Array, "N Z"], Float[Array, "N Z"]] | None:
    """Means and standard deviations of q(z | shower) for given showers; None where a model has no encoder.

    Args:
        run: the model with its pipeline.
        showers: N of them.
        seed: of the noise that the preprocessing adds.
    """
    model = run.model
    if not isinstance(model, Cascade) or not isinstance(model.shape, ShapeVAE) or not model.shape.latent:
        return None
    with torch.inference_mode():
        x, c, _ = run.pipeline(showers, torch_stream(seed, "interpretation-encoder"))
        features = run.pipeline.parts(x)
        context = model.context(features.energies, c)[0]
        mean, log_std = model.shape.posterior(features.cells, context, model.embedding(c))
        return mean.double().numpy(), log_std.double().exp().numpy()
