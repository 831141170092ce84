r"""Laws of physics as soft penalties on a model's own samples, also at energies where there are no data.

At a fixed grid of energies :math:`E_k`, inside and **outside** the training range, n showers each are drawn from the
model. With the violation :math:`g_k` of a law (`caloforge.training.laws`) in units of what a single shower scatters,
:math:`h_k = g_k / s`, and its estimates :math:`h_k^{(1)}` and :math:`h_k^{(2)}` from the two halves of the showers, the
penalty is the augmented Lagrangian

.. math:: \mathcal P = \sum_k \Big[\lambda_k\, h_k + \tfrac{\rho}{2}\, h_k^{(1)} h_k^{(2)}\Big], \qquad
          \lambda_k \leftarrow \lambda_k + \eta\,\rho\, h_k .

The product of independent halves estimates :math:`h_k^2` without bias (the square of one estimate would also punish the
width of the response), and the multipliers grow until the law holds, so no weight has to be tuned against the
likelihood: a mean that is off by h costs a likelihood :math:`h^2/2` nats a shower, so :math:`\rho = 1` is what data at
that energy would weigh. Beyond :math:`|h| = 1` the square goes on as a straight line (Huber), so that a model that is
still far off is not ruled by its laws alone. Source: Bertsekas, Constrained Optimization and Lagrange Multiplier
Methods (1982), chapter 2.
"""

__all__ = ["Draw", "PenaltyConfig", "PhysicsPenalty", "binned"]

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor, nn

from caloforge.data.showers import Showers
from caloforge.errors import BadValue, EmptySample, UnknownName
from caloforge.physics.depth import layer_depths
from caloforge.training.laws import LAWS, Samples
from caloforge.units import format_energy, parse_energy

Draw = Callable[[Float[Tensor, " K"], int], Samples]  # n showers at each of K energies (MeV), differentiable
_BINS = 8
_FEWEST = 20
_GROUPS = 8  # of the truth's showers in a bin, to see how a violation scatters
_LEAST_SCATTER = 1e-3  # of a law that holds for every single shower
_MEMORY = 0.05  # weight of the newest violation in the running mean


