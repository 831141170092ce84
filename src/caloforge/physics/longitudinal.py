r"""Observables along the shower: layer energies, moments in depth, start, maximum and containment.

Moments put the energy of a layer in its middle, quantiles spread it evenly over its thickness. The maximum is that of
the energy per depth. Depths are in mm where the mesh knows them, else in ids of layers.
"""

__all__ = [
    "START_SHARE",
    "LAST_LAYERS",
    "response",
    "total_energy",
    "layer_energy",
    "longitudinal_profile",
    "layer_ratio",
    "last_layers_share",
    "centre_z",
    "width_z",
    "skewness_z",
    "kurtosis_z",
    "layer_of_maximum",
    "depth_of_maximum",
    "depth_containing",
]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.physics.depth import layer_depths, layer_edges, layer_thickness
from caloforge.physics.moments import centre, kurtosis, maximum, quantile, ratio, skewness, width
from caloforge.physics.sums import Sums

START_SHARE = 0.05
LAST_LAYERS = 0.1  # part of the layers


def response(s: Sums) -> Float[Array, " N"]:
    """Visible over incident energy.

    Args:
        s: N showers and their sums.
    """
    return s.total_energy / s.incident_energy


def total_energy(s: Sums) -> Float[Array, " N"]:
    """Energy in all cells, MeV.

    Args:
        s: N showers and their sums.
    """
    return s.total_energy


def layer_energy(s: Sums) -> Float[Array, "N L"]:
    """Energy in each layer, MeV.

    Args:
        s: N showers and their sums.
    """
    return s.layer_energy


def longitudinal_profile(s: Sums) -> Float[Array, "N L"]:
    r""":math:`E_l / E_\text{tot}`.

    Args:
        s: N showers and their sums.
    """
    return ratio(s.layer_energy, np.broadcast_to(s.total_energy[:, None], s.layer_energy.shape))


def layer_ratio(s: Sums) -> Float[Array, "N L"]:
    r""":math:`E_l / (E_{l-1} + E_l)`: how energy is shared with the layer before; undefined for the first layer.

    Args:
        s: N showers and their sums.
    """
    pairs = s.layer_energy[:, :-1] + s.layer_energy[:, 1:]
    first = np.full((len(s), 1), np.nan)
    return np.concatenate([first, ratio(s.layer_energy[:, 1:], pairs)], axis=1)


def last_layers_share(s: Sums) -> Float[Array, " N"]:
    """Share of the energy in the last tenth of the layers, at least one: large where showers leak at the back.

    Args:
        s: N showers and their sums.
    """
    last = max(1, round(LAST_LAYERS * s.binning.n_layers))
    return ratio(s.layer_energy[:, -last:].sum(axis=1), s.total_energy)


def centre_z(s: Sums) -> Float[Array, " N"]:
    """Energy-weighted mean depth.

    Args:
        s: N showers and their sums.
    """
    return centre(s.layer_energy, layer_depths(s.binning))


def width_z(s: Sums) -> Float[Array, " N"]:
    """Energy-weighted spread in depth.

    Args:
        s: N showers and their sums.
    """
    return width(s.layer_energy, layer_depths(s.binning))


def skewness_z(s: Sums) -> Float[Array, " N"]:
    """Skewness of the depth profile.

    Args:
        s: N showers and their sums.
    """
    return skewness(s.layer_energy, layer_depths(s.binning))


def kurtosis_z(s: Sums) -> Float[Array, " N"]:
    """Excess kurtosis of the depth profile.

    Args:
        s: N showers and their sums.
    """
    return kurtosis(s.layer_energy, layer_depths(s.binning))


def _density(s: Sums) -> Float[Array, "N L"]:
    return s.layer_energy / layer_thickness(s.binning)


def layer_of_maximum(s: Sums) -> Float[Array, " N"]:
    """Id of the layer with the most energy per depth.

    Args:
        s: N showers and their sums.
    """
    ids = np.array([float(layer.id) for layer in s.binning.layers])
    return np.where(s.total_energy > 0, ids[_density(s).argmax(axis=1)], np.nan)


def depth_of_maximum(s: Sums) -> Float[Array, " N"]:
    """Vertex of the parabola through the energies per depth of the highest layer and its neighbours.

    Args:
        s: N showers and their sums.
    """
    return maximum(_density(s), layer_depths(s.binning))


def depth_containing(s: Sums, share: float) -> Float[Array, " N"]:
    """Depth above which a share of the visible energy lies.

    Args:
        s: N showers and their sums.
        share: of the energy, 0 to 1.
    """
    return quantile(s.layer_energy, layer_edges(s.binning), share)
