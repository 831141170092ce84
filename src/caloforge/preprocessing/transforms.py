"""The steps between layer energies and features that come with caloforge, each with its determinant."""

__all__ = ["Columns", "Dequantise", "Log", "Logit", "Standardize"]

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from caloforge.errors import BadValue
from caloforge.preprocessing.transform import AtomBands, Transform

Columns = Literal["all", "first", "others"]

_TINY = 1e-12
_ROUNDING = 1e-5  # of shares in float32
_OFF = 1e-3  # of bands from their edge
_BEYOND = 5.0  # logarithms beyond the largest of training that the way back allows
_MARGIN = (2.0, 1.0)  # of bands beyond the extreme values: of the first feature (the response), of others


class _OnColumns(Transform):
    """A step on some features; the others pass."""

    def __init__(self, columns: Columns = "all") -> None:
        super().__init__()
        self.columns = columns

    def _split(self, x: Float[Tensor, "N L"]) -> tuple[Tensor, Tensor, Tensor]:
        """Features before, those of the step, and features behind."""
        first = 1 if self.columns == "others" else 0
        last = 1 if self.columns == "first" else x.shape[1]
        return x[:, :first], x[:, first:last], x[:, last:]


class Log(_OnColumns):
    r""":math:`y = \ln x`; an exact zero becomes :math:`-\infty`, which `Dequantise` takes.

    The way back goes no further than 5 beyond the largest logarithm of training.

    Args:
        features: of the steps before.
        columns: which of them.
    """

    highest: Tensor

    def __init__(self, features: int, columns: Columns = "all") -> None:
        super().__init__(columns)
        self.register_buffer("highest", self._split(torch.full((1, features), 2 * _BEYOND))[1][0].clone())

    def fit(self, x: Float[Tensor, "N L"], incident: Float[Tensor, " N"]) -> None:
        """How far the way back may go.

        Args:
            x: (N, L) numbers of 0 or more.
            incident: of no consequence.

        Raises:
            BadValue: some are negative, so that the way back would not find them.
        """
        u = self._split(x)[1]
        if (u < 0).any():
            raise BadValue(
                "preprocessing.energies", "log", "it takes numbers of 0 or more, its place in the list has less"
            )
        self.highest.copy_(u.clamp_min(_TINY).log().amax(0) + _BEYOND)

    def forward(
        self, x: Float[Tensor, "N L"], incident: Float[Tensor, " N"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        """Logarithms and log|det|.

        Args:
            x: (N, L) numbers of 0 or more.
            incident: of no consequence.
            generator: not needed.
        """
        before, u, behind = self._split(x)
        hit, log = u > 0, u.clamp_min(_TINY).log()
        y = torch.cat([before, torch.where(hit, log, -torch.inf), behind], 1)
        return y, torch.where(hit, -log, 0.0).sum(1)

    def inverse(self, y: Float[Tensor, "N L"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N L"]:
        """Numbers of 0 or more.

        Args:
            y: (N, L) logarithms.
            incident: of no consequence.
        """
        before, log, behind = self._split(y)
        return torch.cat([before, torch.minimum(log, self.highest).exp(), behind], 1)


class Logit(_OnColumns):
    r""":math:`y = \ln u - \ln(1-u)` of shares; exactly 0 and 1 become :math:`\mp\infty`, which `Dequantise` takes.

    Args:
        columns: which features.
    """

    def fit(self, x: Float[Tensor, "N L"], incident: Float[Tensor, " N"]) -> None:
        """Only see whether these are shares.

        Args:
            x: (N, L) shares in [0, 1].
            incident: of no consequence.

        Raises:
            BadValue: some are none, so that the way back would not find them.
        """
        u = self._split(x)[1]
        if not ((u >= -_ROUNDING) & (u <= 1 + _ROUNDING)).all():
            raise BadValue("preprocessing.energies", "logit", "it takes shares from 0 to 1: put ratio-chain before it")

    def forward(
        self, x: Float[Tensor, "N L"], incident: Float[Tensor, " N"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        """Logits and log|det|.

        Args:
            x: (N, L) shares in [0, 1].
            incident: of no consequence.
            generator: not needed.
        """
        before, u, behind = self._split(x)
        logit = u.clamp(_TINY, None).log() - torch.log1p(-u.clamp(0, 1 - 1e-7))
        y = torch.where(u <= 0, -torch.inf, torch.where(u >= 1, torch.inf, logit))
        slope = torch.where((u > 0) & (u < 1), -(u * (1 - u)).clamp_min(_TINY).log(), 0.0)
        return torch.cat([before, y, behind], 1), slope.sum(1)

    def inverse(self, y: Float[Tensor, "N L"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N L"]:
        """Shares in [0, 1].

        Args:
            y: (N, L) logits.
            incident: of no consequence.
        """
        before, logit, behind = self._split(y)
        return torch.cat([before, torch.sigmoid(logit), behind], 1)


class Dequantise(Transform):
    r"""Atoms spread uniformly over a band below or above everything else: :math:`\mp\infty` to finite features.

    Exact zeros and ones of ratios (an empty layer, the last layer hit) are atoms of the distribution; a logarithm or
    logit makes them infinite. Their bands have the width :math:`w` (variational dequantisation, arXiv:1902.00275), and
    the inverse maps the bands back to the infinite values. ``fit`` finds the bands' place from the extreme finite
    values; a value that lies beyond them all the same is moved to the near edge of the band.

    Args:
        features: of the steps before.
        width: of the bands.
    """

    low: Tensor
    high: Tensor
    width: Tensor
    upper: Tensor

    def __init__(self, features: int, width: float = 2.0) -> None:
        super().__init__()
        self.register_buffer("low", torch.full((features,), -15.0))
        self.register_buffer("high", torch.full((features,), 15.0))
        self.register_buffer("width", torch.tensor(width))
        self.register_buffer("upper", torch.arange(features) > 0)  # the first is a response, until a fit says more

    def fit(self, x: Float[Tensor, "N L"], incident: Float[Tensor, " N"]) -> None:
        """Place the bands beyond the extreme finite values of each feature: by 2 for the first, 1 for others.

        Args:
            x: (N, L) features with infinite atoms.
            incident: of no consequence.
        """
        inside, margin = x.isfinite(), torch.full_like(self.low, _MARGIN[1])
        margin[0], some = _MARGIN[0], inside.any(0)
        self.low.copy_(torch.where(some, x.masked_fill(~inside, torch.inf).amin(0) - margin, -15.0))
        self.high.copy_(torch.where(some, x.masked_fill(~inside, -torch.inf).amax(0) + margin, 15.0))
        self.upper.copy_((x == torch.inf).any(0))

    def forward(
        self, x: Float[Tensor, "N L"], incident: Float[Tensor, " N"], generator: torch.Generator
    ) -> tuple[Float[Tensor, "N L"], Float[Tensor, " N"]]:
        """Finite features; the density of the bands enters log|det|.

        Args:
            x: (N, L) features with infinite atoms.
            incident: of no consequence.
            generator: draws the places in the bands.
        """
        reach = self.width * torch.rand(x.shape, generator=generator).to(x)
        y = torch.minimum(torch.maximum(x, self.low), self.high)
        y = torch.where(x == -torch.inf, self.low - reach - _OFF, y)
        y = torch.where(x == torch.inf, self.high + reach + _OFF, y)
        return y, torch.where(x.isfinite(), 0.0, self.width.log()).sum(1)

    def bands(self) -> AtomBands:
        """Where ``forward`` puts atoms."""
        below, above, width = self.low - _OFF, self.high + _OFF, self.width
        return AtomBands(torch.stack([below - width, below]), torch.stack([above, above + width]))

    def inverse(self, y: Float[Tensor, "N L"], incident: Float[Tensor, " N"]) -> Float[Tensor, "N L"]:
        """Features with infinite atoms; above only where training had such.

        Args:
            y: (N, L) finite features.
            incident: of no consequence.
        """
        above = torch.where((y > self.high) & self.upper, torch.inf, y)
        return torch.where(y < self.low, -torch.inf, above)


class Standardize(Transform):
    r"""Zero mean and unit variance of each feature: :math:`y = (x - \mu)/\sigma`.

    Args:
        features: how many.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    def fit(self, x: Float[Tensor, "N F"], incident: Float[Tensor, " N"] | None = None) -> None:
        """Mean and standard deviation of each feature; a constant feature keeps unit scale.

        Args:
            x: (N, F) features.
            incident: of no consequence.
        """
        std = x.std(0, correction=0)
        self.mean.copy_(x.mean(0))
        self.std.copy_(torch.where(std > 1e-6, std, 1.0))

    def forward(
        self,
        x: Float[Tensor, "N F"],
        incident: Float[Tensor, " N"] | None = None,
        generator: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "N F"], Float[Tensor, " N"]]:
        r""":math:`(x - \mu)/\sigma` and log|det| (N,).

        Args:
            x: (N, F) features.
            incident: of no consequence.
            generator: not needed.
        """
        return (x - self.mean) / self.std, -self.std.log().sum().expand(x.shape[0])

    def inverse(self, y: Float[Tensor, "N F"], incident: Float[Tensor, " N"] | None = None) -> Float[Tensor, "N F"]:
        r""":math:`y\,\sigma + \mu`.

        Args:
            y: (N, F) standardised features.
            incident: of no consequence.
        """
        return y * self.std + self.mean
