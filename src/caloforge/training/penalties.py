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

__all__ = ["PenaltyConfig", "PhysicsPenalty"]

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor, nn

from caloforge.data.showers import Showers
from caloforge.errors import BadValue, BrokenPlugin, UnknownName
from caloforge.training.draws import Draw, Samples, Stage, binned
from caloforge.training.laws import LAWS
from caloforge.units import format_energy, parse_energy

_GROUPS = 8  # of the truth's showers in a bin, to see how a violation scatters
_LEAST_SCATTER = 1e-3  # of a law that holds for every single shower
_MEMORY = 0.05  # weight of the newest violation in the running mean
_DISAGREES = (0.2, 5.0)  # the truth violates a law by this much of a shower's scatter, and this many errors


class PenaltyConfig(BaseModel):
    """Which laws to hold a model to, and where.

    Args: the fields below, each with its description and bounds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    laws: dict[str, tuple[float, ...] | None] = Field(
        default_factory=dict, description="law: its coefficients, or null to fit them to the training showers"
    )
    energies: tuple[str, str] = Field(("1GeV", "300GeV"), description="range of the energies, wider than the data's")
    points: int = Field(8, ge=2, description="energies, evenly in log energy")
    showers: int = Field(64, ge=8, description="showers drawn at each energy")
    every: int = Field(2, ge=1, description="steps from one penalty to the next, which counts so many times")
    stiffness: float = Field(1.0, gt=0, description="rho: weight of the squared violation")
    rate: float = Field(0.02, ge=0, description="eta: how fast the multipliers grow; 0 leaves the quadratic term alone")
    start: float = Field(0.2, ge=0, lt=1, description="part of training before the laws come in")

    @field_validator("laws")
    @classmethod
    def _known(cls, value: dict[str, tuple[float, ...] | None]) -> dict[str, tuple[float, ...] | None]:
        for name in value:
            if name not in LAWS:
                raise ValueError(str(UnknownName("law", name, LAWS, "docs/physics-losses.md")))
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

    def of_stage(self, stage: Stage) -> "PenaltyConfig":
        """With the laws that this stage of a model has to obey: those of cells, or all others.

        Args:
            stage: layer energies or cells.
        """
        chosen = {name: given for name, given in self.laws.items() if LAWS[name].needs_cells == (stage == "shape")}
        return self.model_copy(update={"laws": chosen})


class PhysicsPenalty(nn.Module):
    """The penalty with its multipliers, which belong to the state of training."""

    multipliers: Tensor
    energy: Tensor
    violation: Tensor
    scatter: Tensor
    calls: Tensor

    def __init__(self, config: PenaltyConfig, truth: Samples) -> None:
        """``truth``: training showers in bins of energy (see `binned`), for coefficients that are not given.

        Raises:
            BadValue: a law with too many or too few coefficients, or not finite at an energy of the grid.
            BrokenPlugin: a law that cannot be computed.
        """
        super().__init__()
        self.config = config
        self.coefficients = {name: _coefficients(name, given, truth) for name, given in config.laws.items()}
        self.register_buffer("energy", torch.tensor(config.grid(), dtype=torch.float32))
        at_grid = {name: _checked(name, given, truth.at(self.energy)) for name, given in self.coefficients.items()}
        self.rows = [name for name, g in at_grid.items() for _ in range(g.shape[1])]  # one of each component
        scatter = torch.cat([_scatter(name, given, truth) for name, given in self.coefficients.items()])
        self.register_buffer("scatter", scatter, persistent=False)
        for name in ("multipliers", "violation"):
            self.register_buffer(name, torch.zeros(len(self.rows), config.points))
        self.register_buffer("calls", torch.zeros(()))
        self.doubts = [text for name in self.coefficients for text in self._doubts(name, truth)]

    def _doubts(self, name: str, truth: Samples) -> list[str]:
        """What the truth itself says against a law, in words."""
        scatter = self.scatter[[row == name for row in self.rows]]
        worst = float((_violation(name, self.coefficients[name], truth) / scatter).abs().max())
        if worst < _DISAGREES[0] or worst * truth.layers.shape[1] ** 0.5 < _DISAGREES[1]:
            return []
        doubt = f"the training showers themselves violate the law {name} by {worst:.2g} of a single shower's scatter"
        return [f"{doubt}; give it other coefficients, or null to fit them"]

    @classmethod
    def of(cls, config: PenaltyConfig, showers: Showers) -> dict[Stage, "PhysicsPenalty"]:
        """One for each stage that has to obey laws, with laws fitted to training showers.

        Args:
            config: which laws, and where.
            showers: of the training split.

        Raises:
            EmptySample: too few showers to fit a law.
            BadValue, BrokenPlugin: as the class.
        """
        stages: tuple[Stage, ...] = ("energies", "shape")
        parts = {stage: config.of_stage(stage) for stage in stages}
        return {stage: cls(part, binned(showers, stage == "shape")) for stage, part in parts.items() if part.laws}

    def _violations(self, samples: Samples) -> Float[Tensor, "J K"]:
        return torch.cat([_violation(name, given, samples).T for name, given in self.coefficients.items()])

    def forward(self, draw: Draw) -> tuple[Tensor, dict[str, Tensor]]:
        """The penalty, and ``violation_NAME`` of each law (running mean) to log; moves the multipliers when training.

        Args:
            draw: new showers at incident energies, MeV, independent even where two energies are the same; gradients
                flow through it.
        """
        first, second = map(self._violations, draw(self.energy.repeat(2), self.config.showers // 2).halves())
        scale = self.scatter[:, None]
        h = 0.5 * (first + second) / scale
        near = h.detach().abs() < 1
        cost = torch.where(near, 0.5 * first * second / scale**2, h.abs() - 0.5)
        total = (self.multipliers * h).sum() + self.config.stiffness * cost.sum()
        if self.training:
            self._learn(h.detach())
        return total, {f"violation_{name}": self._mean_violation(name) for name in self.coefficients}

    def _learn(self, h: Float[Tensor, "J K"]) -> None:
        self.multipliers = self.multipliers + self.config.rate * self.config.stiffness * h.clamp(-1.0, 1.0)
        self.calls = self.calls + 1
        self.violation = self.violation.lerp(h * self.scatter[:, None], max(_MEMORY, 1 / float(self.calls)))

    def _mean_violation(self, name: str) -> Tensor:
        return self.violation[[row == name for row in self.rows]].abs().mean()


def _violation(name: str, coefficients: tuple[float, ...], samples: Samples) -> Float[Tensor, "K m"]:
    return LAWS[name].violation(samples, coefficients).reshape(len(samples.energy), -1)


def _coefficients(name: str, given: tuple[float, ...] | None, truth: Samples) -> tuple[float, ...]:
    law = LAWS[name]
    if given is None:
        return law.fit(truth)
    if len(given) not in law.sizes:
        counts = " or ".join(map(str, law.sizes))
        raise BadValue(f"penalties.laws.{name}", list(given), f"the law has {counts} coefficients, or null to fit them")
    return tuple(given)


def _checked(name: str, coefficients: tuple[float, ...], samples: Samples) -> Float[Tensor, "K m"]:
    """The violation, if the law can be computed and is finite."""
    try:
        g = _violation(name, coefficients, samples)
    except Exception as error:
        raise BrokenPlugin(f"law {name}", f"fails with {type(error).__name__}: {error}", "mend the law") from error
    finite = torch.isfinite(g).all(1)
    if not bool(finite.all()):
        where = format_energy(float(samples.energy[~finite][0]))
        remedy = f"the law is not finite at {where}; mend the coefficients or narrow penalties.energies"
        raise BadValue(f"penalties.laws.{name}", list(coefficients), remedy)
    return g


def _scatter(name: str, coefficients: tuple[float, ...], truth: Samples) -> Float[Tensor, " m"]:
    """Standard deviation of the violation that a single shower would have, from groups of the truth's showers."""
    groups = truth.groups(_GROUPS)
    values = torch.stack([_violation(name, coefficients, group) for group in groups])
    scatter = values.var(0).mean(0).sqrt() * groups[0].layers.shape[1] ** 0.5
    return scatter.clamp_min(_LEAST_SCATTER)
