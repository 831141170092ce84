"""The family of flow matching: its options, and the model in many steps or, with a teacher, in one."""

__all__ = ["FlowMatchingConfig"]

from typing import Literal

from pydantic import Field

from caloforge.models.cell_flow import CellFlow
from caloforge.models.flow_matching import FlowMatching
from caloforge.models.mean_flow import MeanCellFlow, MeanFlow
from caloforge.models.probability_flow import Coupling, PathName, ProbabilityFlow
from caloforge.models.registry import register
from caloforge.models.two_stage import TwoStageConfig
from caloforge.nn.solvers import Solver
from caloforge.preprocessing.pipeline import Pipeline


@register
class FlowMatchingConfig(TwoStageConfig):
    """Spline flow of the layer energies, then flow matching of the cells."""

    name: Literal["flow_matching"] = "flow_matching"
    conditioning: Literal["film"] = Field(
        "film", description="how hidden layers hear of energy, particle and direction"
    )
    width: int = Field(64, ge=1, description="channels of the network on the canvas")
    depth: int = Field(4, ge=0, description="residual blocks, of two convolutions each")
    coupling: Coupling = Field("independent", description="of noise and showers in a batch; ot: by optimal transport")
    path: PathName = Field("spherical", description="way from noise to cells along which samples are integrated")
    solver: Solver = Field("midpoint", description="Runge-Kutta method: one, two, two or four evaluations a step")
    steps: int = Field(8, ge=1, description="of the solver, for each shower")
    jitter: float = Field(0.1, gt=0, description="spread of the common factor that gives the cells a density")
    teacher: str | None = Field(
        None, description="run that teaches average velocities, for one step or a few; null: learn from showers alone"
    )

    def build(self, pipeline: Pipeline) -> FlowMatching:
        """A new model, not yet trained.

        Args:
            pipeline: the preprocessing, fitted.
        """
        embedding, tails = self.embedding(pipeline), self.linear_tails(pipeline)
        energies = self.energy_flow(pipeline, embedding.n_out)
        options = (
            pipeline.binning,
            pipeline.condition.columns,
            embedding.n_out,
            self.width,
            self.depth,
            self.jitter,
            self.coupling,
        )
        flow = ProbabilityFlow(self.path, self.solver, self.steps)
        if self.teacher is None:
            return FlowMatching(pipeline, embedding, energies, CellFlow(*options, flow, tails))
        steps = ProbabilityFlow("spherical", "euler", self.steps)
        return MeanFlow(
            pipeline,
            embedding,
            energies,
            MeanCellFlow(*options, steps, tails),
            CellFlow(*options, ProbabilityFlow("spherical", "midpoint", 8), tails),
        )
