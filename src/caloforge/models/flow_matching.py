r"""Conditional flow matching of showers: layer energies by a density of their own, then cells by `CellFlow`.

.. math:: p(x \mid c) = p(u \mid c) \; p(s \mid u, c)

u: features of the layer energies, s: shares of the cells. Zeros are zeros: where a cell's latent ends below its
threshold, it holds nothing.
"""

__all__ = ["FlowMatching"]

from dataclasses import replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from caloforge.errors import BadValue
from caloforge.models.base import Estimate, Losses
from caloforge.models.cascade import TwoStage
from caloforge.models.cell_flow import CellFlow
from caloforge.models.stages import EnergyStage
from caloforge.nn.conditioning import ParticleEmbedding
from caloforge.nn.solvers import TABLEAUS, Solver
from caloforge.preprocessing.pipeline import Pipeline


class FlowMatching(TwoStage):
    """Layer energies with an explicit density, cells by flow matching.

    Args:
        pipeline: the preprocessing, fitted.
        embedding: of the particle, for both stages.
        energies: the first stage.
        shape: the second stage.
    """

    explicit: ClassVar[bool] = True
    energies: EnergyStage
    shape: CellFlow

    def __init__(
        self, pipeline: Pipeline, embedding: ParticleEmbedding, energies: EnergyStage, shape: CellFlow
    ) -> None:
        super().__init__(pipeline, embedding, energies, shape)

    def initialise(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> None:
        """Scale of the log layer energies, starting values of the energies, and marginals of the cells.

        Args:
            x: (N, F) training features.
            c: (N, C) conditions.
        """
        super().initialise(x, c)
        u, shares = self.pipeline.parts(x)
        scale = torch.stack([self.log_energy.mean, self.log_energy.std])
        self.shape.latents.fit(shares, self.context(u, c)[0].log_energies, scale)

    def integrate_with(self, solver: str | None, steps: int | None) -> None:
        """Change how samples are integrated from here on.

        Args:
            solver: Runge-Kutta method; None: as it is.
            steps: of the solver; None: as they are.

        Raises:
            BadValue: an unknown solver, or no step.
        """
        flow = self.shape.flow
        names: list[Solver] = [name for name in TABLEAUS if name == (solver or flow.solver)]
        if not names:
            raise BadValue("solver", solver, f"take one of {', '.join(TABLEAUS)}")
        if steps is not None and steps < 1:
            raise BadValue("steps", steps, "take at least one")
        self.shape.flow = replace(flow, solver=names[0], steps=steps or flow.steps)

    def loss(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], progress: float, generator: torch.Generator
    ) -> Losses:
        """Velocity error of the cells, and the negative log-likelihood of the energies, nats; ``total`` is their sum.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            progress: not used.
            generator: draws noise, times and latents.
        """
        (u, shares), e = self.pipeline.parts(x), self.embedding(c)
        context, active = self.context(u, c)
        energy_nll = -self.energies.log_prob(u, e).mean()
        velocity = self.shape.loss(shares, context, e, active, generator)["total"]
        return {"total": velocity + energy_nll, "velocity": velocity, "energy_nll": energy_nll}

    def held_out(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator) -> Losses:
        """``validation`` is the loss, ``validation_velocity`` its part of the cells.

        Args:
            x: (N, F) features of held-out showers.
            c: (N, C) conditions.
            generator: draws the random numbers.
        """
        terms = self.loss(x, c, 1.0, generator)
        return {"validation": terms["total"], "validation_velocity": terms["velocity"]}

    def log_prob(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator, samples: int = 16
    ) -> Estimate:
        """Lower bound on log p(x | c) in nats, tighter with more ``samples`` of the latents; the energies are exact.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            generator: draws the latents.
            samples: draws of the latents for each shower.
        """
        (u, shares), e = self.pipeline.parts(x), self.embedding(c)
        context, active = self.context(u, c)
        bound, error = self.shape.log_prob(shares, context, e, active, generator, samples)
        return Estimate(self.energies.log_prob(u, e) + bound, error)
