r"""Observables across the shower: centre and width of each layer, rings, radial moments and containment radii.

For any coordinate q of the cells of a layer, centre and width are

.. math:: \bar q = \frac{\sum_i E_i q_i}{\sum_i E_i}, \qquad
          \sigma_q = \sqrt{\max\big(\overline{q^2} - \bar q^2, 0\big)} .

Radii count from the axis of the mesh, which is that of the incident particle.
"""

__all__ = [
    "layer_centre",
    "layer_width",
    "barycentre",
    "radial_profile",
    "outer_ring_share",
    "mean_r",
    "spread_r",
    "skewness_r",
    "kurtosis_r",
    "radius_containing",
]

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray as Array

from caloforge.geometry.binning import Binning
from caloforge.physics.moments import centre, kurtosis, quantile, ratio, skewness, width
from caloforge.physics.sums import Sums

Coordinate = Literal["r", "x", "y"]


def _has_sectors(binning: Binning) -> Bool[Array, " L"]:
    return np.array([layer.n_alpha > 1 for layer in binning.layers])


def layer_centre(s: Sums, coordinate: Coordinate) -> Float[Array, "N L"]:
    """Centre of each layer, mm; x and y do not exist in layers without sectors.

    Args:
        s: N showers and their sums.
        coordinate: r, x or y.
    """
    centre_of_layer = ratio(s.layer_sum(coordinate), s.layer_energy)
    if coordinate != "r":
        centre_of_layer[:, ~_has_sectors(s.binning)] = np.nan
    return centre_of_layer


def layer_width(s: Sums, coordinate: Coordinate) -> Float[Array, "N L"]:
    """Width of each layer, mm.

    Args:
        s: N showers and their sums.
        coordinate: r, x or y.
    """
    mean_square = ratio(s.layer_sum(2 * coordinate), s.layer_energy)
    return np.sqrt(np.maximum(mean_square - layer_centre(s, coordinate) ** 2, 0))


def barycentre(s: Sums, coordinate: Coordinate) -> Float[Array, " N"]:
    """Centre of all layers with sectors together, mm.

    Args:
        s: N showers and their sums.
        coordinate: r, x or y.
    """
    chosen = _has_sectors(s.binning)
    return ratio(s.layer_sum(coordinate)[:, chosen].sum(axis=1), s.layer_energy[:, chosen].sum(axis=1))


def radial_profile(s: Sums) -> Float[Array, "N R"]:
    """Share of the energy in each ring, counted from the axis, all layers together.

    Args:
        s: N showers and their sums.
    """
    return ratio(s.ring_energy, np.broadcast_to(s.total_energy[:, None], s.ring_energy.shape))


def outer_ring_share(s: Sums) -> Float[Array, " N"]:
    """Share of the energy in the outermost ring of each layer: large where showers leak to the side.

    Args:
        s: N showers and their sums.
    """
    return ratio(s.outer_ring_energy, s.total_energy)


def _distribution(s: Sums) -> tuple[Float[Array, "N U"], Float[Array, " U"]]:
    energy, edges = s.radial
    return energy, edges.mean(axis=1)


def mean_r(s: Sums) -> Float[Array, " N"]:
    """Energy-weighted mean radius, mm.

    Args:
        s: N showers and their sums.
    """
    return centre(*_distribution(s))


def spread_r(s: Sums) -> Float[Array, " N"]:
    """Energy-weighted spread of the radius, mm.

    Args:
        s: N showers and their sums.
    """
    return width(*_distribution(s))


def skewness_r(s: Sums) -> Float[Array, " N"]:
    """Skewness of the radial distribution of energy.

    Args:
        s: N showers and their sums.
    """
    return skewness(*_distribution(s))


def kurtosis_r(s: Sums) -> Float[Array, " N"]:
    """Excess kurtosis of the radial distribution of energy.

    Args:
        s: N showers and their sums.
    """
    return kurtosis(*_distribution(s))


def radius_containing(s: Sums, share: float) -> Float[Array, " N"]:
    """Radius within which a share of the visible energy lies, mm.

    An exact quantile of the energy's distribution in r, taken as even over each ring; the edges of the rings may differ
    from layer to layer.

    Args:
        s: N showers and their sums.
        share: between 0 and 1.
    """
    energy, rings = s.radial
    inner, outer = rings[:, :1], rings[:, 1:]
    knots = np.unique(rings)
    part = np.diff(np.clip((knots - inner) / (outer - inner), 0, 1), axis=1)
    return quantile(energy @ part, np.stack([knots[:-1], knots[1:]], axis=1), share)
