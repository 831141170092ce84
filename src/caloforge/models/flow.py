r"""Normalising flow of the layer energies: an explicit density by change of variables, neural spline couplings.

.. math:: \log p(u \mid c) = \log N(f(u; c); 0, 1) + \log|\partial f / \partial u|

Source: neural spline flows, arXiv:1906.04032, as implemented by zuko.
"""

__all__ = ["LayerEnergyFlow"]

import zuko
from jaxtyping import Float
from torch import Tensor

from caloforge.models.cascade import EnergyStage


class LayerEnergyFlow(EnergyStage):
    """p(u | c) of the L energy features; noise has the shape of u. Couplings, so sampling costs what training does."""

    def __init__(self, n_layers: int, n_conditions: int, transforms: int, bins: int, width: int) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.flow = zuko.flows.NSF(
            n_layers, n_conditions, bins=bins, transforms=transforms, hidden_features=(width, width), passes=2
        )

    def log_prob(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """Log-density in nats."""
        return self.flow(c).log_prob(u)

    def sample(self, noise: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Energy features of standard normal noise."""
        return self.flow(c).transform.inv(noise)
