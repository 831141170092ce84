r"""A decoder that draws layer after layer, and the cells of a layer in two blocks, with their neighbours in sight.

.. math:: p(s \mid z, u, c) = \prod_l p(h^1_l \mid s_{<l}) \; p(h^2_l \mid h^1_l, s_{<l}) \;
          p(s^1_l \mid h_l, s_{<l}) \; p(s^2_l \mid s^1_l, h_l, s_{<l})

(all given z, u and c): the hits of a layer, :math:`h^1` of every second cell as on a checkerboard, then :math:`h^2` of
the cells between them, in both first how many and then which (`caloforge.models.block_hits`); then the shares of the
hit cells in the same two blocks (`caloforge.models.block_shares`). Networks are convolutions over alpha that go round,
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
from caloforge.models.layers_before import LayersBefore
from caloforge.models.neighbour_networks import STYLE, LayerNetworks, silent
from caloforge.models.parts import LayerContext
from caloforge.models.shares import shares_of
from caloforge.nn.layers import ConditionedMLP, NetworkOptions
from caloforge.nn.mesh_canvas import MeshCanvas

_NORMALS = 3  # of a cell: one for its hit, two for its weight
_OF_LAYER = 5  # of a layer: three for the weight of its late cells together, one for the number of hits of each block
_CELL = 11  # hit logit, and the mixture of the weight twice
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

    Attributes:
        noise_width: M, standard normals of a shower.
    """

    repeats: Tensor
    early: Tensor

    def __init__(
        self,
        binning: Binning,
        n_latent: int,
        network: NetworkOptions,
        channels: int,
        back: int,
        inclined: bool,
    ) -> None:
        super().__init__()
        self.canvas, self.shares = MeshCanvas(binning), BlockShares(binning)
        self.hits = BlockHits(binning, self.shares.late)
        self.noise_width = _NORMALS * binning.n_voxels + _OF_LAYER * binning.n_layers
        layers, sectors, rings = self.canvas.shape
        self.before = LayersBefore(binning, rings, back)
        self.context = ConditionedMLP(n_latent + 2 * layers, layers * STYLE, *network)
        self.which_layer = nn.Parameter(0.3 * torch.randn(layers, STYLE))
        self.scale, self.offset = nn.Parameter(torch.ones(layers)), nn.Parameter(torch.full((layers,), _LOG_MEV))
        self.base = silent(nn.Linear(layers, _CELL * layers * rings))
        self.base_numbers = silent(nn.Linear(layers, 2 * NUMBERS * layers))
        self.networks = LayerNetworks(self.before.channels, channels, sectors, rings, inclined)
        places = self.canvas.weight.count_nonzero(1).float()
        self.register_buffer("repeats", places, persistent=False)
        self.register_buffer("early", self._map((~self.shares.late).float()[None])[0], persistent=False)

    def initialise(self, shares: Float[Tensor, "N V"]) -> None:
        """Start from the marginals of the cells, averaged around the axis.

        Args:
            shares: (N, V) of the cells in their layers.
        """
        start = self.canvas.spread(self.shares.start(shares))
        real = self.canvas.real.float()
        with torch.no_grad():
            self.base.bias.copy_((start.sum(2) / real.sum(1).clamp_min(1.0)).reshape(-1))
            self.base_numbers.bias.copy_(self.hits.start((shares > 0).float()).reshape(-1))

    def _map(self, cells: Float[Tensor, "*B V"]) -> Float[Tensor, "*B L R A"]:
        return self.canvas.spread(cells).transpose(-1, -2)

    def _cells(self, maps: Float[Tensor, "*B L R A"]) -> Float[Tensor, "*B V"]:
        return self.canvas.gather(maps.transpose(-1, -2))

    def _style(
        self, z: Float[Tensor, "N Z"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> tuple[Float[Tensor, "N L S"], Float[Tensor, "N P L R 1"], Float[Tensor, "N 2 L 5"], Float[Tensor, "N L"]]:
        """Style of each layer, numbers of its rings and of its hits before more is seen, its energy as maps have it."""
        n, (layers, _, rings) = c.shape[0], self.canvas.shape
        style = self.context(torch.cat([z, *context], 1), c).view(n, layers, -1) + self.which_layer
        base = self.base(context.log_energies).view(n, _CELL, layers, rings, 1)
        numbers = self.base_numbers(context.log_energies).view(n, 2, layers, NUMBERS)
        return nn.functional.silu(style), base, numbers, (self.scale * context.log_energies + self.offset).exp()

    def log_prob(
        self, shares: Float[Tensor, "N V"], z: Float[Tensor, "N Z"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> Float[Tensor, "N L"]:
        """Log-density of each layer's cells given z and the layers before, in nats; 0 for a layer without energy.

        Args:
            shares: (N, V) of the cells in their layers.
            z: (N, Z) latents.
            context: what the stage hears of the layer energies.
            c: (N, C) conditions, the particle embedded.
        """
        n, (layers, sectors, rings) = len(shares), self.canvas.shape
        style, base, numbers, energy = self._style(z, context, c)
        scale = energy[:, self.shares.layer_of_voxel] / self.repeats
        energies, style = self._map(shares * scale), style.flatten(0, 1)
        hit = shares > 0
        hits = self._map(hit.float())
        seen, early, all_hits = self.before.all_layers(energies), hits * self.early, hits.flatten(0, 1)
        trunk, early_hits = self.networks.trunk(seen.flatten(0, 1), style), early.flatten(0, 1)
        early_hits_of_layer = self.shares.layer_sum((hit & ~self.shares.late).float()).flatten()
        hit_maps = [all_hits, early_hits]
        late_logit, late_number = self.networks.after_early_hits(trunk, early_hits, early_hits_of_layer)
        parts = (
            trunk.direct[0],
            late_logit,
            self.networks.after_hits(trunk, hit_maps),
            self.networks.after_early(trunk, hit_maps, (energies * early).flatten(0, 1)),
        )
        maps = torch.cat(parts, 1).view(n, layers, -1, rings, sectors).transpose(1, 2)
        first, second, *how = self._cells(maps + torch.cat([base[:, :1], base], 1)).unbind(1)
        seen_numbers = torch.stack([self.networks.early_number(trunk), late_number], 1).view(n, layers, 2, -1)
        which = self.hits.log_prob(hit, (first, second), numbers + seen_numbers.transpose(1, 2))
        parted = self.shares.log_prob_shares(shares, GammaMixture.of(*how[:5]), GammaMixture.of(*how[5:]))
        return torch.where(self.shares.layer_sum(hit.float()) > 0, which + parted, 0.0)

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
        n, (layers, sectors, rings), starts = c.shape[0], self.canvas.shape, self.canvas.starts
        styles, base, numbers, energy = self._style(z, context, c)
        normals, of_layers = (part.reshape(n, k, -1) for part, k in self._noise(noise))
        like = noise.new_zeros(n, rings, sectors)
        sums, energies, drawn = self.before.nothing(like), list[Tensor](), list[Tensor]()
        for layer in range(layers):
            cells, style = slice(starts[layer], starts[layer + 1]), styles[:, layer]
            late, of_ring, scale = self.shares.late[cells], base[:, :, layer], energy[:, layer, None]
            hit_noise, weight_noise, of_layer = normals[:, 0, cells], normals[:, 1:, cells], of_layers[:, :, layer]
            trunk = self.networks.trunk(self.before.one_layer(energies, sums, like), style)
            # hits
            logit = self._of_cells(trunk.direct[0] + of_ring[:, 0], layer)
            number = numbers[:, 0, layer] + self.networks.early_number(trunk)
            none = torch.zeros_like(active[:, layer])
            early, left_early = self.hits.draw((hit_noise, of_layer[:, 3]), logit, number, (0, layer), ~late, none)
            early = early & active[:, layer, None]
            n_early = early.sum(1)
            early_map = self._onto(early.to(noise), layer)
            maps, number = self.networks.after_early_hits(trunk, early_map, n_early.to(noise))
            logit, number = self._of_cells(maps + of_ring[:, 0], layer), number + numbers[:, 1, layer]
            second, left_late = self.hits.draw(
                (hit_noise, of_layer[:, 4]), logit, number, (1, layer), late, n_early == 0
            )
            hit = early | (second & active[:, layer, None])
            left = torch.where(late, left_late, left_early)
            # shares
            hit_maps = [self._onto(hit.to(noise), layer), early_map]
            how = self._mixture(self.networks.after_hits(trunk, hit_maps), of_ring[:, 1:6], layer)
            share, rest = self.shares.draw_early((weight_noise, of_layer), left, hit, late, how)
            early_energy = self._onto(share * scale / self.repeats[cells], layer)
            how = self._mixture(self.networks.after_early(trunk, hit_maps, early_energy), of_ring[:, 6:], layer)
            share = share + rest * shares_of(self.shares.mixed_weights(weight_noise, left, hit & late, how))
            drawn.append(share)
            energies.append(self._onto(share * scale / self.repeats[cells], layer))
            sums = self.before.added(sums, energies[-1], layer)
        return torch.cat(drawn, 1)

    def _noise(self, noise: Float[Tensor, "N M"]) -> tuple[tuple[Tensor, int], tuple[Tensor, int]]:
        """Noise of the cells and of the layers, and how many normals each has."""
        of_layers = _OF_LAYER * self.canvas.shape[0]
        return (noise[:, :-of_layers], _NORMALS), (noise[:, -of_layers:], _OF_LAYER)

    def _onto(self, cells: Float[Tensor, "N M"], layer: int) -> Float[Tensor, "N R A"]:
        return self.canvas.spread_layer(cells, layer).transpose(-1, -2)

    def _of_cells(self, maps: Float[Tensor, "*B R A"], layer: int) -> Float[Tensor, "*B M"]:
        return self.canvas.gather_layer(maps.transpose(-1, -2), layer)

    def _mixture(self, maps: Tensor, of_ring: Tensor, layer: int) -> GammaMixture:
        """Weights of the cells of a layer."""
        _, sectors, rings = self.canvas.shape
        return GammaMixture.of(*self._of_cells(maps.view(maps.shape[0], -1, rings, sectors) + of_ring, layer).unbind(1))
