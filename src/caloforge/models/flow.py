r"""Normalising flow: an explicit conditional density by change of variables, with neural spline couplings.

.. math:: \log p(x \mid c) = \log N(f(x; c); 0, 1) + \log|\partial f / \partial x|

Each coupling transforms half of the features by monotonic rational-quadratic splines whose knots depend on the other
half and on c, so the flow is as fast to sample as to evaluate. Before them, an affine map with mean and scale from c
alone takes out what every feature does on average, such as a resolution that improves with energy. Halves alternate
along the bits of the feature's index, so that after :math:`2 \log_2 n` couplings every feature has met every other.
With `LinearExtrapolation`, the affine map goes on linearly outside the training range (means, and the first ``widths``
log scales), where the couplings hear its edge: the density keeps the shape it has there. Source: arXiv:1906.04032,
splines by zuko.
"""

__all__ = ["CouplingFlow", "LayerEnergyFlow"]

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import zuko
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.distributions import AffineTransform, Transform

from caloforge.models.stages import EnergyStage
from caloforge.nn.conditioning import LinearExtrapolation
from caloforge.nn.layers import AffineOfCondition


class CouplingFlow(nn.Module):
    """Density of (N, features) given (N, context): ``log_prob(x, c)``, and ``sample`` from noise of the same shape.

    Args:
        features: D.
        context: C, numbers of what the density is conditional on.
        transforms: couplings.
        bins: of each spline.
        width: hidden units of each coupling.
        tails: training range outside which the affine map goes on linearly; None: no such map.
        widths: how many log scales of the map go on.
    """

    def __init__(
        self,
        features: int,
        context: int,
        transforms: int,
        bins: int,
        width: int,
        tails: LinearExtrapolation | None = None,
        widths: int = 0,
    ) -> None:
        super().__init__()
        standardise: zuko.lazy.LazyTransform = (
            zuko.flows.gaussianization.ElementWiseTransform(features, context, hidden_features=(width,))
            if tails is None
            else _Standardise(AffineOfCondition(features, context, width, tails, widths))
        )
        couplings = [
            _Coupling(
                features,
                context,
                mask=_half(features, k),
                univariate=partial(zuko.transforms.MonotonicRQSTransform, slope=1e-3),
                shapes=[(bins,), (bins,), (bins - 1,)],
                hidden_features=(width, width),
            )
            for k in range(transforms)
        ]
        if tails is not None:
            couplings = [_Held(coupling, tails) for coupling in couplings]
        base = zuko.lazy.UnconditionalDistribution(
            zuko.distributions.DiagNormal, torch.zeros(features), torch.ones(features), buffer=True
        )
        self.flow = zuko.lazy.Flow([standardise, *couplings], base)

    def initialise(self, x: Float[Tensor, "N D"], c: Float[Tensor, "N C"]) -> None:
        """Fit the straight part of an affine map with tails.

        Args:
            x: (N, D) training features.
            c: (N, C) context.
        """
        first = self.flow.transform.transforms[0]
        if isinstance(first, _Standardise):
            first.affine.fit(x, c)

    def log_prob(self, x: Float[Tensor, "N D"], c: Float[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """Log-density in nats.

        Args:
            x: (N, D) features.
            c: (N, C) context.
        """
        return self.flow(c).log_prob(x)

    def sample(self, noise: Float[Tensor, "N D"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N D"]:
        """Push standard normal noise forward.

        Args:
            noise: (N, D) standard normal.
            c: (N, C) context.
        """
        return self.flow(c).transform.inv(noise)


class _Coupling(zuko.flows.coupling.GeneralCouplingTransform):  # type: ignore[misc]
    """zuko's coupling, with the columns of either half found once, not again at every call."""

    def __init__(self, features: int, context: int, mask: Bool[Tensor, " D"], **options: Any) -> None:
        super().__init__(features, context, mask, **options)
        self.register_buffer("fixed", mask.nonzero()[:, 0], persistent=False)
        self.register_buffer("moved", (~mask).nonzero()[:, 0], persistent=False)
        self.register_buffer("order", torch.cat([self.fixed, self.moved]).argsort(), persistent=False)

    def forward(self, c: Tensor | None = None) -> Transform:
        return _Halves(partial(self.meta, c), self.fixed, self.moved, self.order)


class _Halves(zuko.transforms.CouplingTransform):  # type: ignore[misc]
    """Transforms the columns ``moved`` by what the columns ``fixed`` make of ``meta``."""

    def __init__(
        self,
        meta: Callable[[Tensor], Transform],
        fixed: Int[Tensor, " A"],
        moved: Int[Tensor, " B"],
        order: Int[Tensor, " D"],
    ) -> None:
        Transform.__init__(self)
        self.meta, self.idx_a, self.idx_b, self.order = meta, fixed, moved, order

    def merge(self, x_a: Tensor, x_b: Tensor, shape: torch.Size) -> Tensor:
        """Both halves in the order of the columns, without writing into parts of a tensor."""
        return torch.cat([x_a, x_b], -1)[..., self.order]


class _Standardise(zuko.lazy.LazyTransform):  # type: ignore[misc]
    """x -> (x - mean(c)) / scale(c)."""

    def __init__(self, affine: AffineOfCondition) -> None:
        super().__init__()
        self.affine = affine

    def forward(self, c: Tensor | None = None) -> Transform:
        assert c is not None
        mean, log_scale = self.affine(c)
        return zuko.transforms.DependentTransform(AffineTransform(mean, log_scale.exp()).inv, 1)


class _Held(zuko.lazy.LazyTransform):  # type: ignore[misc]
    """A transformation that hears a condition held inside the training range."""

    def __init__(self, transform: zuko.lazy.LazyTransform, tails: LinearExtrapolation) -> None:
        super().__init__()
        self.transform, self.tails = transform, tails

    def forward(self, c: Tensor | None = None) -> Transform:
        assert c is not None
        return self.transform(self.tails.clamped(c))


def _half(features: int, k: int) -> Bool[Tensor, " D"]:
    """Mask of the k-th coupling: one bit of the feature's index, then its complement, then the next bit."""
    bits = max(1, (features - 1).bit_length())
    return (torch.arange(features) >> (k // 2) % bits) % 2 == k % 2


class LayerEnergyFlow(EnergyStage):
    """Energy stage of a cascade as a `CouplingFlow`.

    Args:
        n_layers: L.
        n_conditions: C, the particle embedded.
        transforms: couplings.
        bins: of each spline.
        width: hidden units of each coupling.
        tails: training range outside which the density goes on linearly in log energy; None: nowhere.
    """

    def __init__(
        self,
        n_layers: int,
        n_conditions: int,
        transforms: int,
        bins: int,
        width: int,
        tails: LinearExtrapolation | None = None,
    ) -> None:
        super().__init__()
        self.flow = CouplingFlow(n_layers, n_conditions, transforms, bins, width, tails, widths=1)

    def initialise(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> None:
        """Fit the straight part of the flow.

        Args:
            u: (N, L) energy features.
            c: (N, C) conditions, the particle embedded.
        """
        self.flow.initialise(u, c)

    def log_prob(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """Log-density in nats.

        Args:
            u: (N, L) energy features.
            c: (N, C) conditions, the particle embedded.
        """
        return self.flow.log_prob(u, c)

    def sample(self, noise: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Push standard normal noise forward.

        Args:
            noise: (N, L) standard normal.
            c: (N, C) conditions, the particle embedded.
        """
        return self.flow.sample(noise, c)
