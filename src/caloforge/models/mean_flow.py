r"""One step instead of many: a network of average velocities, taught by the velocity of a trained flow.

.. math:: u(x, \theta, \theta') = \frac{1}{\theta' - \theta} \int_\theta^{\theta'} f\,d\vartheta, \qquad
          x_{\theta'} = x_\theta + (\theta' - \theta)\,u(x_\theta, \theta, \theta')

along the spherical path (`caloforge.models.probability_flow`). Differentiated by :math:`\theta`, the integral gives
what u is taught (MeanFlow, arXiv:2505.13447; there the velocities are those of single pairs, here those of the teacher,
so that nothing random is left in what is to be learned):

.. math:: u = f + (\theta' - \theta)\,\frac{du}{d\theta}, \qquad
          \frac{du}{d\theta} = f \cdot \nabla_x u + \partial_\theta u

with the right side held fixed. One evaluation goes from noise to data; more of them, over shorter ways, come nearer to
the teacher. What comes out has no density: the jumps need not be invertible.
"""

__all__ = ["MeanFlow", "MeanCellFlow"]

from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.errors import BadValue
from caloforge.models.base import Estimate, Generator, ImplicitDensity, Losses, Player
from caloforge.models.cell_flow import CellFlow, time_features
from caloforge.models.flow_matching import FlowMatching
from caloforge.models.parts import LayerContext, Noise
from caloforge.models.probability_flow import RIGHT_ANGLE, Network, between
from caloforge.models.stages import EnergyStage
from caloforge.nn.conditioning import ParticleEmbedding
from caloforge.preprocessing.pipeline import Pipeline

_WHOLE_WAY = 0.5  # of the intervals that are taught end at the data
_STEP = 0.01  # angle of the central difference that stands for du/dtheta: right to 1e-4


