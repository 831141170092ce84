r"""Laws that calorimeter showers obey at every energy, as violations g(E) that a model's samples can be held against.

With layer energies :math:`E_l` at depths :math:`z_l`, sum :math:`E_\text{tot}` and mean depth
:math:`\bar z = \sum_l E_l z_l / E_\text{tot}`, incident energy E and :math:`x = \ln(E / 10\,\text{GeV})`:

- ``linear_response``: :math:`g = \langle E_\text{tot}\rangle / (E\,\sum_j a_j x^j) - 1`. One coefficient is exact
  proportionality; more allow for leakage.
- ``resolution``: :math:`g = \ln(\sigma_\text{tot}/\langle E_\text{tot}\rangle) - \frac12 \ln(a^2/E + b^2 + c^2/E^2)`, E
  in GeV; stochastic, constant and noise term (PDG review, Particle detectors at accelerators, calorimeters).
- ``depth``: :math:`g = (\langle\bar z\rangle - b_0 - b_1 x) / s`: showers grow with the logarithm of the energy (PDG
  review, Passage of particles through matter, electromagnetic cascades); s is the spread at fixed energy.
"""

__all__ = ["Samples", "Law", "LAWS", "law"]

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import numpy as np
from jaxtyping import Float
from torch import Tensor

from caloforge.physics.laws import fit_line, fit_resolution
from caloforge.units import GeV

_REFERENCE = 10 * GeV
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Samples:
    """Showers at K energies, n each: ``energy`` and ``layers`` in MeV, ``depth`` of the layers in mm or as an index."""

    energy: Float[Tensor, " K"]
    layers: Float[Tensor, "K n L"]
    depth: Float[Tensor, " L"]

    @property
    def total(self) -> Float[Tensor, "K n"]:
        """Energy in all cells, MeV."""
        return self.layers.sum(2)

    @property
    def mean_depth(self) -> Float[Tensor, "K n"]:
        """Energy-weighted depth, in the unit of ``depth``."""
        return (self.layers @ self.depth) / self.total.clamp_min(_TINY)

    def at(self, energy: Float[Tensor, " J"]) -> "Samples":
        """The showers of the first energy, said to be of others."""
        return Samples(energy, self.layers[:1].expand(len(energy), -1, -1), self.depth)

    def groups(self, parts: int) -> list["Samples"]:
        """The showers of each energy in groups of equal size; those left over are not used."""
        size = self.layers.shape[1] // parts
        starts = range(0, size * parts, size)
        return [Samples(self.energy, self.layers[:, i : i + size], self.depth) for i in starts]

    @property
    def log_energy(self) -> Float[Tensor, " K"]:
        """x = ln(E / 10 GeV)."""
        return (self.energy / _REFERENCE).log()


class Law(ABC):
    """A law with its coefficients; ``sizes``: how many it may have."""

    sizes: ClassVar[Sequence[int]]

    @abstractmethod
    def fit(self, samples: Samples) -> tuple[float, ...]:
        """Coefficients that describe samples of the truth, in K bins of energy."""

    @abstractmethod
    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, " K"]:
        """g at each energy: dimensionless, zero in the mean where the law holds, differentiable in the layers."""


LAWS: dict[str, Law] = {}
_Class = TypeVar("_Class", bound=type[Law])


def law(name: str) -> Callable[[_Class], _Class]:
    """Class decorator that makes a law known by name."""

    def register(cls: _Class) -> _Class:
        LAWS[name] = cls()
        return cls

    return register


@law("linear_response")
class LinearResponse(Law):
    """Mean response constant, or a slow polynomial of log energy."""

    sizes = range(1, 6)

    def fit(self, samples: Samples) -> tuple[float, ...]:
        return (float((samples.total.mean(1) / samples.energy).mean()),)

    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, " K"]:
        x = samples.log_energy
        expected = sum(a * x**j for j, a in enumerate(coefficients))
        return samples.total.mean(1) / (samples.energy * expected) - 1


@law("resolution")
class Resolution(Law):
    """Relative width of the response; coefficients a (sqrt GeV), b, c (GeV)."""

    sizes = (3,)

    def fit(self, samples: Samples) -> tuple[float, ...]:
        e = (samples.energy / GeV).double().numpy()
        square = (samples.total.std(1) / samples.total.mean(1)).double().numpy() ** 2
        # errors in proportion to the values: relative deviations count alike
        found, _ = fit_resolution(1 / e[None], 1 / e[None] ** 2, square[None], square)
        return tuple(float(v) for v in found[0])

    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, " K"]:
        a, b, c = coefficients
        e = samples.energy / GeV
        expected = (a**2 / e + b**2 + c**2 / e**2).sqrt()
        return (samples.total.std(1) / samples.total.mean(1).clamp_min(_TINY) / expected).clamp_min(1e-6).log()


@law("depth")
class Depth(Law):
    """Mean depth linear in log energy; coefficients b0, b1 and the spread s, in the unit of the layers' depth."""

    sizes = (3,)

    def fit(self, samples: Samples) -> tuple[float, ...]:
        depth = samples.mean_depth
        x, mean = samples.log_energy.double().numpy(), depth.mean(1).double().numpy()
        found, _ = fit_line(x[None], mean[None], np.ones_like(x))
        return float(found[0, 1]), float(found[0, 0]), float(depth.std(1).mean())

    def violation(self, samples: Samples, coefficients: Sequence[float]) -> Float[Tensor, " K"]:
        b0, b1, spread = coefficients
        return (samples.mean_depth.mean(1) - b0 - b1 * samples.log_energy) / spread
