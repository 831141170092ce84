r"""Weights of cells in which the spectrum of their energies is that of gamma variates, layer by layer.

A sensitive slab has a spectrum of its own: a minimum-ionising particle leaves about the same energy wherever it passes,
so the cell energies :math:`e` have an edge at a fixed number of MeV, which no smooth share of a layer's energy can
draw. A model that draws gamma variates would give a layer the spectrum

.. math:: \bar p(\ln w) = \sum_g n_g \; \text{LogGamma}(\ln w; k_g, \theta_g),

g: groups of cells in like conditions (ring, energy of the layer), each with the shape and scale of maximum likelihood.
The weight :math:`w = g(e)` is the monotone map from the measured spectrum to this one, quantile to quantile.
"""

__all__ = ["CellSpectrum"]

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from scipy import special
from torch import Tensor

from caloforge.geometry.binning import Binning
from caloforge.preprocessing.cell_maps import CellMap

_KNOTS = 256  # of ln g^-1, which is linear between them
_LOWEST, _HIGHEST = math.log(1e-4), math.log(1e4)  # MeV; beyond them w is proportional to e
_BIN = 0.04  # of the measured spectrum, in ln e
_EDGES = np.arange(_LOWEST, _HIGHEST + _BIN, _BIN)
_GROUPS = 16  # of showers, by the energy of the layer
_FEWEST = 20  # hits that make a group
_PRIOR = 30.0  # hits per bin added to both spectra: where there are few, the map is a straight line
_ROUNDS = 3  # in weights the groups are closer to gamma variates than in energies, so they are fitted again
_STEEPEST = 3.0  # of ln w against ln e, so that the way back is quick to find


class CellSpectrum(CellMap):
    """Cell energies in MeV <-> weights, layer by layer; ``fit`` before use.

    Args:
        binning: the mesh.
    """

    steps = 5

    energies: Tensor  # ln g^-1 at the knots of each layer (L, K)
    start: Tensor  # first knot of each layer in ln w (L,)
    step: Tensor  # distance of the knots (L,)
    layer_of_voxel: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__()
        n = binning.n_layers
        self._layer_starts, self._rings = binning.layer_starts, binning.ring_of_voxel
        self.register_buffer("energies", torch.linspace(_LOWEST, _HIGHEST, _KNOTS).repeat(n, 1))
        self.register_buffer("start", torch.full((n,), _LOWEST))
        self.register_buffer("step", torch.full((n,), (_HIGHEST - _LOWEST) / (_KNOTS - 1)))
        self.register_buffer("layer_of_voxel", torch.from_numpy(binning.layer_of_voxel), persistent=False)

    def fit(self, cells: Float[Array, "N V"]) -> None:
        """Measure the spectrum of each layer.

        Args:
            cells: (N, V) energies of training showers, MeV.
        """
        for i, (first, last) in enumerate(zip(self._layer_starts[:-1], self._layer_starts[1:], strict=True)):
            log_weight = _quantile_map(np.asarray(cells[:, first:last], np.float64), self._rings[first:last])
            knots = np.linspace(log_weight[0], log_weight[-1], _KNOTS)
            self.start[i], self.step[i] = float(knots[0]), float(knots[1] - knots[0])
            self.energies[i] = torch.from_numpy(np.interp(knots, log_weight, _EDGES))
            self.energies[i, 0] = self.energies[i, 1] - self.step[i]  # outside, energies and weights are proportional
            self.energies[i, -1] = self.energies[i, -2] + self.step[i]

    def forward(self, log_energy: Float[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, "N V"]]:
        """Logarithms of weights, and d ln w / d ln e.

        Args:
            log_energy: (N, V) of energies in MeV.
        """
        segment = torch.cat(
            [
                torch.searchsorted(self.energies[i, 1:-1].contiguous(), log_energy[:, first:last].contiguous())
                for i, (first, last) in enumerate(zip(self._layer_starts[:-1], self._layer_starts[1:], strict=True))
            ],
            1,
        )
        slope, offset = self._lines(segment + _KNOTS * self.layer_of_voxel)
        return (log_energy - offset) / slope, 1 / slope

    def _lines(self, segment: Int[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """Slope and offset of ln e against ln w in segments, numbered through all layers."""
        slope = torch.diff(self.energies, append=self.energies[:, -1:]) / self.step[:, None]
        number = torch.arange(_KNOTS, device=self.step.device)
        knots = self.start[:, None] + self.step[:, None] * number
        return slope.take(segment), (self.energies - slope * knots).take(segment)

    def inverse(
        self, log_weight: Float[Tensor, " h"], layer: Int[Tensor, " h"]
    ) -> tuple[Float[Tensor, " h"], Float[Tensor, " h"]]:
        """Logarithms of energies, and d ln e / d ln w.

        Args:
            log_weight: of h hit cells.
            layer: in which each of them lies.
        """
        place = (log_weight - self.start[layer]) / self.step[layer]
        slope, offset = self._lines(place.long().clamp(0, _KNOTS - 2) + _KNOTS * layer)
        return offset + slope * log_weight, slope

    def bounds(self) -> tuple[Float[Tensor, " L"], Float[Tensor, " L"]]:
        """Largest and smallest ln e - ln w of each layer."""
        excess = (
            self.energies - self.start[:, None] - self.step[:, None] * torch.arange(_KNOTS, device=self.step.device)
        )
        return excess.amax(1), excess.amin(1)


def _quantile_map(cells: Float[Array, "N M"], rings: Int[Array, " M"]) -> Float[Array, " e"]:
    """ln w at the ln e of `_EDGES`, for the cells of one layer."""
    order = np.argsort(cells.sum(1))
    parts = [cells[np.ix_(rows, rings == ring)] for rows in np.array_split(order, _GROUPS) for ring in np.unique(rings)]
    groups = [np.log(part[part > 0]) for part in parts if np.count_nonzero(part) >= _FEWEST]
    log_weight = _EDGES.copy()
    for _ in range(_ROUNDS if groups else 0):
        weights = [np.interp(log_energy, _EDGES, log_weight) for log_energy in groups]
        measured = _cumulative(np.histogram(np.concatenate(weights), _EDGES)[0])
        gamma = _cumulative(np.sum([_gamma_spectrum(group) for group in weights], axis=0))
        step = np.interp(measured, gamma, _EDGES)
        log_weight = np.interp(log_weight, _EDGES, step)
    slope = np.clip(np.diff(log_weight) / _BIN, 1 / _STEEPEST, _STEEPEST)
    return log_weight[0] + np.concatenate([[0.0], np.cumsum(slope * _BIN)])


def _cumulative(hits: Float[Array, " b"] | Int[Array, " b"]) -> Float[Array, " e"]:
    total = np.concatenate([[0.0], np.cumsum(hits + _PRIOR)])
    return total / total[-1]


def _gamma_spectrum(log_weight: Float[Array, " n"]) -> Float[Array, " b"]:
    """Expected hits in the bins of `_EDGES` for gamma variates of maximum likelihood (Minka, 2002)."""
    mean = np.exp(log_weight).mean()
    s = max(float(np.log(mean) - log_weight.mean()), 1e-3)
    k = (3 - s + math.sqrt((s - 3) ** 2 + 24 * s)) / (12 * s)
    for _ in range(3):
        k -= (math.log(k) - special.digamma(k) - s) / (1 / k - special.polygamma(1, k))
    return log_weight.size * np.diff(special.gammainc(k, k * np.exp(_EDGES) / mean))
