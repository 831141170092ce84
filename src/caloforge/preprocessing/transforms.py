r"""Small invertible maps between physical quantities and what a network likes: fit, forward, inverse, log|det|.

``forward(x)`` returns :math:`(y, \log|\partial y/\partial x|)` summed over features; ``inverse(y)`` returns x.
Parameters found by ``fit`` are buffers, so they are saved with the weights.
"""

__all__ = ["EnergyChain", "LogitWithAtoms", "Standardize"]

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

_TINY = 1e-12


class EnergyChain(nn.Module):
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
        self, layers: Float[Tensor, "N L"], incident: Float[Tensor, " N"]
    ) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        """Ratios (N, L) and log|det| (N,).

        Args:
            layers: (N, L) layer energies, MeV.
            incident: (N,) incident energies, MeV.
        """
        left = layers.cumsum(1)
        whole = torch.cat([self._scale(incident)[:, None], left[:, 1:]], 1)
        part = torch.cat([left[:, -1:], layers[:, 1:]], 1)
        some = whole > 0
        ratios = torch.where(some, part / whole.clamp_min(_TINY), 0.0)
        return ratios, -torch.where(some, whole.clamp_min(_TINY).log(), 0.0).sum(1)

    def inverse(self, ratios: Float[Tensor, "N L"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N L"]:
        """Layer energies in the unit of ``incident``; they are non-negative for ratios in [0, 1].

        Args:
            ratios: (N, L), the response first.
            incident: (N,) incident energies, MeV.
        """
        ones = torch.ones_like(ratios[:, :1])
        left = torch.cat([torch.cumprod((1 - ratios[:, 1:]).flip(1), 1).flip(1), ones], 1)
        taken = torch.cat([ones, ratios[:, 1:]], 1)
        return left * taken * (ratios[:, :1] * self._scale(incident)[:, None])


class LogitWithAtoms(nn.Module):
    r"""Ratios to the real line: log for the first (a response, any positive number), logit for shares in [0, 1].

    Exact zeros and ones (an empty layer, the last layer hit) are atoms of the distribution. They are spread uniformly
    over a band of width :math:`w` below or above everything else (variational dequantisation, arXiv:1902.00275), and
    the inverse maps the bands back to exactly 0 and 1. ``fit`` finds the bands' place from the extreme interior values;
    a value that lies beyond them all the same is moved to the near edge of the band.
    """

    low: Tensor
    high: Tensor
    width: Tensor

    def __init__(self, features: int, width: float = 2.0) -> None:
        super().__init__()
        self.register_buffer("low", torch.full((features,), -15.0))
        self.register_buffer("high", torch.full((features,), 15.0))
        self.register_buffer("width", torch.tensor(width))

    def _stretch(self, u: Float[Tensor, "N L"]) -> Float[Tensor, "N L"]:
        inside = u.clamp(_TINY, None)
        return torch.cat([inside[:, :1].log(), inside[:, 1:].log() - torch.log1p(-u[:, 1:].clamp(0, 1 - 1e-7))], 1)

    @staticmethod
    def _atoms(u: Float[Tensor, "N L"]) -> tuple[Bool[Tensor, "N L"], Bool[Tensor, "N L"]]:
        ones = u >= 1
        ones[:, 0] = False  # the response may be anything above zero
        return u <= 0, ones

    def fit(self, u: Float[Tensor, "N L"]) -> None:
        """Place the bands beyond the extreme interior values of each feature: by 2 for the response, 1 for shares.

        Args:
            u: (N, L) ratios, the response first.
        """
        zeros, ones = self._atoms(u)
        inside, y = ~(zeros | ones), self._stretch(u)
        some, margin = inside.any(0), torch.ones(u.shape[1], device=u.device)
        margin[0] = 2.0
        self.low.copy_(torch.where(some, y.masked_fill(~inside, torch.inf).amin(0) - margin, -15.0))
        self.high.copy_(torch.where(some, y.masked_fill(~inside, -torch.inf).amax(0) + margin, 15.0))

    def forward(
        self, u: Float[Tensor, "N L"], noise: Float[Tensor, "N L"]
    ) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        """``noise`` is uniform in [0, 1); it places the atoms in their bands, whose density enters log|det|.

        Args:
            u: (N, L) ratios, the response first.
            noise: (N, L) uniform numbers.
        """
        zeros, ones = self._atoms(u)
        y = torch.minimum(torch.maximum(self._stretch(u), self.low), self.high)
        y = torch.where(zeros, self.low - self.width * noise - 1e-3, y)
        y = torch.where(ones, self.high + self.width * noise + 1e-3, y)
        slope = torch.cat([-u[:, :1].clamp_min(_TINY).log(), -(u * (1 - u))[:, 1:].clamp_min(_TINY).log()], 1)
        return y, torch.where(zeros | ones, self.width.log(), slope).sum(1)

    def inverse(self, y: Float[Tensor, "N L"]) -> Float[Tensor, "N L"]:
        """Ratios, exactly 0 below the lower band edge and (shares only) exactly 1 above the upper one.

        Args:
            y: (N, L) stretched ratios.
        """
        u = torch.cat([y[:, :1].clamp(max=5.0).exp(), torch.sigmoid(y[:, 1:])], 1)
        below, above = y < self.low, y > self.high
        above = torch.cat([torch.zeros_like(above[:, :1]), above[:, 1:]], 1)
        return torch.where(above, 1.0, torch.where(below, 0.0, u))


class Standardize(nn.Module):
    r"""Zero mean and unit variance of each feature: :math:`y = (x - \mu)/\sigma`."""

    mean: Tensor
    std: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    def fit(self, x: Float[Tensor, "N F"]) -> None:
        """Mean and standard deviation of each feature; a constant feature keeps unit scale.

        Args:
            x: (N, F) features.
        """
        std = x.std(0, correction=0)
        self.mean.copy_(x.mean(0))
        self.std.copy_(torch.where(std > 1e-6, std, 1.0))

    def forward(self, x: Float[Tensor, "N F"]) -> tuple[Float[Tensor, "N F"], Float[Tensor, " N"]]:
        r""":math:`(x - \mu)/\sigma` and log|det| (N,).

        Args:
            x: (N, F) features.
        """
        return (x - self.mean) / self.std, -self.std.log().sum().expand(x.shape[0])

    def inverse(self, y: Float[Tensor, "N F"]) -> Float[Tensor, "N F"]:
        r""":math:`y\,\sigma + \mu`.

        Args:
            y: (N, F) standardised features.
        """
        return y * self.std + self.mean
