r"""What a critic looks at: the cells, and differentiable observables of the layers, rings and the whole shower.

From cell energies as shares :math:`f_v = E_v/E_\text{inc}`: every cell as :math:`\log(1 + f_v/10^{-5})`; of each layer
the logarithm of its energy, centres, widths and numbers of hits; of each ring the logarithm of its energy; length,
depth and spread of the whole shower. The number of hits above an energy :math:`\epsilon` enters as the smooth count
:math:`\sum_v f_v / (f_v + \epsilon)`, through which a gradient passes. All are standardised on the training showers.
"""

__all__ = ["ShowerFeatures", "ShowerCritic"]

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.nn.layers import ConditionedMLP
from caloforge.preprocessing.transforms import Standardize

_CELL_SCALE = 1e-5  # of the incident energy: typical of a hit cell
_COUNT_ABOVE = (1e-7, 1e-5)  # of the incident energy
_TINY = 1e-9


class ShowerFeatures(nn.Module):
    """Cells and observables (N, K) of shares of the incident energy (N, V); ``split`` divides one from the other."""

    segments: Tensor
    moments: Tensor
    rings: Tensor
    depth: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__()
        layer, ring = (nn.functional.one_hot(torch.from_numpy(i)).float() for i in (binning.layer_of_voxel, binning.ring_of_voxel))
        unit = float(binning.r_centres.max())
        r = torch.from_numpy(binning.r_centres).float()[:, None] / unit
        alpha = torch.from_numpy(binning.alpha_centres).float()[:, None]
        x, y = r * alpha.cos(), r * alpha.sin()
        self.register_buffer("segments", layer, persistent=False)
        self.register_buffer("moments", torch.cat([layer * q for q in (x, y, r, x**2, y**2, r**2)], 1), persistent=False)
        self.register_buffer("rings", ring, persistent=False)
        self.register_buffer("depth", torch.linspace(-1, 1, binning.n_layers), persistent=False)
        self.n_cells = binning.n_voxels
        self.n_observables = (1 + 6 + len(_COUNT_ABOVE)) * binning.n_layers + ring.shape[1] + 8
        self.scale = Standardize(self.n_cells + self.n_observables)

    def fit(self, shares: Float[Tensor, "N V"]) -> None:
        """Mean and spread on training showers."""
        self.scale.fit(self._raw(shares))

    def forward(self, shares: Float[Tensor, "N V"]) -> Float[Tensor, "N K"]:
        return self.scale(self._raw(shares))[0]

    def split(self, features: Float[Tensor, "N K"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, "N O"]]:
        """Cells and observables."""
        return features[:, : self.n_cells], features[:, self.n_cells :]

    def _raw(self, f: Float[Tensor, "N V"]) -> Float[Tensor, "N K"]:
        cells = torch.log1p(f / _CELL_SCALE)
        energy, sums = f @ self.segments, (f @ self.moments).view(len(f), 6, -1)
        total = energy.sum(1, keepdim=True)
        mean = sums / (energy + _TINY)[:, None]
        layers = torch.cat([mean[:, :3], _width(mean[:, 3:], mean[:, :3])], 1).flatten(1)
        counts = [(f / (f + above)) @ self.segments for above in _COUNT_ABOVE]
        rings = f @ self.rings
        whole = sums.sum(2) / (total + _TINY)
        depth = (energy @ self.depth)[:, None] / (total + _TINY)
        depth2 = (energy @ self.depth.square())[:, None] / (total + _TINY)
        shower = [
            torch.log(total + _TINY),
            depth,
            _width(depth2, depth),
            whole[:, 2:3],
            _width(whole[:, 5:6], whole[:, 2:3]),
            *(count.sum(1, keepdim=True) for count in counts),
            (f * cells).sum(1, keepdim=True) / (total + _TINY),
        ]
        logs = [torch.log1p(energy / _CELL_SCALE), torch.log1p(rings / _CELL_SCALE)]
        return torch.cat([cells, *logs, layers, *counts, *shower], 1)


def _width(mean_square: Tensor, mean: Tensor) -> Tensor:
    return (mean_square - mean.square()).clamp_min(1e-5).sqrt()


class ShowerCritic(nn.Module):
    """Scores (N,) of standardised features (N, K): one network sees the cells, one the observables; scores add up."""

    def __init__(self, features: ShowerFeatures, context: int, n_conditions: int, width: int, depth: int) -> None:
        super().__init__()
        self.split = features.split
        self.cells = ConditionedMLP(features.n_cells + context, 1, n_conditions, width, depth)
        self.observables = ConditionedMLP(features.n_observables + context, 1, n_conditions, width, depth)

    def forward(
        self, features: Float[Tensor, "N K"], context: Float[Tensor, "N U"], c: Float[Tensor, "N C"]
    ) -> Float[Tensor, " N"]:
        cells, observables = self.split(features)
        score = self.cells(torch.cat([cells, context], 1), c)
        return (score + self.observables(torch.cat([observables, context], 1), c)).squeeze(1)
