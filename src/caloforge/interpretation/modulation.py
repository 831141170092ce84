r"""What FiLM does to the hidden units at each energy: learned scale and shift, in the training range and beyond.

A FiLM layer is affine in what it modulates, :math:`f(h, c) = (1 + \gamma(c)) \odot h + \delta(c)`, however
:math:`\gamma` and :math:`\delta` are made. So the layer itself is asked, wherever it sits in the way from noise to
shower,

.. math:: \delta(c) = f(0, c), \qquad \gamma(c) = f(1, c) - f(0, c) - 1 .

Source: FiLM, arXiv:1709.07871.
"""

__all__ = ["Modulation", "modulations"]

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.data.incident import Incident
from caloforge.interpretation.latents import at_energy, draw_noise
from caloforge.nn.conditioning import FiLM
from caloforge.training.run import Run

_BEYOND = 5.0  # factor by which the energies go beyond the training range on either side
_POINTS = 49
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Modulation:
    """Scale and shift of the W units of one layer at K energies (MeV).

    Args:
        layer: its name in the model.
        energy: incident energies.
        trained: the training range, MeV.
        scale: gamma of each unit; zero leaves the unit as it is.
        shift: delta of each unit.
    """

    layer: str
    energy: Float[Array, " K"]
    trained: tuple[float, float]
    scale: Float[Array, "K W"]
    shift: Float[Array, "K W"]

    @property
    def within(self) -> Bool[Array, " K"]:
        """Which energies are in the training range."""
        return (self.energy >= self.trained[0]) & (self.energy <= self.trained[1])

    def movement(self, values: Float[Array, "K W"]) -> Float[Array, " W"]:
        """Highest minus lowest value of each unit over the training range.

        Args:
            values: ``scale`` or ``shift``.
        """
        return np.ptp(values[self.within], axis=0)

    def most_moving(self, values: Float[Array, "K W"], n: int = _SHOWN) -> list[int]:
        """The units that move most over the training range, the most first.

        Args:
            values: ``scale`` or ``shift``.
            n: units.
        """
        return [int(i) for i in np.argsort(self.movement(values))[::-1][:n]]

    def pace(self, values: Float[Array, "K W"]) -> tuple[float, float, float]:
        """RMS over the units of the change per unit of ln E: below, within and above the training range.

        Args:
            values: ``scale`` or ``shift``.
        """
        rate = np.sqrt((np.gradient(values, np.log(self.energy), axis=0) ** 2).mean(axis=1))
        parts = (self.energy < self.trained[0], self.within, self.energy > self.trained[1])
        below, inside, above = (float(rate[part].mean()) for part in parts)
        return below, inside, above

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        facts: dict[str, Any] = {"layer": self.layer, "trained_MeV": list(self.trained)}
        facts["energy_MeV"] = self.energy.tolist()
        for name, values in (("scale", self.scale), ("shift", self.shift)):
            chosen = self.most_moving(values)
            facts[name] = {
                "mean": values.mean(axis=1).tolist(),
                "std": values.std(axis=1).tolist(),
                "most_moving": {str(unit): values[:, unit].tolist() for unit in chosen},
                "change_per_ln_E": dict(zip(("below", "within", "above"), self.pace(values), strict=True)),
            }
        return facts


def modulations(run: Run, particle: Incident, seed: int) -> tuple[Modulation, ...]:
    """Of every FiLM layer that sampling goes through, in the order of the model; none where it has no such layer.

    Layers of an encoder are not on that way. Where a layer is passed several times in one sample, as in the steps of an
    ordinary differential equation, the values are averaged over the passes.

    Args:
        run: the model.
        particle: whose kind and direction to take.
        seed: of the noise, which the values do not depend on.
    """
    low, high = run.pipeline.condition.energy_range.tolist()
    energy = np.geomspace(low / _BEYOND, high * _BEYOND, _POINTS)
    incident = at_energy(particle[:1], 1.0, _POINTS)
    incident = Incident(energy.astype(np.float32), incident.pdg, incident.theta, incident.phi)
    passes = _listen(run, incident, seed)
    return tuple(
        Modulation(name, energy, (low, high), *(torch.stack(v).mean(0).double().numpy() for v in zip(*p, strict=True)))
        for name, p in passes.items()
    )


def _listen(run: Run, incident: Incident, seed: int) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """(scale, shift) of each FiLM layer in each of its passes while the model samples."""
    passes: dict[str, list[tuple[Tensor, Tensor]]] = {}
    layers = {name: m for name, m in run.model.named_modules() if isinstance(m, FiLM)}
    hooks = [layer.register_forward_pre_hook(partial(_ask, passes, name)) for name, layer in layers.items()]
    try:
        with torch.inference_mode():
            run.model.sample(draw_noise(run.model, len(incident), seed, 2), run.pipeline.conditions(incident))
    finally:
        for hook in hooks:
            hook.remove()
    return passes


def _ask(passes: dict[str, list[tuple[Tensor, Tensor]]], name: str, layer: nn.Module, given: tuple[Any, ...]) -> None:
    """The affine map of a layer from what it makes of zeros and of ones; ``forward`` itself calls no hook again."""
    h, c = given
    shift = layer.forward(torch.zeros_like(h), c)
    passes.setdefault(name, []).append((layer.forward(torch.ones_like(h), c) - shift - 1, shift))
