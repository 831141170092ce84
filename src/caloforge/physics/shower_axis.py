r"""The axis of a shower from the centroids of its layers: how straight it is, and how they move together.

With the centroids :math:`\mathbf c_l = (\bar x_l, \bar y_l)`, energies :math:`E_l` and depths :math:`z_l` of the layers
that have sectors and energy, the axis is the line through them that minimises
:math:`\sum_l E_l |\mathbf c_l - \mathbf a - \mathbf b z_l|^2`.
"""

__all__ = ["axis_spread", "axis_tilt", "axis_step", "axis_cosine", "centroid_step"]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.physics.depth import layer_depths
from caloforge.physics.lateral import layer_centre
from caloforge.physics.moments import ratio
from caloforge.physics.sums import Sums

_POINT = 1e-9  # of a mean square: less is rounding


def _centroids(s: Sums) -> Float[Array, "N L 2"]:
    return np.stack([layer_centre(s, "x"), layer_centre(s, "y")], axis=2)


def _line(s: Sums) -> tuple[Float[Array, "N 2"], Float[Array, " N"]]:
    """Slope of the axis in x and y, and mean square distance from it (mm2); NaN for fewer than two or three layers."""
    centroids, z = _centroids(s), layer_depths(s.binning)
    defined = ~np.isnan(centroids[:, :, 0])
    layers, weight = defined.sum(axis=1), np.where(defined, s.layer_energy, 0.0)
    share = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-30)
    c = np.where(defined[:, :, None], centroids, 0.0)
    c = c - np.einsum("nl,nlk->nk", share, c)[:, None]
    depth = z - (share @ z)[:, None]
    z_square = (share * depth**2).sum(axis=1)
    mixed = np.einsum("nl,nlk->nk", share * depth, c)
    slope = np.where(layers[:, None] > 1, ratio(mixed, np.broadcast_to(z_square[:, None], mixed.shape)), np.nan)
    square = np.einsum("nl,nlk->n", share, c**2)
    away = square - (mixed * slope).sum(axis=1)
    return slope, np.where(layers > 2, np.where(away > _POINT * square, away, 0.0), np.nan)


def axis_spread(s: Sums) -> Float[Array, " N"]:
    """Energy-weighted distance (root mean square) of the centroids from the axis, mm; needs three layers.

    Args:
        s: N showers and their sums.
    """
    return np.sqrt(_line(s)[1])


def axis_tilt(s: Sums) -> Float[Array, " N"]:
    """Slope of the axis against that of the mesh, mm for each unit of depth; needs two layers.

    Args:
        s: N showers and their sums.
    """
    return np.hypot(*_line(s)[0].T)


def centroid_step(s: Sums) -> Float[Array, "N L"]:
    """Distance of the centroid of each layer from that of the layer before, mm; NaN in the first.

    Args:
        s: N showers and their sums.
    """
    centroids = _centroids(s)
    steps = np.full(centroids.shape[:2], np.nan)
    steps[:, 1:] = np.hypot(*np.moveaxis(np.diff(centroids, axis=1), 2, 0))
    return steps


def _weights(s: Sums) -> Float[Array, "N l"]:
    return np.sqrt(s.layer_energy[:, 1:] * s.layer_energy[:, :-1])


def _mean(values: Float[Array, "N l"], weights: Float[Array, "N l"]) -> Float[Array, " N"]:
    weights = np.where(np.isnan(values), 0.0, weights)
    return ratio((np.nan_to_num(values, nan=0.0) * weights).sum(axis=1), weights.sum(axis=1))


def axis_step(s: Sums) -> Float[Array, " N"]:
    r"""Mean of `centroid_step` with the weights :math:`\sqrt{E_{l-1} E_l}`, mm.

    Args:
        s: N showers and their sums.
    """
    return _mean(centroid_step(s)[:, 1:], _weights(s))


def axis_cosine(s: Sums) -> Float[Array, " N"]:
    r"""Mean cosine of the angle between the centroids of consecutive layers, with weights :math:`\sqrt{E_{l-1} E_l}`.

    0 where the layers know nothing of each other, 1 where they lean to the same side. Centroids on the axis of the mesh
    have no direction and do not count.

    Args:
        s: N showers and their sums.
    """
    c = _centroids(s)
    product = (c[:, 1:] * c[:, :-1]).sum(axis=2)
    length = np.sqrt((c**2).sum(axis=2))
    norm = length[:, 1:] * length[:, :-1]
    return _mean(ratio(product, np.where(norm > _POINT, norm, 0.0)), _weights(s))
