"""A `ShapeVAE` whose decoder draws the cells of a layer independently of each other, given z and the layer energies."""

__all__ = ["IndependentVAE"]

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.models.layerwise import LayerMemory
from caloforge.models.parts import LayerContext, Noise
from caloforge.models.shape_vae import ShapeVAE
from caloforge.nn.layers import ConditionedMLP, NetworkOptions


class IndependentVAE(ShapeVAE):
    """A perceptron makes the numbers of all cells; with ``decoder_context: layers`` a memory of layers adds to them."""

    def build_decoder(self, binning: Binning, network: NetworkOptions) -> None:
        """Make the networks of p(s | z, u, c).

        Args:
            binning: the mesh.
            network: numbers of c, then width, depth, conditioning and tails.
        """
        per_cell, width = self.shares.parameters_per_cell, self.config.width
        self.decoder = ConditionedMLP(self.latent + 2 * binning.n_layers, width, *network)
        self.cells = nn.Linear(width + binning.n_layers, per_cell * binning.n_voxels)
        layers = self.config.decoder_context == "layers"
        self.memory = LayerMemory(binning, 2, per_cell, width) if layers else None

    @torch.no_grad()
    def initialise_decoder(self, shares: Float[Tensor, "N V"]) -> None:
        """Start from the marginals of the cells.

        Args:
            shares: (N, V) of the cells in their layers.
        """
        self.cells.weight.mul_(0.1)
        self.cells.bias.copy_(self.shares.start(shares).reshape(-1))

    def _hidden(
        self, z: Float[Tensor, "N Z"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> tuple[Float[Tensor, "N W"], Float[Tensor, "N P V"]]:
        """Hidden units of the decoder, and the parameters of the cells' density before other layers are seen.

        The log layer energies also go straight into the last linear map.
        """
        hidden = self.decoder(torch.cat([z, *context], 1), c)
        cells = self.cells(torch.cat([hidden, context.log_energies], 1))
        return hidden, cells.view(z.shape[0], self.shares.parameters_per_cell, -1)

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
        hidden, cells = self._hidden(z, context, c)
        if self.memory is not None:
            cells = cells + self.memory(self._features(shares), hidden)
        return self.shares.log_prob(shares, cells).sum(1)

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
        hidden, cells = self._hidden(self.draw_prior(noise.latent, context, c), context, c)
        shares = self.shares.sample(noise.cells, cells, active)
        if self.memory is None:
            return shares
        for _ in range(self.n_layers - 1):  # after k rounds, layers 0 to k are as if drawn one after another
            shares = self.shares.sample(noise.cells, cells + self.memory(self._features(shares), hidden), active)
        return shares
