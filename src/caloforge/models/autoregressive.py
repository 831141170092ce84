r"""Layer energies one after the other from the front, each given those before it: a density with atoms.

.. math:: p(u \mid c) = \prod_i \Big[ p_i^- U_i^- + p_i^+ U_i^+ + (1 - p_i^- - p_i^+)\, f_i \Big](u_i \mid u_{<i}, c)

The order is that of the shower: layers 1, 2, ..., and last the response (feature 0). :math:`U_i^\mp` are the bands of
empty layers and of layers with all energy so far (`AtomBands`), with probabilities :math:`p_i^\mp`; a feature that had
none in training gets none. :math:`f_i` is a normal of learned mean and width, bent by a monotonic spline inside three
widths and itself beyond: its tails are as wide as the data are **there**. Nothing else about them can be learned, since
a share of 1 in 1,000 outside the data costs a likelihood 0.001 nats. One small network for each feature hears the
conditions and what came before, held within the range of training, atoms as flags.

A sample inverts the mixture of atoms and f by one normal a feature, :math:`v = \Phi(z)`: below :math:`p^-` and above
:math:`1 - p^+` it is a place in a band, between them :math:`\Phi^{-1}((v - p^-)/(1 - p^- - p^+))` goes through the
spline. Sources: MADE, arXiv:1502.03509; splines, arXiv:1906.04032, by zuko.
"""

__all__ = ["AutoregressiveEnergies"]

from typing import NamedTuple

import torch
import zuko
from jaxtyping import Bool, Float
from torch import Tensor

from caloforge.models.stages import EnergyStage
from caloforge.nn.conditioning import LinearExtrapolation
from caloforge.nn.layers import AffineOfCondition
from caloforge.nn.normal import log_density, normal_cdf, normal_quantile
from caloforge.nn.parallel import ParallelMLP
from caloforge.nn.spline import inverse_spline
from caloforge.preprocessing.transform import AtomBands

_BOUND = 3.0  # widths within which the spline bends the normal
_ROOM = 2.5e-4  # of the width of a band, at either end
_TINY = 1e-12
_RIDGE = 1e-6
_PRIOR = 0.1  # inverse variance of the weights of a logistic regression
_NEWTON = 30  # steps


class _Density(NamedTuple):
    """Of n features: log probabilities (N, n, 3) below, above, between; mean, log width (N, n) and spline between."""

    chances: Tensor
    mean: Tensor
    log_width: Tensor
    spline: zuko.transforms.MonotonicRQSTransform


