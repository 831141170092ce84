r"""Observables of the energies of the hits as a distribution: quantiles, mean and spread of their logarithm.

A model can have all sums right and yet the many faint cells wrong, which hold next to no energy. With the n hits of a
shower, layer or ring and :math:`u_i = \log_{10}(E_i / \text{MeV})`,

.. math:: \bar u = \frac1n \sum u_i, \qquad \sigma_u = \sqrt{\frac1n \sum u_i^2 - \bar u^2} .

Where nothing is hit they are NaN.
"""

__all__ = [
    "QUANTILES",
    "QUANTILE_COLUMNS",
    "hit_quantile",
    "log_energy_mean",
    "log_energy_spread",
    "layer_log_energy_mean",
    "layer_log_energy_spread",
    "ring_log_energy_mean",
    "ring_log_energy_spread",
]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.physics.cell_blocks import Places, blocks
from caloforge.physics.moments import ratio
from caloforge.physics.sums import Sums
from caloforge.units import MeV

QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9)
QUANTILE_COLUMNS = tuple("faintest" if q == 0 else f"{100 * q:g} %" for q in QUANTILES)

_ROUNDING = 1e-9  # of a mean square: less is rounding


def hit_quantile(s: Sums) -> Float[Array, "N 8"]:
    """Energies below which given shares of the hits lie, MeV: of n hits in rising order that of rank floor(q (n - 1)).

    Args:
        s: N showers and their sums.
    """
    rising, n_voxels = np.sort(s.energy, axis=1), s.binning.n_voxels
    hits = s.layer_hits.sum(axis=1)
    ranks = np.floor(np.array(QUANTILES) * np.maximum(hits - 1, 0)[:, None])
    places = np.minimum(n_voxels - hits[:, None] + ranks, n_voxels - 1).astype(int)
    return np.where(hits[:, None] > 0, np.take_along_axis(rising, places, axis=1).astype(np.float64), np.nan)


class _Moments:
    """Number of hits, sums of u and of its square: of each layer, then of each ring of all layers together."""

    def __init__(self, s: Sums) -> None:
        places = Places(s.binning)
        self.layers, parts = places.layers, []
        for _, energy in blocks(s):
            hit = energy > 0
            u, hits = np.zeros(energy.shape), hit.astype(np.float64)
            u[hit] = np.log10(energy[hit].astype(np.float64) / MeV)
            parts.append([places.sum(hits, hits), places.sum(hits, u), places.sum(u, u)])
        self.sums = np.concatenate(parts, axis=1)


def _mean(sums: Float[Array, "3 N k"]) -> Float[Array, "N k"]:
    return ratio(sums[1], sums[0])


def _spread(sums: Float[Array, "3 N k"]) -> Float[Array, "N k"]:
    square, mean = ratio(sums[2], sums[0]), _mean(sums)
    variance = square - mean**2
    return np.sqrt(np.where(variance > _ROUNDING * square, variance, np.where(sums[0] > 0, 0.0, np.nan)))


def _shower(s: Sums) -> Float[Array, "3 N 1"]:
    moments = s.once(_Moments)
    return moments.sums[:, :, : moments.layers].sum(axis=2, keepdims=True)


def _layers(s: Sums) -> Float[Array, "3 N L"]:
    moments = s.once(_Moments)
    return moments.sums[:, :, : moments.layers]


def _rings(s: Sums) -> Float[Array, "3 N R"]:
    moments = s.once(_Moments)
    return moments.sums[:, :, moments.layers :]


def log_energy_mean(s: Sums) -> Float[Array, "N 1"]:
    """Mean of u over the hits of a shower.

    Args:
        s: N showers and their sums.
    """
    return _mean(_shower(s))


def log_energy_spread(s: Sums) -> Float[Array, "N 1"]:
    """Standard deviation of u over the hits of a shower.

    Args:
        s: N showers and their sums.
    """
    return _spread(_shower(s))


def layer_log_energy_mean(s: Sums) -> Float[Array, "N L"]:
    """Mean of u over the hits of each layer.

    Args:
        s: N showers and their sums.
    """
    return _mean(_layers(s))


def layer_log_energy_spread(s: Sums) -> Float[Array, "N L"]:
    """Standard deviation of u over the hits of each layer.

    Args:
        s: N showers and their sums.
    """
    return _spread(_layers(s))


def ring_log_energy_mean(s: Sums) -> Float[Array, "N R"]:
    """Mean of u over the hits of the first, second, ... ring of all layers.

    Args:
        s: N showers and their sums.
    """
    return _mean(_rings(s))


def ring_log_energy_spread(s: Sums) -> Float[Array, "N R"]:
    """Standard deviation of u over the hits of the first, second, ... ring of all layers.

    Args:
        s: N showers and their sums.
    """
    return _spread(_rings(s))
