"""Options that the families with two stages share: conditioning and the spline flow of the layer energies."""

__all__ = ["TwoStageConfig"]

from pydantic import Field

from caloforge.models.flow import LayerEnergyFlow
from caloforge.models.registry import ModelConfig
from caloforge.nn.conditioning import Conditioning, ParticleEmbedding
from caloforge.preprocessing.pipeline import Pipeline


class TwoStageConfig(ModelConfig):
    """Options of a family whose layer energies may come from a `LayerEnergyFlow`."""

    conditioning: Conditioning = Field("film", description="how hidden layers hear of energy, particle and direction")
    flow_transforms: int = Field(6, ge=1, description="spline couplings of the layer-energy flow")
    flow_bins: int = Field(8, ge=2, description="bins of each spline")
    flow_width: int = Field(64, ge=1, description="hidden units of each coupling")

    @property
    def flow(self) -> tuple[int, int, int]:
        """Couplings of a flow, bins of each spline, hidden units of each coupling."""
        return self.flow_transforms, self.flow_bins, self.flow_width

    def embedding(self, pipeline: Pipeline) -> ParticleEmbedding:
        """A new embedding of the particle, which both stages hear of.

        Args:
            pipeline: the preprocessing, fitted.
        """
        return ParticleEmbedding(pipeline.condition.n_particles, pipeline.condition.columns)

    def energy_flow(self, pipeline: Pipeline, n_conditions: int) -> LayerEnergyFlow:
        """A new flow of the layer energies.

        Args:
            pipeline: the preprocessing, fitted.
            n_conditions: numbers of c, the particle embedded.
        """
        return LayerEnergyFlow(pipeline.n_layers, n_conditions, *self.flow, self.linear_tails(pipeline))
