r"""Laws of physics as soft penalties on a model's own samples, also at energies where there are no data.

At a fixed grid of energies :math:`E_k`, inside and **outside** the training range, n showers each are drawn from the
model; from the violation :math:`g_k` of a law (`caloforge.training.laws`), and its estimates :math:`g_k^{(1)}` and
:math:`g_k^{(2)}` from the two halves of the showers, the penalty is the augmented Lagrangian

.. math:: \mathcal P = \sum_k \Big[\lambda_k\, g_k + \tfrac{\rho}{2}\, g_k^{(1)} g_k^{(2)}\Big], \qquad
          \lambda_k \leftarrow \lambda_k + \eta\,\rho\, g_k .

The product of independent halves estimates :math:`g_k^2` without bias (the square of one estimate would also punish the
width of the response), and the multipliers grow until the law holds, so no weight has to be tuned against the
likelihood. Source: Bertsekas, Constrained Optimization and Lagrange Multiplier Methods (1982), chapter 2.
"""

__all__ = ["PenaltyConfig", "PhysicsPenalty", "binned"]

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray as Array
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor, nn

from caloforge.errors import BadValue, EmptySample, UnknownName
from caloforge.training.laws import LAWS, Samples
from caloforge.units import parse_energy

LayerSampler = Callable[[Float[Tensor, " M"]], Float[Tensor, "M L"]]
_BINS = 8
_FEWEST = 20


class PenaltyConfig(BaseModel):
    """Which laws to hold a model to, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    laws: dict[str, tuple[float, ...] | None] = Field(
        default_factory=dict, description="law: its coefficients, or null to fit them to the training showers"
    )
    energies: tuple[str, str] = Field(("1GeV", "300GeV"), description="range of the energies, wider than the data's")
    points: int = Field(8, ge=2, description="energies, evenly in log energy")
    showers: int = Field(64, ge=4, description="showers drawn at each energy and step")
    stiffness: float = Field(100.0, gt=0, description="rho: weight of the squared violation")
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
    depth: Tensor

    def __init__(self, config: PenaltyConfig, depth: Float[Tensor, " L"], truth: Samples) -> None:
        """``truth``: training showers in bins of energy (see `binned`), for coefficients that are not given.

        Raises:
            BadValue: a law that is not finite at an energy of the grid.
        """
        super().__init__()
        self.config = config
        self.coefficients = {
            name: tuple(given) if given is not None else LAWS[name].fit(truth) for name, given in config.laws.items()
        }
        grid = torch.tensor(config.grid(), dtype=torch.float32)
        self.register_buffer("energy", grid)
        self.register_buffer("depth", depth.float())
        self.register_buffer("multipliers", torch.zeros(len(config.laws), config.points))
        self._require_finite(truth)

    def _require_finite(self, truth: Samples) -> None:
        some = truth.layers[:1].float().expand(self.config.points, -1, -1)
        for name, g in zip(self.config.laws, self._violations(some), strict=True):
            if not bool(torch.isfinite(g).all()):
                where = float(self.energy[~torch.isfinite(g)][0])
                raise BadValue(
                    f"penalties.laws.{name}",
                    list(self.coefficients[name]),
                    f"the law is not finite at {where:.6g} MeV; mend the coefficients or narrow penalties.energies",
                )

    def _violations(self, layers: Float[Tensor, "K n L"]) -> Float[Tensor, "J K"]:
        samples = Samples(self.energy, layers, self.depth)
        return torch.stack([LAWS[name].violation(samples, given) for name, given in self.coefficients.items()])

    def forward(self, sample: LayerSampler) -> dict[str, Tensor]:
        """Penalty (``penalty``) and the mean violation of each law; updates the multipliers when training.

        Args:
            sample: layer energies of new showers at incident energies, MeV; gradients flow through it.
        """
        n = self.config.showers // 2
        layers = sample(self.energy.repeat_interleave(2 * n)).view(len(self.energy), 2 * n, -1)
        first, second = self._violations(layers[:, :n]), self._violations(layers[:, n:])
        g = 0.5 * (first + second)
        total = (self.multipliers * g).sum() + 0.5 * self.config.stiffness * (first * second).sum()
        if self.training:
            self.multipliers = self.multipliers + self.config.rate * self.config.stiffness * g.detach()
        means = g.detach().abs().mean(1)
        return {"penalty": total} | {f"violation_{name}": m for name, m in zip(self.coefficients, means, strict=True)}


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
        raise EmptySample(f"fitting a law needs {_FEWEST * bins} showers", len(energy), _FEWEST * bins)
    order = np.argsort(energy, kind="stable")[: n * bins].reshape(bins, n)
    centre = np.exp(np.log(energy[order]).mean(axis=1))
    scaled = layers[order] * (centre[:, None] / energy[order])[:, :, None]
    return Samples(*(torch.tensor(np.asarray(a, np.float32)) for a in (centre, scaled, depth)))
