r"""Sensitivity of a model to the incident energy: dE[T | E]/d ln E by common random numbers and along the sample path.

**Common random numbers.** The same noise z at :math:`E_\pm = E e^{\pm h}` gives pairs of showers, and

.. math:: \frac{d\,E[T]}{d \ln E} \approx \frac{1}{2h}\Big\langle T(G(z, E_+)) - T(G(z, E_-)) \Big\rangle

for any T, smooth or not. The resolution :math:`s = \sigma/\mu` of the response R goes through its influence function
:math:`s\,[\frac12 (\delta^2 - 1) - s\,\delta],\ \delta = (R - \mu)/\sigma`, so that it is a mean, too, and its pairs
cancel as well. A small step costs little, as most of T moves with the noise held.

**Pathwise.** Where T(G(z, E)) is smooth the derivative goes inside, :math:`E[dT(G(z, E))/d \ln E]`, and automatic
differentiation gives it without a step. Layer energies of flows are smooth but for the jumps at dark layers; which
cells are hit is not smooth, so this is for observables of layer energies only. Source of both: Glasserman, Monte Carlo
Methods in Financial Engineering (2003), ch. 7; :math:`dE[T]/dE` is the value over E.
"""

__all__ = ["RESOLUTION", "STEP", "VISIBLE", "Slope", "common_numbers", "pathwise"]

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from torch import Tensor

from caloforge.data.incident import Incident
from caloforge.data.showers import Showers
from caloforge.generation.sampler import sample_showers
from caloforge.interpretation.latents import at_energy, draw_noise
from caloforge.metrics.measured import standard_error
from caloforge.models.cascade import TwoStage
from caloforge.physics.definition import Observable
from caloforge.physics.depth import layer_depths
from caloforge.physics.observables import OBSERVABLES, tabulate
from caloforge.training.run import Run

STEP = 0.02  # half of the distance in ln E; at 0.1 the curvature of the shipped VAE is seen
RESOLUTION, VISIBLE = "resolution", "visible_energy"
_BLOCK = 500


class Slope(NamedTuple):
    """d E[T] / d ln E in the unit of T (of the visible energy dEvis/dE), with its standard error.

    Args:
        value: the derivative.
        error: its standard error.
    """

    value: float
    error: float


def common_numbers(
    run: Run, particles: Incident, energy: float, observables: Mapping[str, Observable], n: int, seed: int
) -> dict[str, Slope]:
    """Slopes of the means of observables, of the resolution of the response and of the visible energy, at one energy.

    Args:
        run: the model.
        particles: kinds and directions to average over.
        energy: MeV.
        observables: one number a shower each.
        n: pairs of showers.
        seed: of the noise.
    """
    below, above = (
        sample_showers(run.model, run.pipeline, at_energy(particles, energy * np.exp(sign * STEP), n), seed)
        for sign in (-1, 1)
    )
    tables = [tabulate(showers, observables) for showers in (below, above)]
    slopes = {name: _slope(tables[0][name][:, 0], tables[1][name][:, 0]) for name in observables}
    totals = (showers.total_energy / energy for showers in (below, above))
    terms = (_resolution_terms(showers) for showers in (below, above))
    return slopes | {RESOLUTION: _slope(*terms), VISIBLE: _slope(*totals)}


def _slope(below: Float[Array, " n"], above: Float[Array, " n"]) -> Slope:
    """Mean difference of pairs over the step; pairs in which one is undefined are left out."""
    difference = (above - below) / (2 * STEP)
    defined = difference[np.isfinite(difference)]
    if len(defined) < 2:
        return Slope(np.nan, np.nan)
    return Slope(float(defined.mean()), standard_error(defined))


def _resolution_terms(showers: Showers) -> Float[Array, " n"]:
    """sigma/mean of the response plus the influence of each shower on it; their mean is sigma/mean itself."""
    response = OBSERVABLES["response"](showers)[:, 0]
    mean, sigma = response.mean(), response.std()
    if not (mean > 0 and sigma > 0):
        return np.full(len(response), np.nan)
    delta = (response - mean) / sigma
    return sigma / mean * (1 + 0.5 * (delta**2 - 1) - sigma / mean * delta)


def pathwise(run: Run, particles: Incident, energy: float, n: int, seed: int) -> dict[str, Slope]:
    """Slopes of response, mean depth and visible energy by automatic differentiation.

    Nothing where the model is not differentiable.

    Args: as `common_numbers`.
    """
    particles = at_energy(particles, energy, n)
    noise, depth = draw_noise(run.model, n, seed, 3), layer_depths(run.pipeline.binning)
    parts: list[Float[Array, "n 3"]] = []
    for start in range(0, n, _BLOCK):
        part = _derivatives(run, noise[start : start + _BLOCK], particles[start : start + _BLOCK], depth)
        if part is None or not np.isfinite(part).all():
            return {}
        parts.append(part)
    values = np.concatenate(parts)
    return {
        name: Slope(float(column.mean()), standard_error(column))
        for name, column in zip(("response", "centre_z", VISIBLE), values.T, strict=True)
    }


def _derivatives(
    run: Run, noise: Float[Tensor, "n _"], incident: Incident, depth: Float[Array, " L"]
) -> Float[Array, "n 3"] | None:
    """d(response, mean depth, visible over incident energy held)/d ln E of each shower."""
    condition = run.pipeline.condition
    with torch.enable_grad():
        c = condition(incident).requires_grad_()
        features = _energy_features(run, noise, c)
        if not features.requires_grad:
            return None
        layers = run.pipeline.layer_energies(features, c).double()
        total = layers.sum(1)
        response = total / condition.energies(c)
        mean_depth = (layers @ torch.from_numpy(depth)) / total.clamp_min(1e-12)
        wanted = (response, mean_depth, total / float(incident.energy[0]))
        gradients = [torch.autograd.grad(v.sum(), c, retain_graph=True)[0] for v in wanted]
        slopes = [condition.parts(gradient).log_energy for gradient in gradients]
    return torch.cat(slopes, 1).double().numpy() / condition.log_energy_scale


def _energy_features(run: Run, noise: Float[Tensor, "n _"], c: Float[Tensor, "n C"]) -> Float[Tensor, "n L"]:
    """Energy features of samples; a two-stage model does not have to draw the cells for them."""
    model = run.model
    if isinstance(model, TwoStage):
        return model.energies.sample(model.noise.split(noise).energies, model.embedding(c))
    return run.pipeline.parts(model.sample(noise, c)).energies
