r"""Shares of cells <-> normal latents, one a cell: below its threshold a cell is not hit, above it its energy rises.

With :math:`\ell` the standardised logarithm of a layer's energy, a cell is hit with probability
:math:`p(\ell) = \sigma(\alpha + \beta\ell)`; its threshold is :math:`\tau = -\Phi^{-1}(p)`. A hit cell's
energy :math:`e` becomes a normal score by quantiles, :math:`g = \Phi^{-1}(F(e))`, from which what the layer's energy
says is taken out, :math:`\epsilon = (g - m - n\ell)/\sigma`, and

.. math:: y = -\Phi^{-1}\big(p\,\Phi(-\epsilon)\big) > \tau, \qquad
          y \sim N(0, 1) \text{ cut off above } \tau \text{ where it is not hit}

so that y is about standard normal, cell by cell, whatever p is; what is left to learn is how cells go together.
:math:`\alpha, \beta, F, m, n, \sigma` belong to a layer and ring. Back from y, energies are divided by their layer's
sum. So that y has a density in all its dimensions, all energies of a layer get a common random factor
:math:`e^{\varsigma\xi}, \xi \sim N(0, 1)`. The shares' density (which cells are hit, times Lebesgue measure
on the simplex) is then

.. math:: p(s) = E_q \left[\frac{p(y)}{q(y)}\right], \qquad
    \ln q = \sum_{hit} \ln \frac{s\,d\epsilon/d\ln e\; p\,\varphi(\epsilon)}{\varphi(y)}\cdot(-1) +
    \sum_{miss} \ln\frac{\varphi(y)}{1 - p} + \sum_{layers} \ln\frac{\varphi(\xi)}{\varsigma}

whose mean logarithm is a lower bound (variational dequantisation, arXiv:1902.00275).
"""

__all__ = ["CellLatents"]

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from caloforge.geometry.binning import Binning
from caloforge.models.shares import LayerTable
from caloforge.nn.normal import log_density, normal_cdf, normal_quantile

_NEWTON = 12
_RIDGE = 5.0  # hits' worth of belief that nothing depends on the layer's energy
_FEWEST = 50  # hits that quantiles are taken of; a ring with fewer has those of its layer, or of all cells
_REACH = 3.6  # normal scores of the outermost quantiles
_KNOTS = 73
_LEAST_STEP = 0.1  # of a logarithm of energy from one knot to the next, over what it is near the median
_FAINT = 1e-20  # least probability
_FARTHEST = 7.0  # normal score of a hit cell
_LOG_FLOOR = -30.0  # of a cell's energy in MeV


class Dequantised(NamedTuple):
    """Latents of showers.

    Args:
        y: (N, V) latents.
        log_q: (N,) logarithm of their density given the shares, over that of the shares.
    """

    y: Tensor
    log_q: Tensor


