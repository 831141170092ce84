"""Convolutions on maps (A, C, N) whose sectors go round and whose showers come last: products of whole rows of memory.

The same as `caloforge.nn.mesh_canvas.CircularConv` of three sectors on (N, C, A), with its weights laid out anew.
"""

__all__ = ["around", "product", "sector_matrices", "windows"]

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from caloforge.nn.mesh_canvas import CircularConv

_FEW = 16  # showers: a product for each sector is slow for fewer


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
        of_all = nn.functional.linear(x.transpose(1, 2), matrix).transpose(1, 2)
        return of_all if start is None else of_all + start
    matrices = matrix.expand(len(x), -1, -1)
    return torch.bmm(matrices, x) if start is None else torch.baddbmm(start, matrices, x)


def around(x: Float[Tensor, "A C N"], kernel: Float[Tensor, "H W"]) -> Float[Tensor, "A H N"]:
    """Convolution over the sectors.

    Args:
        x: (A, C, N) a map.
        kernel: (H, 3 C), see `sector_matrices`.
    """
    return product(kernel, windows(x))


def windows(x: Shaped[Tensor, "A R *N"]) -> Shaped[Tensor, "A W *N"]:
    """(A, 3 R, ...) of each sector: the one before it, itself, the one behind it.

    In memory they lie one after the other, so this is a view of one copy, in which neighbours overlap.

    Args:
        x: (A, R, ...) a map of a layer.
    """
    if torch.onnx.is_in_onnx_export():  # graphs have no such views
        sector = torch.arange(x.shape[0])[:, None] + torch.arange(-1, 2)
        return x[sector % x.shape[0]].flatten(1, 2)
    return torch.cat([x[-1:], x, x[:1]]).unfold(0, 3, 1).movedim(-1, 1).flatten(1, 2)


def sector_matrices(conv: CircularConv, channels: list[int]) -> tuple[list[Float[Tensor, "H W"]], Float[Tensor, " H"]]:
    """Of a convolution over three sectors the matrices (H, 3 C) for the `windows` of each of its maps, and its bias.

    Args:
        conv: the convolution.
        channels: C of each map that it hears.
    """
    assert isinstance(conv.conv, nn.Conv1d)
    weight, bias = conv.conv.weight, conv.conv.bias
    assert bias is not None
    return [part.transpose(1, 2).flatten(1) for part in torch.split(weight, channels, 1)], bias
