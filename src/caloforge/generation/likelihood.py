r"""What a model says of single showers: their likelihood and its rank, tail probabilities and credible intervals.

For a shower x at condition c, with showers :math:`x_1 \dots x_m` drawn from the model at the same c: the likelihood
rank is the share of the :math:`x_j` with :math:`\log p(x_j|c) < \log p(x|c)`, uniform in [0, 1] for showers that the
model describes; the tail probability of an observable is :math:`P(T \ge t) = (1 + \#\{T(x_j) \ge t\})/(m + 1)`
(Davison and Hinkley, Bootstrap Methods, 1997, ch. 4); a credible interval holds the central part of the
:math:`T(x_j)`. Only likelihoods and ranks need an explicit density.
"""

__all__ = [
    "credible_interval",
    "draw_alike",
    "likelihood_ranks",
    "log_likelihood",
    "rank_among_draws",
    "tail_probability",
]

import math

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.errors import BadValue
from caloforge.generation.sampler import sample_showers
from caloforge.models.base import Generator
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.rng import integer_seeds, torch_stream

_BLOCK = 500
Numbers = tuple[Float[Array, "..."], Float[Array, "..."]]


def log_likelihood(
    model: Generator, pipeline: Pipeline, showers: Showers, seed: int, samples: int = 64
) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    """log p(shower | incident particle) in nats and its Monte-Carlo error.

    A density of cell energies in MeV (counting measure for which cells are hit, Lebesgue for their energies); where the
    model has a latent, a lower bound that rises with ``samples``; of hadronic cells a lower bound that does not.

    Args:
        model: generator of features.
        pipeline: the preprocessing, fitted.
        showers: N of them, on the model's mesh.
        seed: of dequantisation and latents.
        samples: draws of the latent for each shower.

    Raises:
        ImplicitDensity: the model has no density.
        BadValue: its density is that of showers of which rare ones were shown more often.
    """
    if model.keep_probability is not None:
        raise BadValue("training.balance", "on in this run", "its density is not the truth's; train without balance")
    values, errors = [], []
    for block, start in enumerate(range(0, len(showers), _BLOCK)):
        generator = torch_stream(seed, "likelihood", block)
        with torch.no_grad():
            x, c, log_det = pipeline(showers[start : start + _BLOCK], generator)
            value, error = model.log_prob(x, c, generator, samples)
        values.append((value + log_det).double().cpu().numpy())
        errors.append(error.double().cpu().numpy())
    return np.concatenate(values), np.concatenate(errors)


def draw_alike(model: Generator, pipeline: Pipeline, incident: Incident, draws: int, seed: int) -> Showers:
    """``draws`` showers for each incident particle; those of particle i stand at i * draws to (i + 1) * draws.

    Args:
        model: generator of features.
        pipeline: the preprocessing, fitted.
        incident: C particles.
        draws: showers for each particle.
        seed: of the noise.
    """
    rows = np.repeat(np.arange(len(incident)), draws)
    return sample_showers(model, pipeline, incident[rows], integer_seeds(seed, "alike")[0])


def likelihood_ranks(
    observed: Float[Array, " N"], alike: Float[Array, "N m"]
) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    """Share of the drawn showers that are less likely than the observed one, and its binomial error.

    Args:
        observed: (N,) log-likelihoods, nats.
        alike: (N, m) log-likelihoods of m showers drawn at the condition of each, nats.
    """
    rank = (alike < observed[:, None]).mean(1)
    return rank, np.sqrt(rank * (1 - rank) / alike.shape[1])


def tail_probability(
    observed: Float[Array, " N"], alike: Float[Array, "N m"]
) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    """P(T >= t) of each shower and its binomial error; never zero, since m draws cannot show less than 1/(m + 1).

    NaN where T of the observed shower does not exist; drawn showers without T count as below.

    Args:
        observed: (N,) values of the showers in question.
        alike: (N, m) values of m showers drawn at the condition of each.
    """
    m = alike.shape[1]
    p = (1 + (alike >= observed[:, None]).sum(1)) / (m + 1)
    p = np.where(np.isnan(observed), math.nan, p)
    return p, np.sqrt(p * (1 - p) / m)


def rank_among_draws(
    observed: Float[Array, " N"], alike: Float[Array, "N m"], rng: np.random.Generator
) -> Float[Array, " N"]:
    """Place of each value among the draws from the top down, 0 to 1; its place among equal ones is drawn.

    Uniform for showers that the model describes, exactly, also where T is a whole number or often zero, for which
    P(T >= t) is not. NaN where T of the observed shower does not exist; drawn showers without T are left out.

    Args:
        observed: (N,) values of the showers in question.
        alike: (N, m) values of m showers drawn at the condition of each.
        rng: draws the places.
    """
    above, equal = (compared.sum(1) for compared in (alike > observed[:, None], alike == observed[:, None]))
    place = (above + rng.random(len(observed)) * (1 + equal)) / (1 + (~np.isnan(alike)).sum(1))
    return np.where(np.isnan(observed), math.nan, place)


def credible_interval(alike: Float[Array, "N m"], level: float) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
    """Ends of the central interval that holds one more draw with the probability ``level``; NaN where none has a value.

    The ends are the order statistics at :math:`(m + 1) p`, so the probability does not depend on the number of draws,
    as long as there are 2 / (1 - level) or more.

    Args:
        alike: (N, m) values of an observable for m showers drawn at each condition.
        level: probability of a draw between the ends, 0 to 1.
    """
    tails = [(1 - level) / 2, (1 + level) / 2]
    ends = np.full((2, len(alike)), math.nan)
    some = ~np.isnan(alike).all(1)
    ends[:, some] = np.nanquantile(alike[some], tails, axis=1, method="weibull")
    return ends[0], ends[1]
