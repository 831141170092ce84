"""Convolutions on maps (A, N, C) whose sectors come first and go round: sums of products of blocks of memory.

The same as `caloforge.nn.mesh_canvas.CircularConv` of three sectors on (N, C, A), with its weights laid out anew.
"""

__all__ = ["around", "matrices_by_map", "plain_matrix", "sector_matrices", "windows"]

import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.nn.mesh_canvas import CircularConv


def around(x: Float[Tensor, "A N C"], kernel: Float[Tensor, "3 C H"], start: Tensor) -> Float[Tensor, "B H"]:
    """Convolution over the sectors, added to ``start``; (A N, H).

    Args:
        x: (A, N, C) a map.
        kernel: (3, C, H) of the sector before, of itself and of the one behind; see `sector_matrices`.
        start: (H,) or (A N, H).
    """
    before, here, behind = kernel.unbind()
    out = torch.addmm(start, x.flatten(0, 1), here)
    out = out.addmm_(x.roll(1, 0).flatten(0, 1), before)
    return out.addmm_(x.roll(-1, 0).flatten(0, 1), behind)


def windows(x: Float[Tensor, "A N R"]) -> Float[Tensor, "B W"]:
    """(A N, 3 R) of each sector: the one before it, itself, the one behind it.

    Args:
        x: (A, N, R) a map of a layer.
    """
    return torch.cat([x.roll(1, 0), x, x.roll(-1, 0)], -1).flatten(0, 1)


def sector_matrices(conv: CircularConv) -> tuple[Float[Tensor, "3 C H"], Float[Tensor, " H"]]:
    """Matrices (3, C, H) of a convolution, one for each of three sectors, and its bias (H,).

    Args:
        conv: over three sectors.
    """
    assert isinstance(conv.conv, nn.Conv1d)
    weight, bias = conv.conv.weight, conv.conv.bias
    assert bias is not None
    return weight.permute(2, 1, 0).contiguous(), bias


def plain_matrix(conv: nn.Conv1d) -> tuple[Float[Tensor, "O C"], Float[Tensor, " O"]]:
    """Matrix (O, C) and bias (O,) of a convolution of one sector.

    Args:
        conv: over one sector.
    """
    assert conv.bias is not None
    return conv.weight[:, :, 0], conv.bias


def matrices_by_map(kernel: Float[Tensor, "3 C H"], rings: int) -> Float[Tensor, "K W H"]:
    """Matrix (3 R, H) of each of the maps that are side by side, for its `windows`; (K, 3 R, H) of all.

    Args:
        kernel: (3, K R, H) of all of them.
        rings: R.
    """
    taps, channels, width = kernel.shape
    maps = kernel.view(taps, channels // rings, rings, width)
    return maps.transpose(0, 1).reshape(-1, taps * rings, width)
