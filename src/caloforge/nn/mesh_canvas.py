r"""Any mesh as a rectangle (layer, alpha, r) for convolutions that are periodic in alpha.

The canvas has A sectors, the least common multiple of those of all layers, and R rings, those of the layer with most.
A cell of a layer with fewer sectors stands at each of the A / n_alpha places that it covers; places without a cell hold
zero.
"""

__all__ = ["CircularConv", "MeshCanvas"]

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning


class MeshCanvas(nn.Module):
    """The way from cells (..., V) to the canvas (..., L, A, R) and back.

    Args:
        binning: the mesh.

    Attributes:
        shape: (L, A, R).
        starts: (L + 1) first cell of each layer, and V.
        real: (L, A, R) where there is a cell.
    """

    cell: Tensor
    place: Tensor
    weight: Tensor
    real: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__()
        sectors = math.lcm(*(layer.n_alpha for layer in binning.layers))
        rings = max(layer.n_r for layer in binning.layers)
        self.shape = (binning.n_layers, sectors, rings)
        self.starts = tuple(int(start) for start in binning.layer_starts)
        self.rectangular = math.prod(self.shape) == binning.n_voxels
        cell = np.full(self.shape, binning.n_voxels)  # the cell at each place; V where there is none
        for i, (layer, start) in enumerate(zip(binning.layers, binning.layer_starts, strict=False)):
            cells = int(start) + np.arange(layer.n_voxels).reshape(layer.n_alpha, layer.n_r)
            cell[i, :, : layer.n_r] = np.repeat(cells, sectors // layer.n_alpha, axis=0)
        flat = cell.reshape(-1)
        order = np.argsort(flat, kind="stable")[: int((flat < binning.n_voxels).sum())]
        count = np.bincount(flat[order], minlength=binning.n_voxels)
        first = np.cumsum(count) - count
        slot = np.minimum(np.arange(count.max()), count[:, None] - 1)
        self.register_buffer("cell", torch.from_numpy(flat), persistent=False)
        self.register_buffer("real", torch.from_numpy(cell < binning.n_voxels), persistent=False)
        self.register_buffer("place", torch.from_numpy(order[first[:, None] + slot]), persistent=False)
        weight = (np.arange(count.max()) < count[:, None]) / count[:, None]
        self.register_buffer("weight", torch.from_numpy(weight.astype(np.float32)), persistent=False)

    def spread(self, x: Float[Tensor, "*B V"]) -> Float[Tensor, "*B L A R"]:
        """Cells laid out on the canvas, zero where there is none.

        Args:
            x: (..., V) a number for each cell.
        """
        if not self.rectangular:
            x = nn.functional.pad(x, (0, 1))[..., self.cell]
        return x.reshape(*x.shape[:-1], *self.shape)

    def gather(self, y: Float[Tensor, "*B L A R"]) -> Float[Tensor, "*B V"]:
        """Each cell's number: the mean over its places; `spread` before it changes nothing.

        Args:
            y: (..., L, A, R) on the canvas.
        """
        flat = y.reshape(*y.shape[:-3], -1)
        if self.rectangular:
            return flat
        if self.place.shape[1] == 1:
            return flat[..., self.place[:, 0]]
        return (flat[..., self.place] * self.weight).sum(-1)


class CircularConv(nn.Module):
    """Convolution over the last axis, alpha, that goes round; over the axis before it, if any, zeros lie beyond.

    Args:
        n_in: channels.
        n_out: channels that come out.
        kernel: places along alpha, or along (layer, alpha); odd.
    """

    def __init__(self, n_in: int, n_out: int, kernel: int | tuple[int, int]) -> None:
        super().__init__()
        if isinstance(kernel, int):
            self.conv: nn.Module = nn.Conv1d(n_in, n_out, kernel)
            self.reach = kernel // 2
        else:
            self.conv = nn.Conv2d(n_in, n_out, kernel, padding=(kernel[0] // 2, 0))
            self.reach = kernel[1] // 2

    def forward(self, x: Float[Tensor, "N I *S"]) -> Float[Tensor, "N O *S"]:
        """The same number of places, ``n_out`` channels.

        Args:
            x: (N, I, A) or (N, I, L, A).
        """
        reach, n = self.reach, x.shape[-1]
        if reach > n:
            x = x[..., torch.arange(-reach, n + reach, device=x.device) % n]
        elif reach:
            x = torch.cat([x[..., n - reach :], x, x[..., :reach]], -1)
        out: Tensor = self.conv(x)
        return out