class AutoregressiveEnergies(EnergyStage):
    """Energy stage of a cascade, see the module.

    Args:
        bands: where the atoms of each of the L features lie.
        n_conditions: C, the particle embedded.
        bins: of each spline.
        width: hidden units of each network.
        tails: training range outside which means and widths go on linearly in log energy; None: nowhere.
    """

    below: Tensor
    above: Tensor
    atoms: Tensor
    heard: Tensor

    def __init__(
        self, bands: AtomBands, n_conditions: int, bins: int, width: int, tails: LinearExtrapolation | None = None
    ) -> None:
        super().__init__()
        n = bands.below.shape[1]
        self.order, self.bins, self.tails = [*range(1, n), 0], bins, tails
        self.affine = None if tails is None else AffineOfCondition(n, n_conditions, width, tails, widths=1)
        # of the bands, lower and upper ends; of the networks, the range of what they hear
        for name, (start, end) in bands._asdict().items():
            room = _ROOM * (end - start)  # features round
            self.register_buffer(name, torch.stack([start - room, end + room]), persistent=False)
        self.register_buffer("atoms", torch.ones(2, n, dtype=torch.bool))  # which features have some, below and above
        self.register_buffer("heard", torch.tensor([[-5.0], [5.0]]).repeat(1, n))
        place = torch.tensor(self.order).argsort()
        earlier = (place[:, None] > place).float().repeat(1, 3)  # its value, and whether it is an atom
        self.networks = ParallelMLP(torch.cat([earlier, torch.ones(n, n_conditions)], 1), width, 3 * bins + 3, 3)

    @torch.no_grad()
    def initialise(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> None:
        """Which features have atoms and how many, ranges, log odds and means linear in what is heard.

        Args:
            u: (N, L) energy features.
            c: (N, C) conditions, the particle embedded.
        """
        atoms = self._in_bands(u)
        inside = ~atoms.any(0)
        self.atoms.copy_(atoms.any(1))
        ones = torch.ones_like(c[:, :1])
        if self.affine is not None and self.tails is not None:
            phi = torch.cat([self.tails.with_hinges(c), ones], 1).double()
            lines = [phi @ _least_squares(phi[rows], x[rows]) for x, rows in zip(u.T, inside.T, strict=True)]
            self.affine.fit(torch.where(inside, u, torch.stack(lines, 1).float()), c)
        v, _ = self._standardised(u, c)
        ends = v.masked_fill(~inside, torch.inf).amin(0), v.masked_fill(~inside, -torch.inf).amax(0)
        self.heard.copy_(torch.stack([ends[0].clamp(max=0.0), ends[1].clamp(min=0.0)]))
        phi = torch.cat([self._hear(v, atoms, c), ones], 1).double()
        for i, (x, rows, column) in enumerate(zip(v.T, inside.T, self.networks.hears[:, 0], strict=True)):
            heard = torch.cat([column, ones[0]]).double() * phi
            odds = [_logistic(heard, part) for part in atoms[:, :, i]]
            mean = _least_squares(heard[rows], x[rows])
            spread = (x[rows] - heard[rows] @ mean).square().mean() if rows.any() else mean.new_ones(())
            weights = torch.stack([*odds, mean]).float()
            self.networks.straight[i], self.networks.last_bias[i, 0, :3] = weights[:, :-1], weights[:, -1]
            self.networks.last_bias[i, 0, 3] = 0.5 * spread.clamp_min(1e-6).log()

    def _in_bands(self, u: Float[Tensor, "N L"]) -> Bool[Tensor, "2 N L"]:
        return torch.stack([u < self.below[1], u > self.above[0]])

    def _standardised(
        self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]
    ) -> tuple[Float[Tensor, "N L"], Float[Tensor, "N L"]]:
        """u by the map of c alone, and the logarithm of its slope."""
        if self.affine is None:
            return u, torch.zeros_like(u)
        mean, log_scale = self.affine(c)
        return (u - mean) * (-log_scale).exp(), -log_scale

    def _hear(
        self, v: Float[Tensor, "N L"], atoms: Bool[Tensor, "2 N L"], c: Float[Tensor, "N C"]
    ) -> Float[Tensor, "N I"]:
        """What the networks hear: values in the range of training, zero at atoms; which are atoms; conditions."""
        values = torch.minimum(torch.maximum(v, self.heard[0]), self.heard[1]).masked_fill(atoms.any(0), 0.0)
        return torch.cat([values, *atoms.to(v), c if self.tails is None else self.tails.clamped(c)], 1)

    def _densities(self, heard: Float[Tensor, "N I"]) -> "_Density":
        """Of all features."""
        line, p = self.networks(heard)
        k = self.bins
        bend, log_width, *spline = p.split([3, 1, k, k, k - 1], -1)
        odds, mean = (line + bend).split([2, 1], -1)
        odds = odds.masked_fill(~self.atoms.T, -torch.inf)
        chances = torch.cat([odds, torch.zeros_like(mean)], -1).log_softmax(-1)
        bent = zuko.transforms.MonotonicRQSTransform(*spline, bound=_BOUND)
        return _Density(chances, mean[..., 0], log_width[..., 0], bent)

    def log_prob(self, u: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, " N"]:
        """Log-density in nats.

        Args:
            u: (N, L) energy features.
            c: (N, C) conditions, the particle embedded.
        """
        atoms = self._in_bands(u)
        v, slope = self._standardised(u, c)
        chances, mean, log_width, spline = self._densities(self._hear(v, atoms, c))
        z, bend = spline.call_and_ladj((v - mean) * (-log_width).exp())
        between = chances[..., 2] + slope - log_width + bend + log_density(z)
        bands = torch.stack([self.below, self.above], -1)
        flat = chances[..., :2] - (bands[1] - bands[0]).log()
        in_band = (u[..., None] > bands[0]) & (u[..., None] < bands[1])
        atom = flat.masked_fill(~in_band, -torch.inf).amax(-1)
        return torch.logaddexp(between, atom).sum(1)

    def sample(self, noise: Float[Tensor, "N L"], c: Float[Tensor, "N C"]) -> Float[Tensor, "N L"]:
        """Feature after feature, each by its own normal.

        Args:
            noise: (N, L) standard normal.
            c: (N, C) conditions, the particle embedded.
        """
        zero, network = torch.zeros_like(noise[:, :1]), self.networks.singly()
        u, values, below, above = ([zero] * noise.shape[1] for _ in range(4))  # a column each
        c_heard = c if self.tails is None else self.tails.clamped(c)
        affine = None if self.affine is None else self.affine(c)
        some_atoms = self.atoms.any(0).tolist()
        for i in self.order:
            column = slice(i, i + 1)
            z, atoms = noise[:, column], self.atoms[:, i]
            line, p = network(torch.cat([*values, *below, *above, c_heard], 1), i)
            odds, mean = torch.split(line + p[:, :3], [2, 1], 1)
            chances = torch.cat([odds.masked_fill(~atoms, -torch.inf), zero], 1).softmax(1)
            between, low, high = _between(z[:, 0], chances) if some_atoms[i] else (z[:, 0], None, None)
            v = inverse_spline(between, p[:, 4:], self.bins, _BOUND)[:, None] * p[:, 3:4].exp() + mean
            value = v if affine is None else v * affine[1][:, column].exp() + affine[0][:, column]
            if low is not None and high is not None:
                parts = (
                    normal_cdf(z) / chances[:, :1].clamp_min(_TINY),
                    normal_cdf(-z) / chances[:, 1:2].clamp_min(_TINY),
                )
                value = torch.where(low[:, None] < 0, _place(self.below[:, i], parts[0]), value)
                value = torch.where(high[:, None] < 0, _place(self.above[:, i].flip(0), parts[1]), value)
            under, over = value < self.below[1, i], value > self.above[0, i]
            u[i], below[i], above[i] = value, under.to(value), over.to(value)
            values[i] = v.clamp(self.heard[0, i], self.heard[1, i]).masked_fill(under | over, 0.0)
        return torch.cat(u, 1)


