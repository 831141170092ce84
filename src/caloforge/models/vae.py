"""The family of variational autoencoders: spline flow of the layer energies, then `ShapeVAE` for the cells."""

__all__ = ["VAEConfig"]

from typing import Literal

from caloforge.models.cascade import Cascade
from caloforge.models.flow import CouplingFlow
from caloforge.models.independent_vae import IndependentVAE
from caloforge.models.neighbour_vae import NeighbourVAE
from caloforge.models.registry import register
from caloforge.models.shape_vae import ShapeVAE
from caloforge.models.vae_options import VAEOptions
from caloforge.preprocessing.pipeline import Pipeline


@register
class VAEConfig(VAEOptions):
    """Two-stage conditional VAE: spline flow of the layer energies, then `ShapeVAE` for the cells."""

    name: Literal["vae"] = "vae"

    def build(self, pipeline: Pipeline) -> Cascade:
        """A cascade of a density of the layer energies and `ShapeVAE`, not yet trained.

        Args:
            pipeline: the preprocessing, fitted.
        """
        binning = pipeline.binning
        embedding = self.embedding(pipeline)
        n_conditions, tails = embedding.n_out, self.linear_tails(pipeline)
        energies = self.energy_flow(pipeline, n_conditions)
        prior = None
        if self.prior == "flow":
            context = 2 * binning.n_layers
            prior = CouplingFlow(self.latent, context + n_conditions, *self.flow, tails and tails.shifted(context))
        if self.decoder_context == "neighbours":
            inclined = bool(pipeline.condition.theta_range.max() > 0)
            shape: ShapeVAE = NeighbourVAE(binning, n_conditions, self, prior, tails, inclined)
        else:
            shape = IndependentVAE(binning, n_conditions, self, prior, tails)
        return Cascade(pipeline, embedding, energies, shape)
