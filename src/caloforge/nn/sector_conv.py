"""Convolutions on maps (A, C, N) whose sectors go round and whose showers come last: products of whole rows of memory.

The same as `caloforge.nn.mesh_canvas.CircularConv` of three sectors on (N, C, A), with its weights laid out anew.
"""

__all__ = ["around", "matrices_by_map", "product", "sector_matrices", "windows"]

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from caloforge.nn.mesh_canvas import CircularConv

_FEW = 16  # showers: a product for each sector is slow for fewer


def _turned(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """At each sector the one before it, itself, the one behind it: views of one copy."""
    wider = torch.cat([x[-1:], x, x[:1]])
    return wider[:-2], wider[1:-1], wider[2:]


def product(
    matrix: Float[Tensor, "H C"], x: Float[Tensor, "A C N"], start: Float[Tensor, "A H N"] | None = None
) -> Float[Tensor, "A H N"]:
    """Matrix times the channels of each sector, added to ``start``.

    Args:
        matrix: (H, C).
        x: (A, C, N) a map.
        start: (A, H, N); None: zero.
    """
    if x.shape[2] < _FEW and not torch.onnx.is_in_onnx_export():
        of_all = (matrix @ x.transpose(0, 1).flatten(1)).view(-1, len(x), x.shape[2]).transpose(0, 1)
        return of_all if start is None else of_all + start
    matrices = matrix.expand(len(x), -1, -1)
    return torch.bmm(matrices, x) if start is None else torch.baddbmm(start, matrices, x)


def around(x: Float[Tensor, "A C N"], kernel: Float[Tensor, "3 H C"]) -> Float[Tensor, "A H N"]:
    """Convolution over the sectors.

    Args:
        x: (A, C, N) a map.
        kernel: (3, H, C) of the sector before, of itself and of the one behind; see `sector_matrices`.
    """
    out = None
    for matrix, sector in zip(kernel, _turned(x), strict=True):
        out = product(matrix, sector, out)
    assert out is not None
    return out


def windows(x: Shaped[Tensor, "A R *N"]) -> Shaped[Tensor, "A W *N"]:
    """(A, 3 R, ...) of each sector: the one before it, itself, the one behind it.

    Args:
        x: (A, R, ...) a map of a layer.
    """
    return torch.cat(_turned(x), 1)


def sector_matrices(conv: CircularConv) -> tuple[Float[Tensor, "3 H C"], Float[Tensor, " H"]]:
    """Matrices (3, H, C) of a convolution, one for each of three sectors, and its bias (H,).

    Args:
        conv: over three sectors.
    """
    assert isinstance(conv.conv, nn.Conv1d)
    weight, bias = conv.conv.weight, conv.conv.bias
    assert bias is not None
    return weight.permute(2, 0, 1).contiguous(), bias


def matrices_by_map(kernel: Float[Tensor, "3 H C"], rings: int) -> Float[Tensor, "K H W"]:
    """Matrix (H, 3 R) of each of the maps that are side by side, for its `windows`; (K, H, 3 R) of all.

    Args:
        kernel: (3, H, K R) of all of them.
        rings: R.
    """
    taps, width, channels = kernel.shape
    maps = kernel.view(taps, width, channels // rings, rings)
    return maps.permute(2, 1, 0, 3).reshape(-1, width, taps * rings)
