"""Options that the families with two stages share: conditioning, and how the layer energies are drawn."""

__all__ = ["TwoStageConfig"]

from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from caloforge.errors import BadValue
from caloforge.models.autoregressive import AutoregressiveEnergies
from caloforge.models.energy_mixtures import MixtureEnergies
from caloforge.models.flow import LayerEnergyFlow
from caloforge.models.registry import ModelConfig
from caloforge.models.stages import EnergyStage
from caloforge.nn.conditioning import Conditioning, ParticleEmbedding
from caloforge.preprocessing.chain import EnergyChain
from caloforge.preprocessing.pipeline import Pipeline
from caloforge.preprocessing.transform import AtomBands

_GRID = 257  # features at which the energy of a layer is tabulated
_LEAST = 1e-6  # MeV


class TwoStageConfig(ModelConfig):
    """Options of a family whose layer energies may have an explicit density."""

    conditioning: Conditioning = Field("film", description="how hidden layers hear of energy, particle and direction")
    layer_energies: Literal["autoregressive", "couplings", "mixtures"] = Field(
        "couplings",
        description="density of the layer energies: spline couplings; layer after layer, with atoms; mixtures: "
        "the same for features of single layers, hadrons say, with the energy so far in sight",
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

        Raises:
            BadValue: mixtures, and features or tails that do not go with them.
        """
        tails = self.linear_tails(pipeline)
        if self.layer_energies == "couplings":
            return LayerEnergyFlow(pipeline.n_layers, n_conditions, *self.flow, tails)
        bands, width = pipeline.energies.bands(pipeline.n_layers), max(1, self.flow_width // 2)
        if self.layer_energies == "mixtures":
            if tails is not None:
                raise BadValue(
                    "model.tails", "linear", "mixtures end where training ended; take layer_energies: couplings"
                )
            scale, column = pipeline.condition.scale, pipeline.condition.columns.log_energy
            incident = column, torch.stack([scale.mean[0], scale.std[0]])
            return MixtureEnergies(bands, _of_single_layers(pipeline, bands), *incident, n_conditions, width)
        return AutoregressiveEnergies(bands, n_conditions, self.flow_bins, width, tails)


def _of_single_layers(pipeline: Pipeline, bands: AtomBands) -> Float[Tensor, "G L"]:
    """ln(E / MeV) of energy features between the bands.

    Raises:
        BadValue: features that need those of other layers, or have no band for an empty one.
    """
    steps = pipeline.energies.steps
    if any(isinstance(step, EnergyChain) for step in steps) or all(step.bands() is None for step in steps):
        advice = "it needs one feature a layer; take preprocessing: {energies: [log, dequantise, quantile]}"
        raise BadValue("model.layer_energies", "mixtures", advice)
    grid = torch.lerp(bands.below[1], bands.above[0], torch.linspace(0, 1, _GRID)[:, None])
    return pipeline.energies.inverse(grid, torch.ones(_GRID)).clamp_min(_LEAST).log()
