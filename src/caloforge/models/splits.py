r"""The density of how a part of a layer divides its energy between its two halves: two atoms and a spline.

Either half may get everything; else the log ratio :math:`y = \ln s_1 - \ln s_2` has a density by change of variables,

.. math:: p(s_1 \mid s) = P_1\, \delta(s_1 - s) + P_2\, \delta(s_1)
          + (1 - P_1 - P_2)\; N\!\left(g\!\left(\tfrac{y - \mu}{\sigma}\right)\right) g'\, \frac1\sigma
          \left|\frac{\partial y}{\partial s_1}\right|, \qquad \frac{\partial y}{\partial s_1} = \frac{s}{s_1 s_2}

g: a monotonic rational-quadratic spline (arXiv:1906.04032, by zuko), the identity in its tails.
"""

__all__ = ["SplitDensity"]

import math

import torch
import zuko
from jaxtyping import Float
from torch import Tensor

_TINY = 1e-30
_WIDEST = 3.0  # |ln sigma|
_FARTHEST = 30.0  # of a log ratio, in a sample


class SplitDensity:
    """Density and sampler of splits (...) for ``width`` numbers of each (..., P).

    These are logits of all to the first half, all to the second, both; :math:`\\mu`, :math:`\\ln\\sigma`; the spline.

    Args:
        bins: of the spline, at least 2.
    """

    def __init__(self, bins: int) -> None:
        self.bins, self.width = bins, 5 + 3 * bins - 1

    def start(self, first: Float[Tensor, "N *S"], second: Float[Tensor, "N *S"]) -> Float[Tensor, "*S P"]:
        """Parameters that describe the mean of these splits, with straight splines.

        Args:
            first: (N, ...) shares of the first halves.
            second: (N, ...) shares of the second halves.
        """
        one, two = first > 0, second > 0
        both = one & two
        counts = torch.stack([one & ~two, two & ~one, both], -1).sum(0) + 1.0
        n = both.sum(0).clamp_min(1)
        y = torch.where(both, _log(first) - _log(second), 0.0)
        mean = y.sum(0) / n
        variance = torch.where(both, (y - mean) ** 2, 0.0).sum(0) / n
        place = torch.stack([mean, 0.5 * variance.clamp_min(0.1).log()], -1)
        logits = (counts / counts.sum(-1, keepdim=True)).log()
        return torch.cat([logits, place, logits.new_zeros(*logits.shape[:-1], self.width - 5)], -1)

    def _spline(self, p: Float[Tensor, "*S K"]) -> tuple[Tensor, Tensor, zuko.transforms.MonotonicRQSTransform]:
        """mu, ln sigma and the spline, of the numbers behind the logits."""
        mean, log_std, widths, heights, slopes = torch.split(p, [1, 1, self.bins, self.bins, self.bins - 1], -1)
        spline = zuko.transforms.MonotonicRQSTransform(widths, heights, slopes, slope=1e-3)
        return mean[..., 0], log_std[..., 0].clamp(-_WIDEST, _WIDEST), spline

    def log_prob(
        self, first: Float[Tensor, "*S"], second: Float[Tensor, "*S"], p: Float[Tensor, "*S P"]
    ) -> Float[Tensor, "*S"]:
        """Log-density in nats of the first half's share given that of both; 0 where the part has no energy.

        Args:
            first: (...) shares of the first halves.
            second: (...) shares of the second halves.
            p: (..., P) parameters.
        """
        log_p, one, two = p[..., :3].log_softmax(-1), first > 0, second > 0
        both = one & two
        outcome = torch.where(both, log_p[..., 2], torch.where(one, log_p[..., 0], log_p[..., 1]))
        log_one, log_two = _log(first), _log(second)
        mean, log_std, spline = self._spline(p[..., 3:])
        t = torch.where(both, (log_one - log_two - mean) * (-log_std).exp(), 0.0)
        z, log_slope = spline.call_and_ladj(t)
        log_det = log_slope - log_std + _log(first + second) - log_one - log_two
        density = log_det - 0.5 * (z**2 + math.log(2 * math.pi))
        return torch.where(one | two, outcome + torch.where(both, density, 0.0), 0.0)

    def sample(self, noise: Float[Tensor, "*S 2"], p: Float[Tensor, "*S P"]) -> tuple[Tensor, Tensor]:
        """What the first and the second half take, each (...); they sum to one, with exact zeros.

        Args:
            noise: (..., 2) standard normal: which outcome, and the log ratio.
            p: (..., P) parameters.
        """
        log_p, (mean, log_std, spline) = p[..., :3].log_softmax(-1), self._spline(p[..., 3:])
        u = torch.special.ndtr(noise[..., 0])
        none_second, none_first = log_p[..., 0].exp(), log_p[..., 1].exp()
        y = (mean + log_std.exp() * spline.inv(noise[..., 1])).clamp(-_FARTHEST, _FARTHEST)
        first, second = torch.sigmoid(y), torch.sigmoid(-y)
        only_first, only_second = u < none_second, u > 1 - none_first
        first = torch.where(only_first, 1.0, torch.where(only_second, 0.0, first))
        return first, torch.where(only_second, 1.0, torch.where(only_first, 0.0, second))


def _log(x: Tensor) -> Tensor:
    return x.clamp_min(_TINY).log()
