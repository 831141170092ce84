r"""A decoder that draws layer after layer, and the cells of a layer block after block, with their neighbours in sight.

.. math:: p(s \mid z, u, c) = \prod_l \prod_k p(h^k_l \mid h^{<k}_l, s_{<l}) \;
          \prod_k p(s^k_l \mid s^{<k}_l, h_l, s_{<l})

(all given z, u and c): the hits of a layer, :math:`h^1` of every second or every fourth cell, then those of the cells
between them, in each block first how many and then which (`caloforge.models.block_hits`); then, if wanted, the
hottest cell (`caloforge.models.hottest_cell`); then the shares of the hit cells in the same blocks
(`caloforge.models.block_shares`). Networks are convolutions over alpha that go round,
with the rings as channels; what each layer is, its energy, z and c come in as FiLM. Where particles are inclined,
they also see alpha itself: the plane of direction and normal is at alpha = 0.
"""

__all__ = ["NeighbourDecoder"]

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.models.block_hits import BlockHits
from caloforge.models.block_shares import BlockShares
from caloforge.models.counted_hits import NUMBERS
from caloforge.models.gamma_mixture import GammaMixture
from caloforge.models.hottest_cell import HottestCell
from caloforge.models.known_layers import KnownLayers
from caloforge.models.layer_blocks import LayerBlocks
from caloforge.models.layer_draw import LayerDraw, layer_noise, normals
from caloforge.models.layer_heads import silent
from caloforge.models.layers_before import LayersBefore
from caloforge.models.neighbour_networks import STYLE, LayerNetworks
from caloforge.models.parts import LayerContext
from caloforge.nn.layers import ConditionedMLP, NetworkOptions
from caloforge.nn.mesh_canvas import MeshCanvas

_TOGETHER = 512  # showers that are drawn at once: maps of more do not stay in a cache
_LOG_MEV = 4.0  # where the learned log layer energies start


