r"""Each feature made normal: quantile to quantile, :math:`y = \Phi^{-1}(F(x))` with F measured on training showers.

Between knots, and beyond the last of them, y is linear in x, so the way back and the determinant are closed.
"""

__all__ = ["Quantile"]

import torch
from jaxtyping import Float, Int
from torch import Tensor

from caloforge.errors import BadValue
from caloforge.preprocessing.transform import Transform

_SEPARATE = 1e-6  # least distance of knots, over the spread of the feature


class Quantile(Transform):
    """Features <-> features with a normal distribution each.

    Args:
        features: how many.
        knots: of the piecewise linear map.
    """

    x: Tensor
    y: Tensor

    def __init__(self, features: int, knots: int = 64) -> None:
        super().__init__()
        normal = torch.special.ndtri((torch.arange(knots, dtype=torch.float64) + 0.5) / knots).float()
        self.register_buffer("y", normal)
        self.register_buffer("x", normal.repeat(features, 1))

    def fit(self, x: Float[Tensor, "N F"], incident: Float[Tensor, " N"]) -> None:
        """Quantiles of each feature; a constant feature is only moved.

        Args:
            x: (N, F) finite features.
            incident: of no consequence.

        Raises:
            BadValue: features that are infinite.
        """
        if not x.isfinite().all():
            raise BadValue("preprocessing.energies", "quantile", "it needs finite features: put dequantise before it")
        knots = len(self.y)
        ordered = x.double().sort(0).values
        place = (torch.arange(knots, device=x.device).double() + 0.5) / knots * len(x) - 0.5
        place = place.clamp(0, len(x) - 1)
        below = place.long().clamp(max=max(len(x) - 2, 0))
        above = (below + 1).clamp(max=len(x) - 1)
        values = ordered[below] + (place - below)[:, None] * (ordered[above] - ordered[below])  # (K, F)
        spread = ordered.std(0, correction=0)
        rounding = 8 * torch.finfo(self.x.dtype).eps * ordered.abs().amax(0)
        least = torch.maximum(_SEPARATE * torch.where(spread > 1e-6, spread, 1.0), rounding)
        steps = least * torch.arange(knots, device=x.device)[:, None]
        rising = (values - steps).cummax(0).values + steps  # at least one distance from knot to knot
        constant = spread <= 1e-6
        moved = ordered.mean(0) + self.y.double()[:, None].to(x.device)
        self.x.copy_(torch.where(constant, moved, rising).T)

    def _lines(self, segment: Int[Tensor, "F N"]) -> tuple[Float[Tensor, "F N"], ...]:
        """Left knots and slope dy/dx of segments."""
        y = self.y.expand_as(self.x)
        x0, x1, y0, y1 = (z.gather(1, segment + i) for z in (self.x, y) for i in (0, 1))
        return x0, y0, (y1 - y0) / (x1 - x0)

    def forward(
        self, x: Float[Tensor, "N F"], incident: Float[Tensor, " N"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, " N"]]:
        """Normal features and log|det|.

        Args:
            x: (N, F) finite features.
            incident: of no consequence.
            generator: not needed.
        """
        columns = x.T.contiguous().to(self.x)
        x0, y0, slope = self._lines(torch.searchsorted(self.x[:, 1:-1].contiguous(), columns))
        return (y0 + slope * (columns - x0)).T, slope.log().sum(0)

    def inverse(self, y: Float[Tensor, "N F"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N F"]:
        """Features.

        Args:
            y: (N, F) normal features.
            incident: of no consequence.
        """
        columns = y.T.contiguous().to(self.x)
        x0, y0, slope = self._lines(torch.searchsorted(self.y[1:-1].contiguous(), columns))
        return (x0 + (columns - y0) / slope).T
