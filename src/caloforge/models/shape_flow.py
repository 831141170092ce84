r"""Normalising flow of the cells with an exact density: layers in sequence, each a tree of splits from coarse to fine.

.. math:: p(s \mid u, c) = \prod_l \prod_t \prod_{k \in t}
          p(s_{1,k} \mid s_k;\, \text{steps before } t, \text{layers before } l, u, c)

Step t of layer l is a coupling: what is drawn already stays, and the splits of the step (`CellTree`) are transformed by
splines and atoms (`SplitDensity`) whose parameters a network computes from it. One network serves all layers; it is
convolutional in alpha, periodic, with the rings as channels.
"""

__all__ = ["ShapeFlow"]

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.models.base import Estimate, Losses
from caloforge.models.cell_tree import CellTree, Splits, at_cells
from caloforge.models.parts import LayerContext, Noise
from caloforge.models.split_network import Across, HeardBlock, SplitNetwork, first_places
from caloforge.models.splits import SplitDensity
from caloforge.models.stages import ShapeStage
from caloforge.nn.conditioning import Conditioning, LinearExtrapolation
from caloforge.nn.mesh_canvas import MeshCanvas

_FLOOR = 1e-3  # MeV: hit cells below count as this in what networks see
_PLACE, _SCALE = -2.0, 3.0  # of ln (e / MeV)
_SIGHT = 3  # images of the layers before: the last, the one before it, the sum of all
_CODE, _SCALARS = 16, 64  # numbers that tell layers apart; numbers that networks hear beside images


