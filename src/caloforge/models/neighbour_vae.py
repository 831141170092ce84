"""A `ShapeVAE` whose decoder is a `NeighbourDecoder`; with no latent, its density, drawn layer after layer.

That is exact; of hadronic cells it is a lower bound (`caloforge.models.hottest_cell`).
"""

__all__ = ["NeighbourVAE"]

from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.geometry.binning import Binning
from caloforge.models.flow import CouplingFlow
from caloforge.models.neighbour_decoder import NeighbourDecoder
from caloforge.models.parts import LayerContext, Noise
from caloforge.models.shape_vae import ShapeVAE
from caloforge.models.vae_options import VAEOptions
from caloforge.nn.conditioning import LinearExtrapolation
from caloforge.nn.layers import NetworkOptions


class NeighbourVAE(ShapeVAE):
    """p(s | u, c) whose cells see their neighbours.

    Args:
        binning: the mesh.
        n_conditions: numbers of c, the particle embedded.
        config: options of the model.
        prior: learned density of z; None for N(0, 1).
        tails: where the network of the layers' styles goes on linearly in log energy; None: nowhere.
        inclined: whether particles come at an angle to the normal, so that alpha matters.
    """

    def __init__(
        self,
        binning: Binning,
        n_conditions: int,
        config: VAEOptions,
        prior: CouplingFlow | None,
        tails: LinearExtrapolation | None,
        inclined: bool,
    ) -> None:
        self.inclined = inclined
        super().__init__(binning, n_conditions, config, prior, tails)

    def build_decoder(self, binning: Binning, network: NetworkOptions) -> None:
        """Make the networks of p(s | z, u, c).

        Args:
            binning: the mesh.
            network: numbers of c, then width, depth, conditioning and tails.
        """
        options = self.config
        cells = (self.inclined, options.hadronic, options.blocks)
        self.neighbours = NeighbourDecoder(binning, self.latent, network, options.channels, options.layers_back, *cells)
        self.cell_noise = self.neighbours.noise_width

    def initialise_decoder(self, shares: Float[Tensor, "N V"]) -> None:
        """Start from the marginals of the cells.

        Args:
            shares: (N, V) of the cells in their layers.
        """
        self.neighbours.initialise(shares)

    def log_likelihood(
        self, shares: Float[Tensor, "N V"], z: Float[Tensor, "N Z"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> Float[Tensor, " N"]:
        """log p(s | z, u, c) in nats.

        Args:
            shares: (N, V) of the cells in their layers.
            z: (N, Z) latents.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
        """
        return self.neighbours.log_prob(shares, z, context, c).sum(1)

    def sample(
        self, noise: Noise, context: LayerContext, c: Float[Tensor, "N C"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of new showers; layers that are not ``active`` have no hit.

        Args:
            noise: its ``latent`` (N, Z) and ``cells`` (N, M) are used.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy.
        """
        z = self.draw_prior(noise.latent, context, c)
        return self.neighbours.sample(noise.cells, z, context, c, active)
