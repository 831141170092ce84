"""What a decoder says of cells: a density of the shares of a layer's energy, and how to draw from it."""

__all__ = ["LayerTable", "ShareDensity", "shares_of"]

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from caloforge.geometry.binning import Binning


class LayerTable(nn.Module):
    """Cells (N, V) in the order of the mesh <-> (N, L, M), and sums over layers.

    Args:
        binning: the mesh.

    Attributes:
        layer_of_voxel: (V,) layer of each cell.
        cells: (L, M) the cells of each layer, M of the largest one; ``real`` says which of them there are, and
            ``places`` where these lie in the flat table.
    """

    layer_of_voxel: Tensor
    segments: Tensor
    cells: Tensor
    real: Tensor
    places: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__()
        self.n_voxels = binning.n_voxels
        layer_of_voxel = torch.from_numpy(binning.layer_of_voxel)
        starts, size = torch.from_numpy(binning.layer_starts), max(layer.n_voxels for layer in binning.layers)
        cells = starts[:-1, None] + torch.arange(size)
        self.rectangular = cells.numel() == binning.n_voxels
        self.register_buffer("layer_of_voxel", layer_of_voxel, persistent=False)
        self.register_buffer("segments", nn.functional.one_hot(layer_of_voxel).float(), persistent=False)
        real = cells < starts[1:, None]
        self.register_buffer("real", real, persistent=False)
        self.register_buffer("places", real.flatten().nonzero()[:, 0], persistent=False)
        self.register_buffer("cells", cells.clamp(max=binning.n_voxels - 1), persistent=False)

    def layer_sum(self, x: Float[Tensor, "*B V"]) -> Float[Tensor, "*B L"]:
        """Sums over the cells of each layer, (..., L).

        Args:
            x: (..., V) a number for each cell.
        """
        return x @ self.segments

    def by_layer(self, x: Float[Tensor, "N V"], fill: float) -> Float[Tensor, "N L M"]:
        """Cells as (layer, cell of the layer), filled up where a layer has fewer cells than the largest.

        Args:
            x: (N, V) a number for each cell.
            fill: stands where there is no cell.
        """
        if self.rectangular:
            return x.view(x.shape[0], *self.cells.shape)
        return torch.where(self.real, x[:, self.cells], fill)

    def flat(self, x: Shaped[Tensor, "N L M"]) -> Shaped[Tensor, "N V"]:
        """Inverse of `by_layer`.

        Args:
            x: (N, L, M) as `by_layer` returns it.
        """
        rows = x.reshape(x.shape[0], -1)
        return rows if self.rectangular else rows[:, self.places]

    def normalised(self, log_weight: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        """Shares of weights in their layer; zero where the weight is, and in layers without any.

        Args:
            log_weight: (N, V); minus infinity for a cell that is not hit.
        """
        return self.flat(shares_of(self.by_layer(log_weight, -torch.inf)))


class ShareDensity(LayerTable, ABC):
    """Density and sampler of shares (N, V), for P numbers of every cell and shower (N, P, V).

    A shower takes ``noise_width`` standard normals, ``normals`` for each cell.

    Args:
        binning: the mesh.

    Attributes:
        parameters_per_cell: P.
    """

    parameters_per_cell: ClassVar[int]
    normals: ClassVar[int]

    def __init__(self, binning: Binning) -> None:
        super().__init__(binning)
        self.noise_width = self.normals * binning.n_voxels

    @abstractmethod
    def start(self, shares: Float[Tensor, "N V"]) -> Float[Tensor, "P V"]:
        """Parameters that describe the mean of these showers: where training begins.

        Args:
            shares: (N, V) of the cells in their layers.
        """

    @abstractmethod
    def log_prob(self, shares: Float[Tensor, "N V"], p: Float[Tensor, "N P V"]) -> Float[Tensor, "N L"]:
        """Log-density of each layer's shares in nats; 0 for a layer without energy.

        Args:
            shares: (N, V) of the cells in their layers.
            p: (N, P, V) parameters of the cells' density.
        """

    @abstractmethod
    def sample(
        self, noise: Float[Tensor, "N M"], p: Float[Tensor, "N P V"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of active layers, each summing to one; exact zeros in layers without energy.

        Args:
            noise: (N, M) standard normal, M = ``noise_width``.
            p: (N, P, V) parameters of the cells' density.
            active: (N, L) which layers have energy.
        """


def shares_of(log_weight: Float[Tensor, "*B"], cells: int = -1) -> Float[Tensor, "*B"]:
    """Weights over their sum; zeros where there is none.

    Args:
        log_weight: minus infinity for a cell that is not hit.
        cells: axis of the cells.
    """
    weight = (log_weight - log_weight.amax(cells, keepdim=True).clamp_min(-1e4)).exp()
    return weight / weight.sum(cells, keepdim=True).clamp_min(1e-30)