class ShapeFlow(ShapeStage):
    """p(s | u, c) as a flow.

    Args:
        binning: the mesh.
        n_conditions: numbers of c, the particle embedded.
        width: hidden units at each sector.
        depth: residual blocks that look at the layers before.
        bins: of the splines.
        conditioning: how networks hear of energies, particle and direction.
        tails: training range of the log energy, at whose ends the networks stop listening; None: nowhere.
    """

    cell_of_place: Tensor
    around: Tensor
    log_mean: Tensor
    log_std: Tensor

    def __init__(
        self,
        binning: Binning,
        n_conditions: int,
        width: int,
        depth: int,
        bins: int,
        conditioning: Conditioning = "film",
        tails: LinearExtrapolation | None = None,
    ) -> None:
        super().__init__()
        self.n_layers, self.tails = binning.n_layers, tails
        self.sizes = [layer.n_voxels for layer in binning.layers]
        self.most = max(self.sizes)
        self.latent, self.cell_noise = 0, 2 * binning.n_voxels
        canvas = MeshCanvas(binning)
        _, self.sectors, self.rings = canvas.shape
        starts = torch.from_numpy(binning.layer_starts)[:-1, None]
        flat = canvas.cell.view(self.n_layers, -1)
        inside = torch.where(flat < binning.n_voxels, flat - starts, self.most)
        self.register_buffer("cell_of_place", inside, persistent=False)
        angle = 2 * math.pi * (torch.arange(self.sectors) + 0.5) / self.sectors
        self.register_buffer("around", torch.stack([angle.cos(), angle.sin()], 1), persistent=False)
        self.tree, self.density = CellTree(binning), SplitDensity(bins)
        self.code = nn.Embedding(self.n_layers, _CODE)
        numbers = n_conditions + 2 * self.n_layers + 3 + _CODE
        self.heard = nn.Sequential(nn.Linear(numbers, _SCALARS), nn.SiLU(), nn.Linear(_SCALARS, _SCALARS))
        self.enter = Across(2 * _SIGHT * self.rings + 2, width)
        options = (width, _SCALARS, conditioning)
        self.blocks = nn.ModuleList(HeardBlock(*options) for _ in range(depth))
        first_place, parameters = first_places(inside, self.most)[None], self.density.width
        self.networks = nn.ModuleList(
            SplitNetwork(step, at_cells(first_place, step.second)[0], self.rings, parameters, *options)
            for step in self.tree.steps
        )
        self.register_buffer("log_mean", torch.zeros(self.n_layers))
        self.register_buffer("log_std", torch.ones(self.n_layers))

    def initialise(self, shares: Float[Tensor, "N V"], context: LayerContext) -> None:
        """Start every split from its marginal; standardise the log layer energies.

        Args:
            shares: (N, V) of the cells in their layers.
            context: features and logarithms (MeV) of the layer energies.
        """
        self.log_mean.copy_(context.log_energies.mean(0))
        self.log_std.copy_(context.log_energies.std(0).clamp_min(0.1))
        everywhere = slice(None)
        after = self._by_layer(shares)
        for step, network in self._backwards():
            with torch.no_grad():
                network.start.copy_(self.density.start(*step.sides(after, everywhere)))
            after = step.united(after, everywhere)

    def _backwards(self) -> list[tuple[Splits, SplitNetwork]]:
        pairs = zip(self.tree.steps, self.networks, strict=True)
        return [(step, network) for step, network in pairs if isinstance(network, SplitNetwork)][::-1]

    def _by_layer(self, cells: Float[Tensor, "N V"]) -> Float[Tensor, "N L M"]:
        parts = torch.split(cells, self.sizes, 1)
        return torch.stack([nn.functional.pad(part, (0, self.most - part.shape[1])) for part in parts], 1)

    def _image(self, energies: Float[Tensor, "N l K"]) -> Float[Tensor, "N l 2 K"]:
        """Which are hit, and their standardised log energies (MeV)."""
        hit, size = energies > 0, _size(energies)
        return torch.stack([hit.to(size), torch.where(hit, size, 0.0)], 2)

    def _places(self, cells: Float[Tensor, "N l M"], layers: slice) -> Float[Tensor, "N l K"]:
        """Numbers of cells at the K places of the canvas; 0 where there is no cell."""
        return at_cells(nn.functional.pad(cells, (0, 1)), self.cell_of_place[layers])

    def _channels(self, image: Float[Tensor, "N l 2 K"]) -> Float[Tensor, "B A D"]:
        """Rings as channels: (N*l, A, 2R)."""
        canvas = image.reshape(-1, image.shape[2], self.sectors, self.rings)
        return canvas.transpose(1, 2).flatten(2, 3)

    def _scalars(self, context: LayerContext, c: Float[Tensor, "N C"]) -> Float[Tensor, "N L K"]:
        """What every layer's network hears beside images."""
        if self.tails is not None:
            c = self.tails.clamped(c)
        logs = (context.log_energies - self.log_mean) / self.log_std
        near = nn.functional.pad(logs, (1, 1)).unfold(1, 3, 1)
        shared = torch.cat([c, context.features, logs], 1)[:, None].expand(-1, self.n_layers, -1)
        code = self.code.weight.expand(c.shape[0], -1, -1)
        return self.heard(torch.cat([shared, near, code], 2))

    def _trunk(self, images: list[Tensor], scalars: Float[Tensor, "B K"]) -> Float[Tensor, "B A W"]:
        """Hidden units from images (N, l, 2, K) of the layers before."""
        channels = torch.cat([self._channels(image) for image in images], 2)
        around = self.around.expand(channels.shape[0], -1, -1)
        h = self.enter(torch.cat([channels, around], 2))
        for block in self.blocks:
            h = block(h, scalars)
        return h

    def _log_prob(
        self, shares: Float[Tensor, "N V"], context: LayerContext, c: Float[Tensor, "N C"]
    ) -> Float[Tensor, " N"]:
        everywhere = slice(None)
        after, layers = self._by_layer(shares), context.log_energies.exp()[:, :, None]
        energies = self._places(after * layers, everywhere)
        past = nn.functional.pad(energies, (0, 0, 2, 0))
        sums = past.cumsum(1)[:, 1:-1]
        scalars = self._scalars(context, c).flatten(0, 1)
        h = self._trunk([self._image(x) for x in (past[:, 1:-1], past[:, :-2], sums)], scalars)
        total = shares.new_zeros(len(shares))
        for step, network in self._backwards():
            sides, after = step.sides(after, everywhere), step.united(after, everywhere)
            seen = self._channels(self._image(self._places(after * layers, everywhere)))
            size = _size((sides[0] + sides[1]) * layers)
            density = self.density.log_prob(*sides, network(h, seen, scalars, size, everywhere))
            total = total + torch.where(step.real, density, 0.0).sum((1, 2))
        return total

    def loss(
        self,
        shares: Float[Tensor, "N V"],
        context: LayerContext,
        c: Float[Tensor, "N C"],
        progress: float,
        generator: torch.Generator,
    ) -> Losses:
        """Negative log-density of the cells, nats.

        Args:
            shares: (N, V) of the cells in their layers.
            context: features and logarithms (MeV) of the layer energies.
            c: (N, C) conditions, the particle embedded.
            progress: part of training done, 0 to 1.
            generator: not needed.
        """
        nll = -self._log_prob(shares, context, c).mean()
        return {"total": nll, "cell_nll": nll}

    def log_prob(
        self,
        shares: Float[Tensor, "N V"],
        context: LayerContext,
        c: Float[Tensor, "N C"],
        noise: Float[Tensor, "K N Z"],
    ) -> Estimate:
        """Exact log-density in nats; its error is 0.

        Args:
            shares: (N, V) of the cells in their layers.
            context: features and logarithms (MeV) of the layer energies.
            c: (N, C) conditions, the particle embedded.
            noise: (K, N, 0): there is no latent.
        """
        value = self._log_prob(shares, context, c)
        return Estimate(value, torch.zeros_like(value))

    def sample(
        self, noise: Noise, context: LayerContext, c: Float[Tensor, "N C"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of new showers, layer after layer; layers that are not ``active`` have no hit.

        Args:
            noise: its ``cells`` (N, 2V) are used.
            context: features and logarithms (MeV) of the layer energies.
            c: (N, C) conditions, the particle embedded.
            active: (N, L) which layers have energy.
        """
        normals = torch.stack([self._by_layer(part) for part in noise.cells.chunk(2, 1)], -1)
        layer_energy, scalars = context.log_energies.exp()[:, :, None], self._scalars(context, c)
        nothing = noise.cells.new_zeros(c.shape[0], 1, self.cell_of_place.shape[1])
        last, before, sums, drawn = nothing, nothing, nothing, []
        for i, size in enumerate(self.sizes):
            here = slice(i, i + 1)
            h = self._trunk([self._image(x) for x in (last, before, sums)], scalars[:, i])
            shares = active[:, here, None].to(noise.cells).expand(-1, -1, self.most)
            for step, network in self._backwards()[::-1]:
                seen = self._channels(self._image(self._places(shares * layer_energy[:, here], here)))
                size_here = _size(at_cells(shares, step.first[here]) * layer_energy[:, here])
                p = network(h, seen, scalars[:, i], size_here, here)
                chance = normals[:, here].flatten(0, 1)[:, step.second[i]][:, None]
                shares = step.divided(shares, *self.density.sample(chance, p), here)
            drawn.append(shares[:, 0, :size])
            last, before = self._places(shares * layer_energy[:, here], here), last
            sums = sums + last
        return torch.cat(drawn, 1)


def _size(energies: Tensor) -> Tensor:
    """Standardised log energies."""
    return (energies.clamp_min(_FLOOR).log() - _PLACE) / _SCALE
