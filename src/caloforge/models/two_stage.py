"""Options that the families with two stages share: conditioning, and how the layer energies are drawn."""

__all__ = ["TwoStageConfig"]

from typing import Literal

from pydantic import Field

from caloforge.models.autoregressive import AutoregressiveEnergies
from caloforge.models.flow import LayerEnergyFlow
from caloforge.models.registry import ModelConfig
from caloforge.models.stages import EnergyStage
from caloforge.nn.conditioning import Conditioning, ParticleEmbedding
from caloforge.preprocessing.pipeline import Pipeline


class TwoStageConfig(ModelConfig):
    """Options of a family whose layer energies may have an explicit density."""

    conditioning: Conditioning = Field("film", description="how hidden layers hear of energy, particle and direction")
    layer_energies: Literal["autoregressive", "couplings"] = Field(
        "couplings",
        description="density of the layer energies: spline couplings, or layer after layer, with atoms",
    )
    flow_transforms: int = Field(6, ge=1, description="spline couplings of a flow")
    flow_bins: int = Field(8, ge=2, description="bins of each spline")
    flow_width: int = Field(64, ge=1, description="hidden units of each coupling, or of two layers in sequence")

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

    def energy_flow(self, pipeline: Pipeline, n_conditions: int) -> EnergyStage:
        """A new density of the layer energies.

        Args:
            pipeline: the preprocessing, fitted.
            n_conditions: numbers of c, the particle embedded.
        """
        tails = self.linear_tails(pipeline)
        if self.layer_energies == "couplings":
            return LayerEnergyFlow(pipeline.n_layers, n_conditions, *self.flow, tails)
        bands, width = pipeline.energies.bands(pipeline.n_layers), max(1, self.flow_width // 2)
        return AutoregressiveEnergies(bands, n_conditions, self.flow_bins, width, tails)
