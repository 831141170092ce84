r"""Cells as shares of their layer's weights: :math:`w = g(e)` for rising maps g, one after the other, and the way back.

Without a map the weights are the energies. The way back from shares :math:`s_i` and the energy E of a layer is the one
:math:`\lambda` at which the cells sum to it, :math:`\sum_i g^{-1}(\lambda s_i) = E`, whose left side rises with
:math:`\lambda`. Zeros stay zeros.
"""

__all__ = ["CellMap", "CellMaps", "Power"]

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.geometry.binning import Binning

_TINY = 1e-30
_FARTHEST = 300.0  # of ln lambda from the logarithm of the layer's energy


class CellMap(nn.Module, ABC):
    """A rising map of the energies of hit cells, in logarithms; linear in them with slope 1 where it does nothing.

    Attributes:
        steps: of Newton's method until lambda is found, where only such maps are used.
    """

    steps: int = 40

    def fit(self, cells: Float[Array, "N V"]) -> None:
        """Find parameters from training showers; nothing to find unless a map says otherwise.

        Args:
            cells: (N, V) energies, or what the maps before make of them; zeros are cells that are not hit.
        """

    @abstractmethod
    def forward(self, log_energy: Float[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, "N V"]]:
        """Logarithms of weights, and their slope d ln w / d ln e, which is positive.

        Args:
            log_energy: (N, V) of all cells; what comes out for cells that are not hit is not used.
        """

    @abstractmethod
    def inverse(
        self, log_weight: Float[Tensor, " h"], layer: Int[Tensor, " h"]
    ) -> tuple[Float[Tensor, " h"], Float[Tensor, " h"]]:
        """Logarithms of energies, and their slope d ln e / d ln w.

        Args:
            log_weight: of h hit cells.
            layer: in which each of them lies.
        """

    def bounds(self) -> tuple[Float[Tensor, " L"], Float[Tensor, " L"]] | None:
        """Largest and smallest ln e - ln w of each layer; None where there is no such limit."""
        return None


class Power(CellMap):
    r""":math:`w = e^a`: with a below 1, bright cells stand out less.

    Args:
        exponent: a, positive.
    """

    def __init__(self, exponent: float) -> None:
        super().__init__()
        self.exponent = exponent

    def forward(self, log_energy: Float[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, "N V"]]:
        """a ln e and a.

        Args:
            log_energy: (N, V) of all cells.
        """
        return self.exponent * log_energy, torch.full_like(log_energy, self.exponent)

    def inverse(
        self, log_weight: Float[Tensor, " h"], layer: Int[Tensor, " h"]
    ) -> tuple[Float[Tensor, " h"], Float[Tensor, " h"]]:
        """ln w / a and 1 / a.

        Args:
            log_weight: of h hit cells.
            layer: of no consequence.
        """
        return log_weight / self.exponent, torch.full_like(log_weight, 1 / self.exponent)