class PenaltyConfig(BaseModel):
    """Which laws to hold a model to, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    laws: dict[str, tuple[float, ...] | None] = Field(
        default_factory=dict, description="law: its coefficients, or null to fit them to the training showers"
    )
    energies: tuple[str, str] = Field(("1GeV", "300GeV"), description="range of the energies, wider than the data's")
    points: int = Field(8, ge=2, description="energies, evenly in log energy")
    showers: int = Field(64, ge=4, description="showers drawn at each energy and step")
    stiffness: float = Field(10.0, gt=0, description="rho: weight of the squared violation")
    rate: float = Field(0.02, ge=0, description="eta: how fast the multipliers grow; 0 leaves the quadratic term alone")
    start: float = Field(0.2, ge=0, lt=1, description="part of training before the laws come in")

    @field_validator("laws")
    @classmethod
    def _known(cls, value: dict[str, tuple[float, ...] | None]) -> dict[str, tuple[float, ...] | None]:
        for name in value:
            if name not in LAWS:
                raise ValueError(str(UnknownName("law", name, LAWS)))
        return value

    def grid(self) -> Float[Array, " K"]:
        """The energies in MeV.

        Raises:
            BadValue: the range is empty or not positive.
        """
        low, high = (parse_energy(text) for text in self.energies)
        if not 0 < low < high:
            raise BadValue("penalties.energies", list(self.energies), "give a lower and a higher energy")
        return np.geomspace(low, high, self.points)


class PhysicsPenalty(nn.Module):
    """The penalty with its multipliers, which belong to the state of training."""

    multipliers: Tensor
    energy: Tensor
    violation: Tensor
    calls: Tensor

    def __init__(self, config: PenaltyConfig, truth: Samples) -> None:
        """``truth``: training showers in bins of energy (see `binned`), for coefficients that are not given.

        Raises:
            BadValue: a law with too many or too few coefficients, or not finite at an energy of the grid.
        """
        super().__init__()
        self.config = config
        self.coefficients = {name: _coefficients(name, given, truth) for name, given in config.laws.items()}
        self.scatter = [_scatter(name, given, truth) for name, given in self.coefficients.items()]
        self.register_buffer("energy", torch.tensor(config.grid(), dtype=torch.float32))
        for name in ("multipliers", "violation"):
            self.register_buffer(name, torch.zeros(len(config.laws), config.points))
        self.register_buffer("calls", torch.zeros(()))
        self._require_finite(truth)

    @classmethod
    def of(cls, config: PenaltyConfig, showers: Showers) -> "PhysicsPenalty | None":
        """With laws fitted to training showers; nothing where there are no laws.

        Raises:
            EmptySample: too few showers to fit a law.
            BadValue: as the class.
        """
        if not config.laws:
            return None
        return cls(config, binned(showers.layer_energy, showers.incident_energy, layer_depths(showers.binning)))

    def _require_finite(self, truth: Samples) -> None:
        some = truth.at(self.energy)
        for (name, given), g in zip(self.coefficients.items(), self._violations(some), strict=True):
            if not bool(torch.isfinite(g).all()):
                where = format_energy(float(self.energy[~torch.isfinite(g)][0]))
                raise BadValue(
                    f"penalties.laws.{name}",
                    list(given),
                    f"the law is not finite at {where}; mend the coefficients or narrow penalties.energies",
                )

    def _violations(self, samples: Samples) -> Float[Tensor, "J K"]:
        return torch.stack([LAWS[name].violation(samples, given) for name, given in self.coefficients.items()])

    def forward(self, draw: Draw) -> dict[str, Tensor]:
        """Penalty (``penalty``) and the mean violation of each law; moves the multipliers when training.

        Args:
            draw: new showers at incident energies, MeV; gradients flow through it. It is called twice, and the two
                samples have to be independent.
        """
        first, second = (self._violations(draw(self.energy, self.config.showers // 2)) for _ in range(2))
        scale = first.new_tensor(self.scatter)[:, None]
        h = 0.5 * (first + second) / scale
        near = h.detach().abs() < 1
        cost = torch.where(near, 0.5 * first * second / scale**2, h.abs() - 0.5)
        total = (self.multipliers * h).sum() + self.config.stiffness * cost.sum()
        if self.training:
            self._learn(h.detach(), scale)
        means = self.violation.abs().mean(1)
        return {"penalty": total} | {f"violation_{name}": m for name, m in zip(self.coefficients, means, strict=True)}

    def _learn(self, h: Float[Tensor, "J K"], scale: Float[Tensor, "J 1"]) -> None:
        self.multipliers = self.multipliers + self.config.rate * self.config.stiffness * h.clamp(-1.0, 1.0)
        self.calls = self.calls + 1
        self.violation = self.violation.lerp(h * scale, max(_MEMORY, 1 / float(self.calls)))


def _coefficients(name: str, given: tuple[float, ...] | None, truth: Samples) -> tuple[float, ...]:
    law = LAWS[name]
    if given is None:
        return law.fit(truth)
    if len(given) not in law.sizes:
        counts = " or ".join(map(str, law.sizes))
        raise BadValue(f"penalties.laws.{name}", list(given), f"the law has {counts} coefficients, or null to fit them")
    return tuple(given)


def _scatter(name: str, coefficients: tuple[float, ...], truth: Samples) -> float:
    """Standard deviation of the violation that a single shower would have, from groups of the truth's showers."""
    groups = truth.groups(_GROUPS)
    values = torch.stack([LAWS[name].violation(group, coefficients) for group in groups])
    found = float(values.var(0).mean().sqrt()) * groups[0].layers.shape[1] ** 0.5
    return max(found, _LEAST_SCATTER) if np.isfinite(found) else 1.0


def binned(
    layers: Float[Array, "N L"], energy: Float[Array, " N"], depth: Float[Array, " L"], bins: int = _BINS
) -> Samples:
    """Showers of the truth as `Samples`: equal numbers in bins of energy, each scaled to the mean energy of its bin.

    Scaling takes the width of a bin out of the response; the few showers that are left over are not used.

    Raises:
        EmptySample: fewer than 20 showers to a bin.
    """
    n = len(energy) // bins
    if n < _FEWEST:
        raise EmptySample(f"fitting a law needs {_FEWEST * bins} showers", len(energy))
    order = np.argsort(energy, kind="stable")[: n * bins].reshape(bins, n)
    order = np.random.default_rng(0).permuted(order, axis=1)
    centre = np.exp(np.log(energy[order]).mean(axis=1))
    scaled = layers[order] * (centre[:, None] / energy[order])[:, :, None]
    return Samples(*(torch.tensor(np.asarray(a, np.float32)) for a in (centre, scaled, depth)))
