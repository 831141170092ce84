r"""Mean-squared error as a decoder: one mean share a cell and a fixed Gaussian about it, to show the blur it makes.

.. math:: \log p(s) = -\sum_v \frac{(s_v - \bar s_v)^2}{2\sigma^2} - V \ln(\sqrt{2\pi}\,\sigma)

Samples are the means, as in every model trained with this loss, Geant4's example Par04 with cross-entropy alike: no
zeros, no noise of single cells. The density lives on all cells, hit or not, so it cannot be compared in nats with those
of `caloforge.models.hurdle`.
"""

__all__ = ["MeanShares"]

import math
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.geometry.binning import Binning
from caloforge.models.shares import ShareDensity


class MeanShares(ShareDensity):
    """Mean shares; parameters (N, 1, V): logarithm of a weight. sigma is the spread of the training shares."""

    parameters_per_cell: ClassVar[int] = 1
    normals: ClassVar[int] = 0
    sigma: Tensor

    def __init__(self, binning: Binning) -> None:
        super().__init__(binning)
        self.register_buffer("sigma", torch.ones(()))

    def start(self, shares: Float[Tensor, "N V"]) -> Float[Tensor, "P V"]:
        """The mean share of each cell; also sets sigma.

        Args:
            shares: (N, V) of the cells in their layers.
        """
        self.sigma.copy_(shares.std(0).square().mean().sqrt())
        return shares.mean(0, keepdim=True).clamp_min(1e-12).log()

    def log_prob(self, shares: Float[Tensor, "N V"], p: Float[Tensor, "N P V"]) -> Float[Tensor, "N L"]:
        """Log-density of each layer's shares in nats; 0 for a layer without energy.

        Args:
            shares: (N, V) of the cells in their layers.
            p: (N, 1, V) logarithms of weights.
        """
        residual = (shares - self.normalised(p[:, 0])) / self.sigma
        density = self.layer_sum(-0.5 * (residual**2 + math.log(2 * math.pi)) - self.sigma.log())
        return torch.where(self.layer_sum(shares) > 0, density, 0.0)

    def sample(
        self, noise: Float[Tensor, "N M"], p: Float[Tensor, "N P V"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """The means, in active layers.

        Args:
            noise: not used.
            p: (N, 1, V) logarithms of weights.
            active: (N, L) which layers have energy.
        """
        return torch.where(active[:, self.layer_of_voxel], self.normalised(p[:, 0]), 0.0)
