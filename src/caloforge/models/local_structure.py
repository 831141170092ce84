r"""Differentiable observables of local structure for a critic: neighbouring cells, isolated hits, energies of the hits.

With :math:`x = \ln(1 + E/E_0)`, smooth hits :math:`h = E/(E + \epsilon)` and :math:`y = x - \langle x \rangle` of the
ring, over the pairs (i, j) of cells a distance apart along r, alpha and the depth (`physics.adjacency`: any mesh):

.. math:: \langle x_i x_j \rangle, \quad \langle h_i h_j \rangle, \quad \langle y_i y_j \rangle, \quad
          \frac{2 \sum y_i y_j}{\sum (y_i^2 + y_j^2)}, \quad
          \Big(\frac{\sum h_i h_j (x_i - x_j)^2}{\sum h_i h_j}\Big)^{1/2},

of nearest neighbours by the layer and by the ring of i, of pairs further apart for the whole shower. A hit is isolated
as far as none of its neighbours is hit, :math:`h_i \prod_j (1 - h_j)`. Mean and spread of :math:`\ln(E + \epsilon)` of
the hits are by layer and ring.
"""

__all__ = ["LocalStructure"]

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray as Array
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.physics.adjacency import DIRECTIONS, Direction, pairs

_FURTHER = (2, 3)  # distances in cells
_TINY = 1e-3  # of a hit, or of a square of y: below it a ratio says nothing


class _Pairs(nn.Module):
    """Pairs of cells a distance apart, in K groups by their first cell, as columns of a matrix.

    Args:
        binning: the mesh.
        direction: along which they are neighbours.
        distance: in cells.
        groups: (V, K) of zeros and ones, which cells a group holds; groups without a pair are left out.
    """

    first: Tensor
    second: Tensor
    groups: Tensor

    def __init__(self, binning: Binning, direction: Direction, distance: int, groups: Bool[Array, "V K"]) -> None:
        super().__init__()
        first, second = pairs(binning, direction, distance).nonzero()
        of_pairs = groups[first]
        self.register_buffer("first", torch.from_numpy(first.astype(np.int64)), persistent=False)
        self.register_buffer("second", torch.from_numpy(second.astype(np.int64)), persistent=False)
        of_pairs = of_pairs[:, of_pairs.any(axis=0)].astype(np.float32)
        self.register_buffer("groups", torch.from_numpy(of_pairs), persistent=False)
        self.n_out = 5 * of_pairs.shape[1]

    def forward(self, xhy: Float[Tensor, "V 3 N"]) -> Float[Tensor, "O N"]:
        """The five means of each group.

        Args:
            xhy: x, h and y of the cells, which come first: whole rows are quick to gather.
        """
        (x, h, y), (x2, h2, y2) = (xhy.index_select(0, cells).unbind(1) for cells in (self.first, self.second))
        both = h * h2
        terms = torch.cat([x * x2, both, y * y2, y.square() + y2.square(), both * (x - x2).square()], 1)
        products, hits, residuals, squares, differences = (self.groups.T @ terms).chunk(5, 1)
        correlation = 2 * residuals / (squares + _TINY)
        difference = (differences / (hits + _TINY) + _TINY).sqrt()
        size = self.groups.sum(0)[:, None]
        return torch.cat([products / size, hits / size, residuals / size, correlation, difference])

    def company(self, alone: Float[Tensor, "V N"]) -> Float[Tensor, "V N"]:
        """Sum over the neighbours of each cell.

        Args:
            alone: (V, N) a number for each cell.
        """
        total = torch.zeros_like(alone).index_add(0, self.first, alone.index_select(0, self.second))
        return total.index_add(0, self.second, alone.index_select(0, self.first))


class LocalStructure(nn.Module):
    """Features (N, K) of cell energies (N, V).

    Args:
        binning: the mesh.

    Attributes:
        n_out: K.
    """

    ring: Tensor
    ring_size: Tensor
    groups: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__()
        layer, of_ring = binning.layer_of_voxel, binning.ring_of_voxel
        ring, size = np.unique(layer * (of_ring.max() + 1) + of_ring, return_inverse=True, return_counts=True)[1:]
        groups = np.concatenate([np.equal.outer(of, np.arange(of.max() + 1)) for of in (layer, of_ring)], 1)
        self.register_buffer("ring", torch.from_numpy(ring), persistent=False)
        self.register_buffer("ring_size", torch.from_numpy(size).float(), persistent=False)
        self.register_buffer("groups", torch.from_numpy(groups).float(), persistent=False)
        whole = np.ones((binning.n_voxels, 1), bool)
        near = [_Pairs(binning, direction, 1, groups) for direction in DIRECTIONS]
        far = [_Pairs(binning, direction, d, whole) for direction in DIRECTIONS for d in _FURTHER]
        self.near, self.far = (nn.ModuleList(p for p in some if len(p.first)) for some in (near, far))
        self.n_out = sum(p.n_out for p in (*self.near, *self.far)) + 3 * groups.shape[1] + len(self.near)

    def forward(
        self, cells: Float[Tensor, "N V"], scale: Float[Tensor, ""], faint: Float[Tensor, ""]
    ) -> Float[Tensor, "N K"]:
        """The features, not standardised.

        Args:
            cells: (N, V) energies, MeV.
            scale: E_0, MeV: typical of a hit.
            faint: epsilon, MeV: below nearly all hits.
        """
        cells = cells.T.contiguous()
        x, h = torch.log1p(cells / scale), cells / (cells + faint)
        means = x.new_zeros(len(self.ring_size), x.shape[1]).index_add(0, self.ring, x) / self.ring_size[:, None]
        xhy = torch.stack([x, h, x - means.index_select(0, self.ring)], 1)
        parts = [part(xhy) for part in (*self.near, *self.far)]
        return torch.cat([*parts, self._isolated(cells, h, faint), self._hit_energies(cells, h, faint)]).T

    def _isolated(self, cells: Tensor, h: Tensor, faint: Tensor) -> Float[Tensor, "I N"]:
        """Hits isolated along each direction, and by layer and ring those isolated along all."""
        missed = -torch.log1p(cells / faint)  # ln(1 - h)
        company = [near.company(missed) for near in self.near]  # type: ignore[operator]
        single = [(h * total.exp()).sum(0, keepdim=True) for total in company]
        return torch.cat([*single, self.groups.T @ (h * sum(company, torch.zeros_like(h)).exp())])

    def _hit_energies(self, cells: Tensor, h: Tensor, faint: Tensor) -> Float[Tensor, "G N"]:
        """Mean and spread of the logarithm of the hits' energies, by layer and ring."""
        log = torch.log1p(cells / faint)
        hits, first, second = (self.groups.T @ torch.cat([h, h * log, h * log.square()], 1)).chunk(3, 1)
        mean = first / (hits + _TINY)
        return torch.cat([mean, (second / (hits + _TINY) - mean.square()).clamp_min(_TINY).sqrt()])