class CellLatents(LayerTable):
    """Shares (N, V) <-> y (N, V), for standardised log layer energies (N, L).

    Args:
        binning: the mesh.
        jitter: the width of the common factor's logarithm.
    """

    group: Tensor
    logit: Tensor
    line: Tensor
    knots: Tensor
    log_energy_scale: Tensor

    def __init__(self, binning: Binning, jitter: float) -> None:
        super().__init__(binning)
        self.jitter = jitter
        rings = int(binning.ring_of_voxel.max()) + 1
        _, group = np.unique(binning.layer_of_voxel * rings + binning.ring_of_voxel, return_inverse=True)
        self.n_groups = int(group.max()) + 1
        self.register_buffer("group", torch.from_numpy(group.astype(np.int64)), persistent=False)
        self.register_buffer("logit", torch.zeros(2, self.n_groups))
        self.register_buffer("line", torch.tensor([[0.0], [0.0], [1.0]]).repeat(1, self.n_groups))
        grid = torch.linspace(-_REACH, _REACH, _KNOTS)
        self.register_buffer("knots", grid.repeat(self.n_groups, 1))
        self.register_buffer("log_energy_scale", torch.tensor([[0.0], [1.0]]).repeat(1, binning.n_layers))

    def fit(self, shares: Float[Tensor, "N V"], level: Float[Tensor, "N L"], scale: Float[Tensor, "2 L"]) -> None:
        """Marginals of the cells from training showers.

        Args:
            shares: (N, V) of the cells in their layers.
            level: (N, L) standardised logarithms of layer energies.
            scale: mean and standard deviation (2, L) of these logarithms, MeV.
        """
        self.log_energy_scale.copy_(scale)
        hit = shares > 0
        log_e = self._log_energy(shares, level)
        member = nn.functional.one_hot(self.group, self.n_groups).to(shares)
        first = torch.zeros(self.n_groups, dtype=torch.int64).scatter(0, self.group, self.layer_of_voxel)
        x = level[:, first]
        active = (self.layer_sum(hit.float()) > 0)[:, first].float()
        hits = hit.float() @ member
        self.logit.copy_(_logistic(hits, active * member.sum(0), x))
        self.knots.copy_(self._quantiles(log_e, hit, first))
        g, _ = self._score(torch.where(hit, log_e, 0.0))
        g = torch.where(hit, g, 0.0)
        self.line.copy_(_line(hits, g @ member, g.square() @ member, x))

    def _quantiles(
        self, log_e: Float[Tensor, "N V"], hit: Bool[Tensor, "N V"], layer: Int[Tensor, " G"]
    ) -> Float[Tensor, "G K"]:
        """Log energies at the knots' normal scores, strictly rising."""
        q = normal_cdf(torch.linspace(-_REACH, _REACH, _KNOTS)).double().numpy()
        groups, layers = self.group.numpy(), self.layer_of_voxel.numpy()
        energies, hits = log_e.numpy(), hit.numpy()
        table = np.zeros((self.n_groups, _KNOTS))
        for i in range(self.n_groups):
            for cells in (groups == i, layers == int(layer[i]), np.ones(len(groups), bool)):
                values = energies[:, cells][hits[:, cells]]
                if len(values) >= _FEWEST:
                    break
            table[i] = np.quantile(values, q) if len(values) else np.linspace(-1, 1, _KNOTS)
        h, middle = 2 * _REACH / (_KNOTS - 1), _KNOTS // 2
        width = table[:, _KNOTS * 7 // 10] - table[:, _KNOTS * 3 // 10]
        steps = np.maximum(np.diff(table, axis=1), np.maximum(_LEAST_STEP * h * width, 1e-4)[:, None])
        rising = np.concatenate([np.zeros((self.n_groups, 1)), np.cumsum(steps, 1)], 1)
        rising += (table - rising)[:, middle, None]
        return torch.from_numpy(rising).float()

    def _log_energy(self, shares: Float[Tensor, "N V"], level: Float[Tensor, "N L"]) -> Float[Tensor, "N V"]:
        """Log energies of hit cells, MeV."""
        layers = self.log_energy_scale[0] + self.log_energy_scale[1] * level
        return (shares.clamp_min(1e-30).log() + layers[:, self.layer_of_voxel]).clamp_min(_LOG_FLOOR)

    def _score(self, log_e: Float[Tensor, "N V"]) -> tuple[Float[Tensor, "N V"], Float[Tensor, "N V"]]:
        """Normal scores g of log energies, and dg / d ln e."""
        knots = self.knots[self.group]
        place = torch.searchsorted(knots[:, 1:-1].contiguous(), log_e.T.contiguous()).T
        low, high = self._knot(place), self._knot(place + 1)
        h = 2 * _REACH / (_KNOTS - 1)
        slope = h / (high - low)
        return -_REACH + h * place + (log_e - low) * slope, slope

    def _knot(self, place: Int[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        return self.knots.flatten()[place + _KNOTS * self.group]

    def _of_score(self, g: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        """Log energies of normal scores."""
        h = 2 * _REACH / (_KNOTS - 1)
        x = (g + _REACH) / h
        place = x.detach().clamp(0, _KNOTS - 2).floor().long()
        low, high = self._knot(place), self._knot(place + 1)
        return low + (x - place) * (high - low)

    def _at(self, level: Float[Tensor, "N L"]) -> tuple[Tensor, Tensor, Tensor]:
        """Logit of the hit probability, mean and width of the normal score, (N, V) or (V,)."""
        x = level[:, self.layer_of_voxel]
        logit, line = self.logit[:, self.group], self.line[:, self.group]
        return (logit[0] + logit[1] * x).clamp(-12.0, 12.0), line[0] + line[1] * x, line[2]

    def thresholds(self, level: Float[Tensor, "N L"]) -> Float[Tensor, "N V"]:
        """tau of each cell.

        Args:
            level: (N, L) standardised logarithms of layer energies.
        """
        return normal_quantile(torch.sigmoid(-self._at(level)[0]))

    def forward(
        self,
        shares: Float[Tensor, "N V"],
        level: Float[Tensor, "N L"],
        uniform: Float[Tensor, "N V"],
        xi: Float[Tensor, "N L"],
    ) -> Dequantised:
        """Latents of showers.

        Args:
            shares: (N, V) of the cells in their layers.
            level: (N, L) standardised logarithms of layer energies.
            uniform: (N, V) in (0, 1): where the latents of cells that are not hit lie.
            xi: (N, L) standard normal: the common factors of the layers.
        """
        hit = shares > 0
        logit, mean, width = self._at(level)
        p, miss = torch.sigmoid(logit), torch.sigmoid(-logit)
        active = self.layer_sum(hit.float()) > 0
        in_active = active[:, self.layer_of_voxel]
        g, slope = self._score(self._log_energy(shares, level) + self.jitter * xi[:, self.layer_of_voxel])
        score = ((g - mean) / width).clamp(-_FARTHEST, _FARTHEST)
        above = -normal_quantile((p * normal_cdf(-score)).clamp_min(_FAINT))
        below = normal_quantile((torch.where(in_active, miss, 1.0) * uniform).clamp_min(_FAINT))
        y = torch.where(hit, above, below)
        stretch = (slope / width).log() + p.log() + log_density(score) - log_density(y)  # ln dy / d ln e
        of_hit = shares.clamp_min(1e-30).log() - stretch
        of_miss = log_density(y) - torch.where(in_active, miss.log(), 0.0)
        log_q = torch.where(hit, of_hit, of_miss).sum(1)
        of_factor = torch.where(active, log_density(xi) - math.log(self.jitter), 0.0).sum(1)
        return Dequantised(y, log_q + of_factor)

    def shares(
        self, y: Float[Tensor, "N V"], level: Float[Tensor, "N L"], active: Bool[Tensor, "N L"]
    ) -> Float[Tensor, "N V"]:
        """Shares of latents; in an active layer without any hit, the cell nearest to its threshold is hit.

        Args:
            y: (N, V) latents.
            level: (N, L) standardised logarithms of layer energies.
            active: (N, L) which layers have energy; the others get no hit.
        """
        logit, mean, width = self._at(level)
        p, above = torch.sigmoid(logit), normal_cdf(-y)
        excess = self.by_layer(p - above, -torch.inf)
        best = excess >= excess.amax(-1, keepdim=True)
        hit = self.flat((excess > 0) | best) & active[:, self.layer_of_voxel]
        score = -normal_quantile((above / p).clamp(_FAINT, 1 - 1e-6))
        log_e = self._of_score(mean + width * score)
        return self.normalised(log_e.masked_fill(~hit, -torch.inf))


def _logistic(hits: Float[Tensor, "N G"], cells: Float[Tensor, "N G"], x: Float[Tensor, "N G"]) -> Float[Tensor, "2 G"]:
    """Logistic regression on x of each group, its slope drawn to zero by the ridge."""
    alpha = (hits.sum(0) + 0.5).log() - (cells.sum(0) - hits.sum(0) + 0.5).log()
    beta = torch.zeros_like(alpha)
    for _ in range(_NEWTON):
        p = torch.sigmoid(alpha + beta * x)
        weight, missing = cells * p * (1 - p), hits - cells * p
        a, b, d = weight.sum(0) + 0.1, (weight * x).sum(0), (weight * x * x).sum(0) + _RIDGE
        u, v = missing.sum(0), (missing * x).sum(0) - _RIDGE * beta
        determinant = (a * d - b * b).clamp_min(1e-9)
        alpha = (alpha + ((d * u - b * v) / determinant).clamp(-1, 1)).clamp(-11, 11)
        beta = (beta + ((a * v - b * u) / determinant).clamp(-1, 1)).clamp(-6, 6)
    return torch.stack([alpha, beta])


def _line(
    hits: Float[Tensor, "N G"], g: Float[Tensor, "N G"], square: Float[Tensor, "N G"], x: Float[Tensor, "N G"]
) -> Float[Tensor, "3 G"]:
    """Mean, slope and width of g about a straight line in x for each group, from sums over its hit cells."""
    n, nx, nxx = hits.sum(0) + 1e-3, (hits * x).sum(0), (hits * x * x).sum(0) + _RIDGE
    y, yx = g.sum(0), (g * x).sum(0)
    determinant = (n * nxx - nx * nx).clamp_min(1e-9)
    mean, slope = (nxx * y - nx * yx) / determinant, (n * yx - nx * y) / determinant
    left = square.sum(0) - mean * y - slope * yx
    width = ((left + _RIDGE) / (n + _RIDGE)).clamp_min(0.01).sqrt()
    return torch.stack([mean, slope, width])
