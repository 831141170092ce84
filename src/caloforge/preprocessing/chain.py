"""Layer energies as a chain of ratios, with its determinant."""

__all__ = ["EnergyChain"]

import torch
from jaxtyping import Float
from torch import Tensor

from caloforge.preprocessing.transform import Transform

_TINY = 1e-12


class EnergyChain(Transform):
    r"""Layer energies as a chain of ratios: :math:`u_0 = E_{tot}/E_0`, then each layer's share of what is left.

    .. math:: u_i = E_i \Big/ \sum_{j \le i} E_j, \qquad i = L-1 \dots 1

    Layers are taken off from the back, so that a layer behind the end of the shower is simply a zero, and what is left
    is never empty before the front. Where it is (a photon that has not converted), the ratio is 0. Determinant:
    :math:`\prod_i 1/R_i` with :math:`R_0 = E_0` and :math:`R_i` what is left, over :math:`R_i > 0`. Nothing to fit.
    Source of chained ratios: CaloFlow II, arXiv:2110.11377, and the CaloChallenge's flows.

    :math:`E_0` is the incident energy, so that a constant response is a constant, or a fixed ``unit`` of energy (MeV):
    then nothing in the chain knows how a shower scales, and the network has to find it.

    Args:
        unit: fixed :math:`E_0`, MeV; None for the incident energy.
    """

    def __init__(self, unit: float | None = None) -> None:
        super().__init__()
        self.unit = unit

    def _scale(self, incident: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
        return incident if self.unit is None else torch.full_like(incident, self.unit)

    def forward(
        self, x: Float[Tensor, "N L"], incident: Float[Tensor, " N"], generator: torch.Generator | None = None
    ) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        """Ratios (N, L) and log|det| (N,).

        Args:
            x: (N, L) layer energies, MeV.
            incident: (N,) incident energies, MeV.
            generator: not needed.
        """
        left = x.cumsum(1)
        whole = torch.cat([self._scale(incident)[:, None], left[:, 1:]], 1)
        part = torch.cat([left[:, -1:], x[:, 1:]], 1)
        some = whole > 0
        ratios = torch.where(some, part / whole.clamp_min(_TINY), 0.0)
        return ratios, -torch.where(some, whole.clamp_min(_TINY).log(), 0.0).sum(1)

    def inverse(self, y: Float[Tensor, "N L"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N L"]:
        """Layer energies in the unit of ``incident``; they are non-negative for ratios in [0, 1].

        Args:
            y: (N, L) ratios, the response first.
            incident: (N,) incident energies, MeV.
        """
        ones = torch.ones_like(y[:, :1])
        left = torch.cat([torch.cumprod((1 - y[:, 1:]).flip(1), 1).flip(1), ones], 1)
        taken = torch.cat([ones, y[:, 1:]], 1)
        return left * taken * (y[:, :1] * self._scale(incident)[:, None])