class CellMaps(nn.ModuleList):
    """Maps one after the other, and the shares of what they give.

    Args:
        binning: the mesh.
        maps: from energies to weights; none for shares of energy.
    """

    layer_of_voxel: Tensor

    def __init__(self, binning: Binning, maps: Sequence[CellMap] = ()) -> None:
        super().__init__(maps)
        self.n_layers = binning.n_layers
        self.register_buffer("layer_of_voxel", torch.from_numpy(binning.layer_of_voxel), persistent=False)

    @property
    def maps(self) -> list[CellMap]:
        """Those that it was made of."""
        return [cell_map for cell_map in self if isinstance(cell_map, CellMap)]

    def fit(self, cells: Float[Array, "N V"]) -> None:
        """Fit every map to what those before it make of the training showers.

        Args:
            cells: (N, V) energies, MeV.
        """
        for i, cell_map in enumerate(self.maps):
            cell_map.fit(cells)
            if i + 1 < len(self):
                energy = torch.tensor(np.asarray(cells, np.float32), device=self.layer_of_voxel.device)
                log_weight = cell_map(energy.clamp_min(_TINY).log())[0]
                cells = np.where(cells > 0, log_weight.exp().cpu().numpy(), np.float32(0))

    def forward(self, cells: Float[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, " N"]]:
        r"""Shares of each layer's weights, and log|det|.

        With weights of sum W each layer with n hits adds
        :math:`\sum_i \ln g'(e_i) + \ln \sum_i s_i / g'(e_i) - (n - 1) \ln W`.

        Args:
            cells: (N, V) energies, MeV.
        """
        weights, log_slope = self.weights(cells)
        total = self.layer_sum(weights)
        shares = weights / total.clamp_min(_TINY)[:, self.layer_of_voxel]
        hits = self.layer_sum((cells > 0).to(cells))
        mixed = self.layer_sum(shares * (-log_slope).exp())
        log_det = self.layer_sum(log_slope) + mixed.clamp_min(_TINY).log() - (hits - 1) * total.clamp_min(_TINY).log()
        return shares, torch.where(hits > 0, log_det, 0.0).sum(1)

    def weights(self, cells: Float[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, "N V"]]:
        """Weights, and ln dw/de of the cells that are hit (0 elsewhere).

        Args:
            cells: (N, V) energies, MeV.
        """
        if not len(self):
            return cells, torch.zeros_like(cells)
        hit, log_energy = cells > 0, cells.clamp_min(_TINY).log()
        log_weight, log_slope = log_energy, torch.zeros_like(log_energy)
        for cell_map in self.maps:
            log_weight, slope = cell_map(log_weight)
            log_slope = log_slope + slope.log()
        log_slope = log_weight - log_energy + log_slope
        return torch.where(hit, log_weight.exp(), 0.0), torch.where(hit, log_slope, 0.0)

    def layer_sum(self, x: Float[Tensor, "N V"]) -> Float[Tensor, "N L"]:
        """Sums over the cells of each layer, in float64.

        Args:
            x: (N, V) a number for each cell.
        """
        sums = x.new_zeros(x.shape[0], self.n_layers, dtype=torch.float64)
        return sums.index_add_(1, self.layer_of_voxel, x.double()).to(x)

    def _energies(
        self, log_weight: Float[Tensor, " h"], layer: Int[Tensor, " h"]
    ) -> tuple[Float[Tensor, " h"], Float[Tensor, " h"]]:
        """Cell energies of logarithmic weights, and d ln e / d ln w."""
        x, slope = self.maps[-1].inverse(log_weight, layer)
        for cell_map in reversed(self.maps[:-1]):
            x, factor = cell_map.inverse(x, layer)
            slope = slope * factor
        return x.exp(), slope

    def cells(self, shares: Float[Tensor, "N V"], layers: Float[Tensor, "N L"]) -> Float[Tensor, "N V"]:
        """Cell energies in MeV whose weights have these shares and which sum to the layer energies (MeV).

        Newton's method for ln lambda in a bracket, with a bisection where a step leaves it; as many steps for every
        shower. What is left of the sum's error is taken out by a common factor of the layer's cells.

        Args:
            shares: (N, V) of the weights of the cell's layer.
            layers: (N, L) MeV.
        """
        if not len(self):
            return shares * layers[:, self.layer_of_voxel]
        shower, voxel = shares.nonzero(as_tuple=True)  # a few cells of each shower are hit; the others are left out
        layer = self.layer_of_voxel[voxel]
        place = shower * layers.shape[1] + layer
        log_share, log_layer = shares[shower, voxel].log(), layers.reshape(-1).clamp_min(_TINY).log()

        def layer_sum(x: Tensor) -> Tensor:
            return torch.zeros_like(log_layer).index_add(0, place, x).clamp_min(_TINY)

        low, high = (log_layer - bound.repeat(layers.shape[0]) for bound in self._bounds())
        scale = log_layer
        for _ in range(max(cell_map.steps for cell_map in self.maps)):
            energy, slope = self._energies(log_share + scale[place], layer)
            total = layer_sum(energy)
            over = total.log() - log_layer
            low, high = torch.where(over < 0, scale, low), torch.where(over > 0, scale, high)
            newton = scale - over * total / layer_sum(energy * slope)
            scale = torch.where((newton >= low) & (newton <= high), newton, 0.5 * (low + high))
        energy, _ = self._energies(log_share + scale[place], layer)
        energy = energy * (layers.reshape(-1) / layer_sum(energy))[place]
        return torch.zeros_like(shares).index_put((shower, voxel), energy)

    def _bounds(self) -> tuple[Float[Tensor, " L"], Float[Tensor, " L"]]:
        """Largest and smallest ln e - ln w of each layer, of all maps together."""
        limits = [cell_map.bounds() for cell_map in self.maps]
        known = [limit for limit in limits if limit is not None]
        if len(known) < len(limits):
            far = torch.full((self.n_layers,), _FARTHEST, device=self.layer_of_voxel.device)
            return far, -far
        largest, smallest = (torch.stack(ends) for ends in zip(*known, strict=True))
        return largest.sum(0), smallest.sum(0)
