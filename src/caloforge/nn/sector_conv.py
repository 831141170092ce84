"""Convolutions on maps (A, C, N) whose sectors go round and whose showers come last: products of whole rows of memory.

The same as `caloforge.nn.mesh_canvas.CircularConv` of three sectors on (N, C, A), with its weights laid out anew.
"""

__all__ = ["all_round", "around", "product", "sector_matrices", "waves", "windows"]

import math

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


def waves(sectors: int) -> Float[Tensor, "A 3"]:
    """Of each sector one, and the cosine and sine of its angle, normalised to a mean square of one.

    Args:
        sectors: A.
    """
    alpha = 2 * math.pi * torch.arange(sectors) / sectors
    return torch.stack([torch.ones(sectors), math.sqrt(2) * alpha.cos(), math.sqrt(2) * alpha.sin()], 1)


def all_round(
    x: Float[Tensor, "A C N"], matrix: Float[Tensor, "H K"], wave: Float[Tensor, "A 3"], start: Float[Tensor, "A H N"]
) -> Float[Tensor, "A H N"]:
    r"""Matrices times the mean of all sectors, and times their dipole as each sector sees it, added to ``start``.

    .. math:: y_a = \frac{1}{A} \sum_b (M_0 + 2 M_1 \cos(\alpha_a - \alpha_b))\, x_b

    Args:
        x: (A, C, N) a map.
        matrix: (H, 2 C), M_0 beside M_1.
        wave: (A, 3) see `waves`.
        start: (A, H, N).
    """
    channels = x.shape[1]
    mean, cosine, sine = (wave.T @ x.flatten(1) / len(x)).view(3, channels, -1).unbind()
    of_mean, of_dipole = torch.split(matrix, channels, 1)
    said = torch.stack([of_mean @ mean, of_dipole @ cosine, of_dipole @ sine])
    return torch.addmm(start.flatten(1), wave, said.flatten(1)).view(start.shape)


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
