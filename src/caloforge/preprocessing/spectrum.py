r"""Weights of cells in which the spectrum of their energies is smooth; exactly invertible, layer sums kept.

A sensitive slab has a spectrum of its own: a minimum-ionising particle leaves about the same energy wherever it passes,
so the cell energies :math:`e` have an edge at a fixed number of MeV, which no smooth share of a layer's energy can
draw. Let :math:`w = g(e)` be a weight whose slope takes the edge out,

.. math:: \frac{d \ln w}{d \ln e} = \frac{p(\ln e)}{\bar p(\ln e)},

p the measured spectrum of the layer and :math:`\ln \bar p` its logarithm averaged with a Gaussian, which leaves power
laws alone: then the weights have the density :math:`\bar p`. A model learns shares of the weights in their layer,
:math:`s_i = w_i / \sum_j w_j`; the way back is the one :math:`\lambda` at which the cells sum to the layer's energy,
:math:`\sum_i g^{-1}(\lambda s_i) = E`, whose left side rises with :math:`\lambda`. Zeros stay zeros.
"""

__all__ = ["CellSpectrum"]

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.geometry.binning import Binning

_KNOTS = 256  # of ln g^-1, which is linear between them
_LOWEST, _HIGHEST = math.log(1e-4), math.log(1e4)  # MeV; beyond them w is proportional to e
_BIN = 0.04  # of the measured spectrum, in ln e
_SMEAR = 0.7  # in ln e: structures wider than this a decoder draws by itself
_PRIOR = 30.0  # hits per bin that stand for slope one, so that few hits make no noise
_STEEPEST = math.log(3)  # of ln w against ln e, so that the way back is quick to find
_STEPS = 5  # of Newton's method
_TINY = 1e-30


class CellSpectrum(nn.Module):
    """Cell energies in MeV (N, V) <-> weights (N, V), layer by layer; ``fit`` before use."""

    energies: Tensor  # ln g^-1 at the knots of each layer (L, K)
    start: Tensor  # first knot of each layer in ln w (L,)
    step: Tensor  # distance of the knots (L,)
    segments: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__()
        n = binning.n_layers
        layer = torch.from_numpy(binning.layer_of_voxel)
        self._layer_starts = binning.layer_starts
        self.register_buffer("energies", torch.linspace(_LOWEST, _HIGHEST, _KNOTS).repeat(n, 1))
        self.register_buffer("start", torch.full((n,), _LOWEST))
        self.register_buffer("step", torch.full((n,), (_HIGHEST - _LOWEST) / (_KNOTS - 1)))
        self.register_buffer("layer_of_voxel", layer, persistent=False)
        self.register_buffer("segments", nn.functional.one_hot(layer, n).float(), persistent=False)

    def fit(self, cells: Float[Array, "N V"]) -> None:
        """Measure the spectrum of each layer."""
        for i, (first, last) in enumerate(zip(self._layer_starts[:-1], self._layer_starts[1:], strict=True)):
            part = cells[:, first:last]
            log_energy, log_weight = _smoothing_map(np.log(part[part > 0], dtype=np.float64))
            knots = np.linspace(log_weight[0], log_weight[-1], _KNOTS)
            self.start[i], self.step[i] = float(knots[0]), float(knots[1] - knots[0])
            self.energies[i] = torch.from_numpy(np.interp(knots, log_weight, log_energy))
            self.energies[i, 0] = self.energies[i, 1] - self.step[i]  # outside, energies and weights are proportional
            self.energies[i, -1] = self.energies[i, -2] + self.step[i]

    def forward(self, cells: Float[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, "N V"]]:
        """Weights, and ln dw/de of the cells that are hit (0 elsewhere)."""
        hit = cells > 0
        log_energy = cells.clamp_min(_TINY).log()
        segment = torch.cat(
            [
                torch.searchsorted(self.energies[i, 1:-1].contiguous(), log_energy[:, first:last].contiguous())
                for i, (first, last) in enumerate(zip(self._layer_starts[:-1], self._layer_starts[1:], strict=True))
            ],
            1,
        )
        low, rise = self._segment(segment)
        step, start = self.step[self.layer_of_voxel], self.start[self.layer_of_voxel]
        log_weight = start + step * (segment + (log_energy - low) / rise)
        log_slope = (step / rise).log() + log_weight - log_energy
        return torch.where(hit, log_weight.exp(), 0.0), torch.where(hit, log_slope, 0.0)

    def _segment(self, index: Int[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, "N V"]]:
        """ln e at the lower knot of a segment, and its rise to the upper one."""
        flat = self.energies.reshape(-1)
        rise = torch.diff(self.energies, append=self.energies[:, -1:]).reshape(-1)
        place = index + _KNOTS * self.layer_of_voxel
        return flat[place], rise[place]

    def _inverse(self, log_weight: Float[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, "N V"]]:
        """Cell energies of logarithmic weights, and d ln e / d ln w."""
        step = self.step[self.layer_of_voxel]
        place = (log_weight - self.start[self.layer_of_voxel]) / step
        segment = place.floor().clamp(0, _KNOTS - 2)
        low, rise = self._segment(segment.long())
        return (low + rise * (place - segment)).exp(), rise / step

    def cells(self, shares: Float[Tensor, "N V"], layers: Float[Tensor, "N L"]) -> Float[Tensor, "N V"]:
        """Cell energies in MeV whose weights have these shares and which sum to the layer energies (MeV).

        Newton's method for ln lambda in a bracket, with a bisection where a step leaves it; as many steps for every
        shower. What is left of the sum's error is taken out by a common factor of the layer's cells.
        """
        hit, log_share = shares > 0, shares.clamp_min(_TINY).log()
        log_layer = layers.clamp_min(_TINY).log()
        excess = self.energies - self.start[:, None] - self.step[:, None] * torch.arange(_KNOTS)
        low, high = log_layer - excess.amax(1), log_layer - excess.amin(1)  # of ln lambda
        scale = log_layer.clamp(low, high)
        for _ in range(_STEPS):
            energy, slope = self._inverse(log_share + scale[:, self.layer_of_voxel])
            energy = torch.where(hit, energy, 0.0)
            total, rise = energy @ self.segments, (energy * slope) @ self.segments
            over = total.clamp_min(_TINY).log() - log_layer
            low, high = torch.where(over < 0, scale, low), torch.where(over > 0, scale, high)
            newton = scale - over * total / rise.clamp_min(_TINY)
            scale = torch.where((newton >= low) & (newton <= high), newton, 0.5 * (low + high))
        energy = torch.where(hit, self._inverse(log_share + scale[:, self.layer_of_voxel])[0], 0.0)
        return energy * (layers / (energy @ self.segments).clamp_min(_TINY))[:, self.layer_of_voxel]


def _smoothing_map(log_energy: Float[Array, " n"]) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """Knots (ln e, ln w) of the map of one layer; the mean of ln w - ln e over the hits is zero."""
    edges = np.arange(_LOWEST, _HIGHEST + _BIN, _BIN)
    log_density = np.log(np.histogram(log_energy, edges)[0] + _PRIOR)
    reach = round(4 * _SMEAR / _BIN)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * _BIN / _SMEAR) ** 2)
    smooth = np.convolve(np.pad(log_density, reach, mode="edge"), kernel / kernel.sum(), mode="valid")
    slope = np.exp(np.clip(log_density - smooth, -_STEEPEST, _STEEPEST))
    log_weight = np.concatenate([[0.0], np.cumsum(slope * np.diff(edges))])
    shift = np.interp(log_energy, edges, log_weight - edges).mean() if log_energy.size else -edges[0]
    return edges, log_weight - shift