def _between(
    z: Float[Tensor, " N"], p: Float[Tensor, "N 3"]
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"], Float[Tensor, " N"]]:
    """Normal of the part between the atoms, and its probability below and above, negative where z is in an atom.

    Counted from the end on the side of z, where float32 has the most digits.
    """
    inside, front = p[:, 2].clamp_min(_TINY), z < 0
    part = (normal_cdf(-z.abs()) - torch.where(front, p[:, 0], p[:, 1])) / inside
    quantile = normal_quantile(torch.minimum(part, 1 - part).clamp(_TINY, 0.5))
    quantile = torch.where(part < 0.5, quantile, -quantile)
    quantile = torch.where(front, quantile, -quantile)
    return quantile, torch.where(front, part, 1 - part), torch.where(front, 1 - part, part)


def _place(band: Float[Tensor, "2"], part: Float[Tensor, "N 1"]) -> Float[Tensor, "N 1"]:
    """Between the ends of a band."""
    return torch.lerp(band[0], band[1], part.clamp(_TINY, 1.0 - 1e-6))


def _least_squares(phi: Float[Tensor, "N P"], x: Float[Tensor, " N"]) -> Float[Tensor, " P"]:
    ridge = _RIDGE * torch.eye(phi.shape[1], dtype=phi.dtype, device=phi.device)
    return torch.linalg.solve(phi.T @ phi + ridge * (len(phi) + 1), phi.T @ x.to(phi))


def _logistic(phi: Float[Tensor, "N P"], hit: Bool[Tensor, " N"]) -> Float[Tensor, " P"]:
    """Logistic regression with a normal prior on its weights, by Newton's method; of the atoms among all showers."""
    weights, target = phi.new_zeros(phi.shape[1]), hit.to(phi)
    if not hit.any():
        return weights
    prior = _PRIOR * torch.eye(phi.shape[1], dtype=phi.dtype, device=phi.device)
    for _ in range(_NEWTON):
        p = (phi @ weights).clamp(-30, 30).sigmoid()
        curvature = (phi.T * (p * (1 - p)).clamp_min(1e-6)) @ phi + prior
        weights = weights + torch.linalg.solve(curvature, phi.T @ (target - p) - prior @ weights)
    return weights
