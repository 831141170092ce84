r"""Flow matching: a velocity that carries normal noise :math:`x_0` to data :math:`x_1`, learned by least squares.

Between noise and data lies the straight path :math:`x_t = (1 - t) x_0 + t x_1`, whose velocity is
:math:`x_1 - x_0`; the field :math:`v(x, t) = E[x_1 - x_0 | x_t = x]` then carries N(0, 1) to the data
(arXiv:2210.02747, arXiv:2209.03003). With the angle :math:`\tan\theta = t/(1 - t)` and the scale
:math:`s = \sqrt{t^2 + (1 - t)^2}`,

.. math:: \tilde x = x_t / s = \cos\theta\,x_0 + \sin\theta\,x_1, \qquad
          v(x_t, t) = \frac{2t - 1}{s^2}\,x_t + \frac{1}{s}\,f(\tilde x, \theta), \qquad
          f = E[\cos\theta\,x_1 - \sin\theta\,x_0 \mid \tilde x]

the network f has targets of the same size at all times, and is zero for standard normal data. It serves the straight
path, and the spherical one, where :math:`d\tilde x/d\theta = f`: two ways to the same end, with different errors at a
given number of steps. The density follows by the instantaneous change of variables (arXiv:1806.07366),

.. math:: \log p(x_1) = \log N(x_0; 0, 1) - \int_0^1 \text{tr}\,\frac{\partial v}{\partial x}\, dt .

The trace is exact up to 64 dimensions and beyond that an unbiased estimate with one random vector of signs
(Hutchinson), the same at all times.
"""

__all__ = ["Coupling", "Network", "PathName", "ProbabilityFlow", "between", "coupled"]

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from caloforge.nn.normal import log_density
from caloforge.nn.solvers import TABLEAUS, Solver, integrate

PathName = Literal["straight", "spherical"]
Coupling = Literal["independent", "ot"]
Network = Callable[[Tensor, Tensor], Tensor]  # x (N, D) and angles (N, 1) -> (N, D)
RIGHT_ANGLE = math.pi / 2
_EXACT = 64  # dimensions up to which the trace is computed in full
_CONDITION_WEIGHT = 100.0  # squared distance of conditions over that of showers, in a coupling


def between(
    x0: Float[Tensor, "N D"], x1: Float[Tensor, "N D"], angle: Float[Tensor, "N 1"]
) -> tuple[Float[Tensor, "N D"], Float[Tensor, "N D"]]:
    """The point of the path at an angle, on the scale of the network, and its velocity there.

    Args:
        x0: (N, D) noise.
        x1: (N, D) data.
        angle: (N, 1) from 0, noise, to pi/2, data.
    """
    sine, cosine = angle.sin(), angle.cos()
    return cosine * x0 + sine * x1, cosine * x1 - sine * x0


def coupled(
    x0: Float[Tensor, "N D"], x1: Float[Tensor, "N D"], c: Float[Tensor, "N C"], coupling: Coupling
) -> Float[Tensor, "N D"]:
    """The noise in the order in which it goes with the data of a batch.

    ``ot`` pairs them by optimal transport. Noise i is taken to be drawn for condition i, and may go only to data of
    nearly the same condition, since else it would no longer be normal at each condition (arXiv:2503.10636).

    Args:
        x0: (N, D) noise.
        x1: (N, D) data.
        c: (N, C) their conditions.
        coupling: independent pairs, or optimal transport within the batch.
    """
    if coupling == "independent":
        return x0
    cost = torch.cdist(x1, x0).square() / x0.shape[1] + _CONDITION_WEIGHT * torch.cdist(c, c).square()
    _, columns = linear_sum_assignment(cost.detach().cpu().numpy())
    return x0[torch.from_numpy(columns).to(x0.device)]


@dataclass(frozen=True)
class ProbabilityFlow:
    """How a network's field is integrated.

    Args:
        path: straight or spherical.
        solver: Runge-Kutta method.
        steps: of equal length, in t or in the angle.
    """

    path: PathName
    solver: Solver
    steps: int

    @property
    def evaluations(self) -> int:
        """Of the network, for one sample."""
        return self.steps * TABLEAUS[self.solver].evaluations

    def _times(self) -> tuple[float, ...]:
        end = 1.0 if self.path == "straight" else RIGHT_ANGLE
        return tuple(end * i / self.steps for i in range(self.steps + 1))

    def _velocity(self, network: Network) -> Callable[[Tensor, float], Tensor]:
        """dx/dt on the straight path, or dx/dtheta on the spherical one."""

        def straight(x: Tensor, t: float) -> Tensor:
            square = t * t + (1 - t) * (1 - t)
            scale = math.sqrt(square)
            return (2 * t - 1) / square * x + network(x / scale, _angles(x, math.atan2(t, 1 - t))) / scale

        def spherical(x: Tensor, angle: float) -> Tensor:
            return network(x, _angles(x, angle))

        return straight if self.path == "straight" else spherical

    def push(self, network: Network, noise: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        """Data from standard normal noise.

        Args:
            network: f.
            noise: (N, D).
        """
        return integrate(self._velocity(network), noise, self._times(), TABLEAUS[self.solver])

    def log_prob(self, network: Network, x: Float[Tensor, "N D"], generator: torch.Generator) -> Float[Tensor, " N"]:
        """Log-density in nats, of the flow that these steps approximate.

        Args:
            network: f.
            x: (N, D) data.
            generator: draws the signs of the estimated trace.
        """
        velocity, probes = self._velocity(network), _probes(x, generator)

        def augmented(state: Tensor, t: float) -> Tensor:
            at = state[:, :-1].detach().requires_grad_()
            slope = velocity(at, t)
            trace = torch.zeros_like(state[:, 0])
            for i, probe in enumerate(probes):
                (back,) = torch.autograd.grad(slope, at, probe, retain_graph=i + 1 < len(probes))
                trace = trace + (back * probe).sum(1)
            return torch.cat([slope.detach(), trace[:, None]], 1)

        with torch.inference_mode(False), torch.enable_grad():
            start = torch.cat([x.clone(), torch.zeros_like(x[:, :1])], 1)
            end = integrate(augmented, start, self._times()[::-1], TABLEAUS[self.solver]).detach()
        return log_density(end[:, :-1]).sum(1) + end[:, -1]


def _angles(x: Tensor, angle: float) -> Float[Tensor, "N 1"]:
    return torch.full_like(x[:, :1], angle)


def _probes(x: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Unit vectors of all dimensions, or one vector of signs."""
    if x.shape[1] <= _EXACT:
        return [row.expand(len(x), -1) for row in torch.eye(x.shape[1]).to(x)]
    return [(torch.randint(0, 2, x.shape, generator=generator) * 2 - 1).to(x)]