class MeanCellFlow(CellFlow):
    """A `CellFlow` whose network is told where its step ends, and gives the average velocity up to there."""

    heard_of_times: ClassVar[int] = 2

    def averages(self, context: LayerContext, c: Float[Tensor, "N C"], active: Bool[Tensor, "N L"]) -> Network:
        """u at these layer energies and conditions; takes (N, 2) angles, of the start and the end.

        Args:
            context: the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy.
        """
        network = self.on_cells(context, c, active)

        def average(x: Tensor, angles: Tensor) -> Tensor:
            start, end = angles[:, :1], angles[:, 1:]
            return network(x, torch.cat([time_features(start), time_features(end - start)], 1))

        return average

    def sample(
        self, noise: Noise, context: LayerContext, c: Float[Tensor, "N C"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of new showers in ``flow.steps`` jumps of equal angles; layers that are not ``active`` have no hit.

        Args:
            noise: its ``cells`` (N, V) are used.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy.
        """
        average, y = self.averages(context, c, active), noise.cells
        step = RIGHT_ANGLE / self.flow.steps
        for i in range(self.flow.steps):
            angles = y.new_tensor([i * step, (i + 1) * step]).expand(len(y), 2)
            y = y + step * average(y, angles)
        return self.latents.shares(y, context.log_energies, active)


class MeanFlow(FlowMatching):
    """A `FlowMatching` in one step or a few; the energies are the teacher's.

    Args:
        pipeline: the preprocessing, fitted.
        embedding: of the particle, for both stages.
        energies: the first stage.
        shape: average velocities of the cells.
        teacher: the trained stage of the cells; only training needs it.
    """

    explicit: ClassVar[bool] = False
    training_parts: ClassVar[tuple[str, ...]] = ("teacher",)
    shape: MeanCellFlow
    teacher: CellFlow

    def __init__(
        self,
        pipeline: Pipeline,
        embedding: ParticleEmbedding,
        energies: EnergyStage,
        shape: MeanCellFlow,
        teacher: CellFlow,
    ) -> None:
        super().__init__(pipeline, embedding, energies, shape)
        self.teacher = teacher.requires_grad_(False)
        self.energies.requires_grad_(False)
        self.embedding.requires_grad_(False)

    def initialise(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> None:
        """Nothing: all starting values are the teacher's.

        Args:
            x: (N, F) training features.
            c: (N, C) conditions.
        """

    def learn_from(self, teacher: Generator) -> None:
        """Take over what the teacher has learned, before the first step.

        Args:
            teacher: a trained flow on the same mesh, of the same data and width.

        Raises:
            BadValue: another family, another network, or other showers.
        """
        if not isinstance(teacher, FlowMatching) or isinstance(teacher, MeanFlow):
            raise BadValue("model.teacher", type(teacher).__name__, "give a run of flow_matching without a teacher")
        own, theirs = self.pipeline.state_dict(), teacher.pipeline.state_dict()
        same = own.keys() == theirs.keys() and all(
            own[name].shape == value.shape and torch.allclose(own[name].double().cpu(), value.double().cpu())
            for name, value in theirs.items()
        )
        if not same:
            raise BadValue(
                "model.teacher", "a run on other showers", "train on the data and with the seed of the teacher"
            )
        energies, shape = teacher.energies.state_dict(), teacher.shape.state_dict()
        try:
            self.energies.load_state_dict(energies)
            self.embedding.load_state_dict(teacher.embedding.state_dict())
            self.teacher.load_state_dict(shape)
        except RuntimeError as error:
            raise BadValue(
                "model.teacher", "a run of other sizes", "give width, depth and flow options of the teacher"
            ) from error
        self.log_energy.load_state_dict(teacher.log_energy.state_dict())
        first = "network.condition.0.weight"
        more = self.shape.state_dict()[first].shape[1] - shape[first].shape[1]
        padded = torch.cat([shape[first], shape[first].new_zeros(len(shape[first]), more)], 1)
        self.shape.load_state_dict(shape | {first: padded})

    def integrate_with(self, solver: str | None, steps: int | None) -> None:
        """Change the number of jumps from here on.

        Args:
            solver: euler or None.
            steps: jumps; None: as they are.

        Raises:
            BadValue: another solver.
        """
        if solver not in (None, "euler"):
            raise BadValue("solver", solver, "average velocities make plain jumps: leave it out, give steps alone")
        super().integrate_with(None, steps)

    def players(self) -> list[Player]:
        """The network of average velocities alone."""
        return [Player("model", list(self.shape.parameters()), self.loss)]

    def loss(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], progress: float, generator: torch.Generator
    ) -> Losses:
        """Mean square of what u misses of its own equation, over cells of layers with energy.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            progress: not used.
            generator: draws noise, times and latents.
        """
        (u, shares), e = self.pipeline.parts(x), self.embedding(c).detach()
        context, active = self.context(u, c)
        x1 = self.shape.dequantised(shares, context, generator).y
        x0 = torch.randn(x1.shape, generator=generator).to(x1)
        start = RIGHT_ANGLE * torch.rand(len(x1), 1, generator=generator).to(x1)
        way, whole = torch.rand(2, len(x1), 1, generator=generator).to(x1)
        end = torch.where(whole < _WHOLE_WAY, RIGHT_ANGLE, start + way * (RIGHT_ANGLE - start))
        at, _ = between(x0, x1, start)
        with torch.no_grad():
            velocity = self.teacher.velocity(context, e, active)(at, start)
        average = self.shape.averages(context, e, active)
        angles = torch.cat([start, end], 1)
        value = average(at, angles)
        with torch.no_grad():
            step = start.new_tensor([_STEP, 0.0])
            change = average(at + _STEP * velocity, angles + step) - average(at - _STEP * velocity, angles - step)
        target = velocity + (end - start) * change / (2 * _STEP)
        error = (value - target).square()
        weight = active[:, self.shape.latents.layer_of_voxel].float()
        return {"total": (error * weight).sum() / weight.sum().clamp_min(1.0)}

    def held_out(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator) -> Losses:
        """``validation``: mean square of the difference between one step and the teacher, in the latents of cells.

        Args:
            x: (N, F) features of held-out showers.
            c: (N, C) conditions.
            generator: draws the noise.
        """
        rows = slice(0, 128)
        u, e = self.pipeline.parts(x[rows]).energies, self.embedding(c[rows])
        context, active = self.context(u, c[rows])
        noise = torch.randn(len(u), self.shape.cell_noise, generator=generator).to(u)
        far = self.teacher.flow.push(self.teacher.velocity(context, e, active), noise)
        angles = noise.new_tensor([0.0, RIGHT_ANGLE]).expand(len(noise), 2)
        near = noise + RIGHT_ANGLE * self.shape.averages(context, e, active)(noise, angles)
        weight = active[:, self.shape.latents.layer_of_voxel].float()
        return {"validation": ((near - far).square() * weight).sum() / weight.sum().clamp_min(1.0)}

    def log_prob(
        self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"], generator: torch.Generator, samples: int = 16
    ) -> Estimate:
        """There is none: ask the teacher.

        Args:
            x: (N, F) features.
            c: (N, C) conditions.
            generator: not used.
            samples: not used.

        Raises:
            ImplicitDensity: always.
        """
        raise ImplicitDensity(type(self).__name__)
