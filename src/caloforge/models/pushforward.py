r"""Generators of an adversarial model: networks that push noise forward to layer energies and to cells.

.. math:: u = z_u + N(z_u, c), \qquad s = G(z_s, \epsilon, u, c)

The network of G turns latent noise z and its context into the parameters of every cell, and `ThresholdShares` turns
these and the cell's own noise :math:`\epsilon` into shares with exact zeros. All of it can be differentiated.
"""

__all__ = ["EnergyGenerator", "ShapeGenerator"]

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.models.cell_marginals import cell_marginals, faint_power
from caloforge.models.mesh_networks import NeighbourCoupling
from caloforge.models.parts import LayerContext, Noise
from caloforge.models.stages import EnergySampler, ShapeSampler
from caloforge.models.threshold import ThresholdShares
from caloforge.nn.conditioning import Conditioning, LinearExtrapolation
from caloforge.nn.layers import AffineOfCondition, ConditionedMLP


class ShapeGenerator(ShapeSampler):
    """Pushforward of latents and one normal a cell to the shares of the cells.

    Args:
        binning: the mesh.
        n_conditions: C, the particle embedded.
        latent: Z, normals that shape a whole shower.
        width: hidden units.
        depth: residual blocks.
        conditioning: how layers hear of c.
        tails: where the network goes on linearly in log energy; None: nowhere.
        channels: of the convolution that joins neighbouring cells; 0: none.
        maps: normals of each cell that only the convolution hears of.
        power: whether the faintest hits follow the power law of the data.
    """

    def __init__(
        self,
        binning: Binning,
        n_conditions: int,
        latent: int,
        width: int,
        depth: int,
        conditioning: Conditioning,
        tails: LinearExtrapolation | None = None,
        channels: int = 0,
        maps: int = 0,
        power: bool = False,
    ) -> None:
        super().__init__()
        self.binning, self.latent = binning, latent
        self.shares = ThresholdShares(binning, power)
        self.coupling = NeighbourCoupling(binning, 4, 1 + maps, channels) if channels else None
        self.cell_noise = self.shares.noise_width * (1 + maps if channels else 1)
        context = 2 * binning.n_layers
        self.network = ConditionedMLP(latent + context, width, n_conditions, width, depth, conditioning, tails)
        self.cells = nn.Linear(width + binning.n_layers, 4 * binning.n_voxels)

    def initialise(self, shares: Float[Tensor, "N V"], context: LayerContext) -> None:
        """Start from the marginals of the cells at each layer energy.

        Args:
            shares: (N, V) of the cells in their layers.
            context: what the stage hears of the layer energies.
        """
        faint_part = self.shares.faint_part[0].detach().exp().item()
        power = None if self.shares.power is None else faint_power(self.binning, shares)
        marginals = cell_marginals(self.binning, shares, context.log_energies, faint_part, power)
        a, b, f = marginals.spread.clamp_min(0.03).log()
        own = self.network.last.out_features + torch.from_numpy(self.binning.layer_of_voxel)
        cell, n = torch.arange(self.binning.n_voxels), self.binning.n_voxels
        with torch.no_grad():
            self.cells.weight.mul_(0.1)
            self.cells.weight[cell, own] = marginals.logit_slope
            self.cells.weight[n + cell, own] = marginals.log_share_slope
            self.cells.bias.copy_(torch.cat([marginals.logit, marginals.log_share, a, b]))
            if power is not None and self.shares.power is not None:
                self.shares.power.copy_(power)
            else:
                self.shares.faint_fall.copy_(f)

    def sample(
        self, noise: Noise, context: LayerContext, c: Float[Tensor, "N C"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of new showers; layers that are not ``active`` have no hit.

        Args:
            noise: its ``latent`` (N, Z) and ``cells`` (N, V) are used.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy.
        """
        hidden = self.network(torch.cat([noise.latent, *context], 1), c)
        p = self.cells(torch.cat([hidden, context.log_energies], 1)).view(c.shape[0], 4, -1)
        normals = noise.cells.view(p.shape[0], -1, p.shape[2])
        if self.coupling is not None:
            p = p + self.coupling(p, normals)
        return self.shares(normals[:, 0], p, active)


class EnergyGenerator(EnergySampler):
    """Pushforward u = z + network(z, c) to the energy features.

    With ``tails`` the network hears a condition held inside the training range, and an affine map whose mean and log
    scale go on linearly outside does the rest.

    Args:
        n_layers: L.
        n_conditions: C, the particle embedded.
        width: hidden units.
        depth: residual blocks.
        conditioning: how layers hear of c.
        tails: training range outside which an affine map goes on; None: no such map.
    """

    def __init__(
        self,
        n_layers: int,
        n_conditions: int,
        width: int,
        depth: int,
        conditioning: Conditioning,
        tails: LinearExtrapolation | None = None,
    ) -> None:
        super().__init__()
        self.tails = tails
        self.network = ConditionedMLP(n_layers, n_layers, n_conditions, width, depth, conditioning)
        if tails is not None:
            self.affine = AffineOfCondition(n_layers, n_conditions, width, tails, widths=1)

    def initialise(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> None:
        """Fit the affine map, where there is one.

        Args:
            u: (N, L) energy features.
            c: (N, C) conditions, the particle embedded.
        """
        if self.tails is not None:
            self.affine.fit(u, c)

    def sample(self, noise: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Energy features of standard normal noise.

        Args:
            noise: (N, L) standard normal.
            c: (N, C) conditions, the particle embedded.
        """
        if self.tails is None:
            return noise + self.network(noise, c)
        mean, log_scale = self.affine(c)
        return mean + log_scale.exp() * (noise + self.network(noise, self.tails.clamped(c)))
