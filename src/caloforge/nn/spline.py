r"""The inverse of a monotonic rational-quadratic spline, in few operations; outside its bound the identity.

The same spline as zuko's ``MonotonicRQSTransform``, whose K bins have widths and heights through a softmax, and K - 1
slopes at the knots between them. With :math:`s` the mean slope of a bin, :math:`d_0, d_1` those at its ends and
:math:`y` the distance from its lower end, the place :math:`z` in the bin solves :math:`a z^2 + b z + c = 0`,

.. math:: a = h (s - d_0) + y (d_0 + d_1 - 2 s), \quad b = h d_0 - y (d_0 + d_1 - 2 s), \quad c = -s y .

Source: Durkan et al., arXiv:1906.04032, equations 4 to 8.
"""

__all__ = ["inverse_spline"]

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def inverse_spline(
    y: Float[Tensor, " N"], parameters: Float[Tensor, "N P"], bins: int, bound: float, slope: float = 1e-3
) -> Float[Tensor, " N"]:
    """x whose spline is y.

    Args:
        y: (N,) any numbers.
        parameters: (N, 3 K - 1) without bounds: K widths, K heights, K - 1 slopes.
        bins: K.
        bound: of the spline, on both axes.
        slope: the smallest that a knot may have.
    """
    softest = -math.log(slope)
    sides = parameters[:, : 2 * bins].view(-1, 2, bins)
    sides = (sides / (1 + sides.abs() * (2 / softest))).softmax(2)
    knots = functional.pad(2 * bound * sides.cumsum(2) - bound, (1, 0), value=-bound)
    slopes = parameters[:, 2 * bins :]
    slopes = functional.pad((slopes / (1 + slopes.abs() / softest)).exp(), (1, 1), value=1.0)
    left, up = knots[:, 0], knots[:, 1]
    above = (up[:, 1:-1] < y[:, None]).sum(1, keepdim=True)
    bin_ends = torch.cat([above, above + 1], 1)
    x0, x1 = torch.split(left.gather(1, bin_ends), [1, 1], 1)
    y0, y1 = torch.split(up.gather(1, bin_ends), [1, 1], 1)
    d0, d1 = torch.split(slopes.gather(1, bin_ends), [1, 1], 1)
    inside = y[:, None].clamp(-bound, bound)
    height, width, rise = y1 - y0, x1 - x0, inside - y0
    s = height / width
    bend = rise * (d0 + d1 - 2 * s)
    a, b, c = height * (s - d0) + bend, height * d0 - bend, s * rise
    x = x0 + width * (2 * c / (b + (b * b + 4 * a * c).clamp_min(0.0).sqrt()))
    return torch.where(y.abs() < bound, x[:, 0], y)
