"""The family of normalising flows: spline flow of the layer energies, then `ShapeFlow` for the cells."""

__all__ = ["FlowCascade", "FlowConfig"]

from typing import Literal

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from caloforge.models.cascade import Cascade
from caloforge.models.registry import register
from caloforge.models.shape_flow import ShapeFlow
from caloforge.models.two_stage import TwoStageConfig
from caloforge.preprocessing.pipeline import Pipeline


class FlowCascade(Cascade):
    """A cascade whose second stage hears the logarithms of the layer energies in MeV as they are."""

    def initialise(self, x: Float[Tensor, "N F"], c: Float[Tensor, "N C"]) -> None:
        """Starting values of both stages.

        Args:
            x: (N, F) training features.
            c: (N, C) conditions.
        """
        parts = self.pipeline.parts(x)
        self.energies.initialise(parts.energies, self.embedding(c))
        self.shape.initialise(parts.cells, self.context(parts.energies, c)[0])


@register
class FlowConfig(TwoStageConfig):
    """Normalising flow with the exact density of the whole shower."""

    name: Literal["flow"] = "flow"
    width: int = Field(64, ge=1, description="hidden units at each sector")
    depth: int = Field(2, ge=0, description="residual blocks that look at the layers before")
    bins: int = Field(6, ge=2, description="bins of the splines of the cells")

    def build(self, pipeline: Pipeline) -> FlowCascade:
        """A cascade of a density of the layer energies and `ShapeFlow`, not yet trained.

        Args:
            pipeline: the preprocessing, fitted.
        """
        embedding = self.embedding(pipeline)
        n_conditions, tails = embedding.n_out, self.linear_tails(pipeline)
        energies = self.energy_flow(pipeline, n_conditions)
        networks = (self.width, self.depth, self.bins, self.conditioning, tails)
        shape = ShapeFlow(pipeline.binning, n_conditions, *networks)
        return FlowCascade(pipeline, embedding, energies, shape)