class NeighbourDecoder(nn.Module):
    """Hits and shares of all layers: their log-density where they are known, and draws one layer after another.

    Args:
        binning: the mesh.
        n_latent: Z, numbers of z.
        network: numbers of c, the particle embedded, then width, depth, conditioning and tails of the network that
            reads z, the layer energies and c; see `ConditionedMLP`.
        channels: of the convolutions.
        back: layers before that are seen singly.
        inclined: whether alpha matters.
        hadronic: whether the hottest cell of a layer is drawn first, weights have a faint component, and numbers of
            hits hear what is expected.
        blocks: K of a layer, 2 or 4.

    Attributes:
        noise_width: M, standard normals of a shower.
    """

    so_far: Tensor

    def __init__(
        self,
        binning: Binning,
        n_latent: int,
        network: NetworkOptions,
        channels: int,
        back: int,
        inclined: bool,
        hadronic: bool = False,
        blocks: int = 2,
    ) -> None:
        super().__init__()
        self.canvas, self.shares = MeshCanvas(binning), BlockShares(binning, blocks)
        self.hits = BlockHits(binning, self.shares.block_of_cell, blocks)
        self.noise_width = normals(binning.n_voxels, binning.n_layers, blocks, hadronic)
        layers, sectors, rings = self.canvas.shape
        self.before = LayersBefore(binning, rings, back)
        self.context = ConditionedMLP(n_latent + 2 * layers, layers * STYLE, *network)
        self.which_layer = nn.Parameter(0.3 * torch.randn(layers, STYLE))
        self.scale, self.offset = nn.Parameter(torch.ones(layers)), nn.Parameter(torch.full((layers,), _LOG_MEV))
        seen = self.before.channels
        self.networks = LayerNetworks(seen, channels, sectors, rings, inclined, hadronic, blocks)
        self.hottest = HottestCell(binning) if hadronic else None
        self.blocks = LayerBlocks(self.canvas, self.shares.block_of_cell, blocks, self.networks.of_weight)
        self.base = silent(nn.Linear(layers, self.networks.of_cell * layers * rings))
        self.base_numbers = silent(nn.Linear(layers, blocks * NUMBERS * layers))
        block = self.canvas.spread(self.shares.block_of_cell.float())
        so_far = torch.stack([block <= k for k in range(blocks)]).float().permute(0, 2, 3, 1)[..., None]
        self.register_buffer("so_far", so_far, persistent=False)  # (K, A, R, L, 1) places of the blocks up to each

    def initialise(self, shares: Float[Tensor, "N V"]) -> None:
        """Start from the marginals of the cells, averaged around the axis.

        Args:
            shares: (N, V) of the cells in their layers.
        """
        start = self.canvas.spread(self.shares.start(shares, self.hottest is not None))
        real = self.canvas.real.float()
        with torch.no_grad():
            self.base.bias.copy_((start.sum(2) / real.sum(1).clamp_min(1.0)).reshape(-1))
            self.base_numbers.bias.copy_(self.hits.start((shares > 0).float()).reshape(-1))

    def _style(
        self, z: Float[Tensor, "N Z"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> tuple[Float[Tensor, "L S N"], Float[Tensor, "L O N"], Float[Tensor, "L Q N"], Float[Tensor, "L N"]]:
        """Style of each layer, numbers of its rings and of its hits before more is seen, its energy as maps have it."""
        (layers, _, rings), log_energies = self.canvas.shape, context.log_energies.T
        style = self.context(torch.cat([z, *context], 1), c).T.view(layers, STYLE, -1) + self.which_layer[..., None]
        of_rings, of_numbers = _rows(self.base, layers, rings), _rows(self.base_numbers, layers, NUMBERS)
        of_rings = torch.cat([*[of_rings[:, :1]] * (self.shares.blocks - 1), of_rings], 1)  # the same logit in all
        base, numbers = (
            torch.addmm(rows[:, :1], rows[:, 1:], log_energies).view(layers, -1, log_energies.shape[1])
            for rows in (of_rings.flatten(0, 2), of_numbers.flatten(0, 2))
        )
        energy = (self.scale[:, None] * log_energies + self.offset[:, None]).exp()
        return nn.functional.silu(style), base + self.networks.bias[:, None], numbers, energy

    def log_prob(
        self, shares: Float[Tensor, "N V"], z: Float[Tensor, "N Z"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> Float[Tensor, "N L"]:
        """Log-density of each layer's cells given z and the layers before, in nats; 0 for a layer without energy.

        Of hadronic cells a lower bound: the density of cells of which it is known which is the hottest.

        Args:
            shares: (N, V) of the cells in their layers.
            z: (N, Z) latents.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
        """
        *of_layers, energy = self._style(z, context, c)
        style, base, numbers = (x.transpose(0, 1).flatten(1) for x in of_layers)
        hit, hottest = shares > 0, None if self.hottest is None else self.hottest.find(shares)
        known = KnownLayers(self.canvas, self.shares, shares, energy, self.so_far, hottest)
        seen = self.before.all_layers(known.energies)
        self.networks(self.networks.matrices(), seen.flatten(2), style, (base, numbers), known)
        of_cells, of_numbers = known.told()
        blocks, (of_hottest, of_weight) = self.shares.blocks, (self.networks.of_hottest, self.networks.of_weight)
        of_hits, of_hottest_cells, of_weights = torch.split(of_cells, [blocks, of_hottest, blocks * of_weight])
        log_p = self.hits.log_prob(hit, of_hits.unbind(), of_numbers)
        if self.hottest is not None and hottest is not None:
            log_p = log_p + self.hottest.log_prob(shares, hottest, of_hottest_cells)
            rest = self.shares.layer_sum(known.others).clamp_min(1e-30)
            shares = known.others / rest[:, self.shares.layer_of_voxel]
        weights = [GammaMixture.of(x.unbind()) for x in torch.split(of_weights, of_weight)]
        log_p = log_p + self.shares.log_prob_shares(shares, weights)
        return torch.where(self.shares.layer_sum(hit.float()) > 0, log_p, 0.0)

    def sample(
        self,
        noise: Float[Tensor, "N M"],
        z: Float[Tensor, "N Z"],
        context: LayerContext,
        c: Float[Tensor, "N C"],
        active: Bool[Tensor, "N L"],
    ) -> Float[Tensor, "N V"]:
        """Shares of active layers, each summing to one, drawn one layer after another.

        Args:
            noise: (N, M) standard normal, M = ``noise_width``.
            z: (N, Z) latents.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy; the others get no hit.
        """
        if len(noise) > _TOGETHER:
            parts = zip(*(torch.split(x, _TOGETHER) for x in (noise, z, *context, c, active)), strict=True)
            return torch.cat([self.sample(n, z, LayerContext(*u), c, on) for n, z, *u, c, on in parts])
        (_, sectors, rings), matrices = self.canvas.shape, self.networks.matrices()
        style, base, numbers, energy = self._style(z, context, c)
        of_layers = zip(style, base, numbers, energy, active.T, strict=True)
        before, shares = self.before.nothing(noise.new_zeros(sectors, rings, c.shape[0])), list[Tensor]()
        cells_and_noise = zip(self.blocks.layers(), layer_noise(noise, self.blocks), self.blocks.rows, strict=True)
        for layer, (of_layer, (cells, random, rows)) in enumerate(zip(of_layers, cells_and_noise, strict=True)):
            of_style, of_ring, number, scale, has_energy = of_layer
            drawn = LayerDraw(cells, random, rows, has_energy, scale)
            self.networks(matrices, self.before.one_layer(before, layer), of_style, (of_ring, number), drawn)
            shares.append(drawn.shares)
            before = self.before.added(before, drawn.energies(), layer)
        return torch.cat(shares).index_select(0, self.blocks.back).T


def _rows(linear: nn.Linear, layers: int, width: int) -> Float[Tensor, "L K W I"]:
    """Bias and weights of a linear map by layer."""
    rows = torch.cat([linear.bias[:, None], linear.weight], 1)
    return rows.view(-1, layers, width, rows.shape[1]).transpose(0, 1)
