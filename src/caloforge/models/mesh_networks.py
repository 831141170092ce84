r"""Networks that see neighbours: convolutions over (layer, alpha), the rings as channels, that go round in alpha.

The rectangle is that of `MeshCanvas`, so any mesh will do. Layers differ, so each channel has a bias for each layer;
a critic that hears of the azimuth also sees :math:`\cos\alpha` and :math:`\sin\alpha` of the sectors.
"""

__all__ = ["MeshCritic", "NeighbourCoupling"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.nn.conditioning import small_network
from caloforge.nn.layers import ConditionedMLP
from caloforge.nn.mesh_canvas import CircularConv, MeshCanvas

_KERNEL = (3, 3)  # layers, sectors
_TYPICAL = 4.0  # size of a cell's parameters, which are logarithms


class MeshCritic(nn.Module):
    """Score of packs of showers from their cells and those beside them.

    Two convolutions, the mean over alpha, and a perceptron on what is left in each layer.

    Args:
        binning: the mesh.
        n_context: numbers that each shower comes with; a multiple of the layers is laid out on them.
        n_conditions: C, of one pack.
        channels: of the convolutions.
        width: hidden units of the perceptron.
        packing: showers of a pack.
    """

    compass: Tensor

    def __init__(
        self, binning: Binning, n_context: int, n_conditions: int, channels: int, width: int, packing: int = 1
    ) -> None:
        super().__init__()
        self.canvas, self.packing = MeshCanvas(binning), packing
        layers, sectors, rings = self.canvas.shape
        alpha = 2 * torch.pi * (torch.arange(sectors) + 0.5) / sectors
        compass = torch.stack([alpha.cos(), alpha.sin()])[:, None].expand(-1, layers, -1)
        self.register_buffer("compass", compass.contiguous(), persistent=False)
        self.maps = packing * n_context // layers
        n_in = packing * rings + self.maps + 2
        self.first, self.second = CircularConv(n_in, channels, _KERNEL), CircularConv(channels, channels, _KERNEL)
        self.bias = nn.Parameter(torch.zeros(2, channels, layers, 1))
        self.films = nn.ModuleList(small_network(n_conditions, 32, 2 * channels) for _ in range(2))
        self.head = ConditionedMLP(channels * layers, 1, n_conditions, width, 0)

    def forward(
        self, cells: Float[Tensor, "P B V"], context: Float[Tensor, "P U"], c: Float[Tensor, "P C"]
    ) -> Float[Tensor, "P 1"]:
        """Score of each pack.

        Args:
            cells: (P, B, V) what is looked at of the cells of its B showers.
            context: (P, U) what the critic is told of them.
            c: (P, C) their conditions.
        """
        n, (layers, sectors, _) = len(cells), self.canvas.shape
        x = self.canvas.spread(cells).permute(0, 1, 4, 2, 3).flatten(1, 2)
        told = context.view(n, self.maps, layers, 1).expand(-1, -1, -1, sectors)
        h = torch.cat([x, told, self.compass.expand(n, -1, -1, -1)], 1)
        for conv, bias, film in zip((self.first, self.second), self.bias, self.films, strict=True):
            factor, shift = film(c)[:, :, None, None].chunk(2, 1)
            h = nn.functional.silu((conv(h) + bias) * (1 + factor) + shift)
        return self.head(h.mean(3).flatten(1), c)


class NeighbourCoupling(nn.Module):
    """What the parameters of a cell get from the noise and the parameters around it; it starts at zero.

    Args:
        binning: the mesh.
        n_parameters: K, of each cell.
        n_maps: M, normals of each cell.
        channels: of the hidden layer.
    """

    def __init__(self, binning: Binning, n_parameters: int, n_maps: int, channels: int) -> None:
        super().__init__()
        self.canvas, self.n_parameters = MeshCanvas(binning), n_parameters
        layers, _, rings = self.canvas.shape
        self.first = CircularConv(rings * (n_parameters + n_maps), channels, _KERNEL)
        self.bias = nn.Parameter(torch.zeros(channels, layers, 1))
        self.last = CircularConv(channels, rings * n_parameters, _KERNEL)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    def forward(self, p: Float[Tensor, "N K V"], noise: Float[Tensor, "N M V"]) -> Float[Tensor, "N K V"]:
        """What is added to the parameters.

        Args:
            p: (N, K, V) parameters of the cells.
            noise: (N, M, V) standard normal.
        """
        x = self.canvas.spread(torch.cat([p / _TYPICAL, noise], 1)).permute(0, 1, 4, 2, 3).flatten(1, 2)
        y = self.last(nn.functional.silu(self.first(x) + self.bias))
        return self.canvas.gather(y.unflatten(1, (self.n_parameters, -1)).permute(0, 1, 3, 4, 2))
