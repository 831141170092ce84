r"""Sparse shares by a differentiable threshold: every cell's noise either stays below it (exactly zero) or rises above.

Cell :math:`v` draws :math:`e_v \sim \text{Exp}(1)` from one normal, and its energy leaves zero continuously at the
threshold :math:`t_v \ge 0`:

.. math:: x_v = (e_v - t_v)_+, \qquad r_v = 1 - e^{-x_v}, \qquad
          w_v = e^{m_v}\,r_v^{a_v}\,(1 + x_v)^{b_v} \left(\frac{r_v}{r_v + d_v}\right)^{f_v}, \qquad
          s_v = w_v \Big/ \sum_{w \in \text{layer}} w_w .

The cell is hit with probability :math:`e^{-t_v}`, and then :math:`x_v` is again Exp(1), because the exponential
distribution has no memory, so :math:`r_v` is uniform. b sets the tail towards strong hits, a the fall towards faint
ones, and f the fall of the faintest part d of the hits. d and f belong to the cell alone. Since w goes to zero
where the cell stops being hit, the shares are continuous in t, m, a and b for fixed noise: the derivative of a sample
is an unbiased derivative of means over the distribution, and no cell has to be rounded to zero afterwards. Its variance
is not finite where a + f < 1/2; so the derivative of :math:`\log r` is held at 100 for r < 1/100, which takes at most
:math:`100^{-(a + f)}` of the threshold's effect out of it and leaves the samples as they are. In a layer with energy
that no cell would hit, the thresholds are lowered to just below its best cell.
"""

__all__ = ["ThresholdShares"]

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from caloforge.geometry.binning import Binning

_LEAST_EXCESS = 0.01  # above the threshold: what a layer's best cell gets where the threshold must be lowered
_STEEPEST = 100.0  # derivative of log r that is let through
_TINY = 1e-30


class ThresholdShares(nn.Module):
    """Sampler of shares (N, V) for parameters (N, 4, V): threshold logit, log weight m, log a, log b."""

    layer_of_voxel: Tensor
    segments: Tensor
    power: Tensor | None

    def __init__(self, binning: Binning, power: bool = False) -> None:
        super().__init__()
        self.noise_width = binning.n_voxels
        self.faint_part = nn.Parameter(torch.full((binning.n_voxels,), -3.0))  # log d
        if power:
            self.register_buffer("power", torch.ones(binning.n_voxels))
        else:
            self.power = None
            self.faint_fall = nn.Parameter(torch.full((binning.n_voxels,), -1.0))  # log f
        layer_of_voxel = torch.from_numpy(binning.layer_of_voxel)
        self.register_buffer("layer_of_voxel", layer_of_voxel, persistent=False)
        self.register_buffer("segments", nn.functional.one_hot(layer_of_voxel).float(), persistent=False)

    def forward(
        self, noise: Float[Tensor, "N V"], p: Float[Tensor, "N 4 V"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of active layers, each summing to one; exact zeros in missed cells and in layers without energy.

        Args:
            noise: (N, V) standard normal.
            p: (N, 4, V) threshold logit, log weight m, log a, log b.
            active: (N, L) which layers have energy.
        """
        logit, log_weight, log_a, log_b = p.unbind(1)
        threshold = nn.functional.softplus(-logit)
        above = self._lowered(-torch.special.ndtr(noise).clamp_min(1e-7).log() - threshold)
        hit = (above > 0) & active[:, self.layer_of_voxel]
        x = torch.where(hit, above, 1.0)
        r = -torch.expm1(-x)
        log_r = _log(r)
        a = log_a.clamp(-4.0, 1.5).exp()
        fall = self.faint_fall.clamp(-4.0, 1.5).exp() if self.power is None else self.power - a
        rise = a * log_r
        tail = log_b.clamp(-4.0, 1.5).exp() * torch.log1p(x)
        faint = fall * (log_r - (r + self.faint_part.clamp(-6.0, 0.0).exp()).log())
        weight = torch.where(hit, (log_weight.clamp(-25.0, 5.0) + rise + tail + faint).exp(), 0.0)
        total = (weight @ self.segments).clamp_min(_TINY)
        return weight / total[:, self.layer_of_voxel]

    def _lowered(self, above: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        """Excess over the threshold, raised in layers that no cell would hit until their best cell is."""
        layers = self.layer_of_voxel.expand(above.shape[0], -1)
        nothing = above.new_full((above.shape[0], self.segments.shape[1]), -torch.inf)
        best = nothing.scatter_reduce(1, layers, above.detach(), "amax")
        return above + (_LEAST_EXCESS - best).clamp_min(0.0)[:, self.layer_of_voxel]


def _log(r: Tensor) -> Tensor:
    """Logarithm whose derivative stops at ``_STEEPEST``."""
    fixed = r.detach()
    return fixed.log() + (r - fixed) / fixed.clamp_min(1 / _STEEPEST)
