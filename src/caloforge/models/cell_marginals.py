r"""Marginals of the cells, to start a generator from: each cell alone, at the energy of its layer.

With :math:`\ell` the standardised logarithm of the layer's energy, fitted cell by cell on training showers: the hit
probability :math:`\sigma(\alpha + \beta\ell)` by logistic regression, the mean logarithm of a hit's share,
:math:`m + \gamma\ell`, by least squares, and for the cells of a layer and ring together the spread of that logarithm,
as the quantile function of `ThresholdShares`:

.. math:: \log w(q) = a \log q + b \log(1 - \log(1 - q)) + f \log\frac{q}{q + d}, \qquad a, b, f \ge 0 .

How cells go together is not in it.
"""

__all__ = ["CellMarginals", "cell_marginals"]

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.optimize import nnls
from torch import Tensor

from caloforge.geometry.binning import Binning

_NEWTON = 8
_RIDGE = 5.0  # showers' worth of belief that neither hits nor shares depend on the layer's energy
_QUANTILES = np.concatenate([np.geomspace(0.002, 0.05, 6), np.linspace(0.1, 0.9, 9), 1 - np.geomspace(0.05, 0.002, 6)])
_FEWEST = 100  # hits that a spread is fitted to
_FAINTEST = 0.01  # of the hits of a layer: they show the power law


class CellMarginals(NamedTuple):
    """Parameters of each cell (V,); ``spread`` holds a, b and f.

    Args:
        logit: alpha, of the hit probability.
        logit_slope: beta.
        log_share: m, mean logarithm of a hit's share less the mean of log w.
        log_share_slope: gamma.
        spread: (3, V) a, b and f.
    """

    logit: Tensor
    logit_slope: Tensor
    log_share: Tensor
    log_share_slope: Tensor
    spread: Tensor


def faint_power(binning: Binning, shares: Float[Tensor, "N V"]) -> Float[Tensor, " V"]:
    r"""Power p of the faintest hits of each layer, of share :math:`\propto r^p` at the quantile r: Hill's estimator.

    Args:
        binning: the mesh.
        shares: (N, V) of training showers.

    Source: Hill, Annals of Statistics 3 (1975) 1163.
    """
    power = np.ones(binning.n_layers, np.float32)
    for layer in range(binning.n_layers):
        cells = shares[:, torch.from_numpy(binning.layer_of_voxel == layer)]
        hits = np.sort(cells[cells > 0].double().log().numpy())
        n = int(_FAINTEST * len(hits))
        if n >= _FEWEST:
            power[layer] = np.clip(hits[n] - hits[:n].mean(), 0.1, 4.0)
    return torch.from_numpy(power[binning.layer_of_voxel])


def cell_marginals(
    binning: Binning,
    shares: Float[Tensor, "N V"],
    log_energy: Float[Tensor, "N L"],
    faint_part: float,
    power: Float[Tensor, " V"] | None = None,
) -> CellMarginals:
    """Fit of all cells.

    Args:
        binning: the mesh of L layers and V cells.
        shares: (N, V) of training showers.
        log_energy: (N, L) standardised logarithms of the layer energies.
        faint_part: d of `ThresholdShares`.
        power: a + f of each cell; None: fitted.
    """
    level = log_energy[:, torch.from_numpy(binning.layer_of_voxel)]
    hit = shares > 0
    logit, logit_slope = _logistic(hit, level)
    log_share = torch.where(hit, shares.clamp_min(1e-30).log(), 0.0)
    mean, slope = _line(hit.float(), log_share, level)
    spread, offset = _spread(binning, hit, log_share - mean - slope * level, faint_part, power)
    return CellMarginals(logit, logit_slope, mean - offset, slope, spread)


def _solve(a00: Tensor, a01: Tensor, a11: Tensor, b0: Tensor, b1: Tensor) -> tuple[Tensor, Tensor]:
    """Solution of a symmetric 2 x 2 system for each cell."""
    determinant = (a00 * a11 - a01 * a01).clamp_min(1e-12)
    return (a11 * b0 - a01 * b1) / determinant, (a00 * b1 - a01 * b0) / determinant


def _line(weight: Tensor, y: Tensor, x: Tensor) -> tuple[Float[Tensor, " V"], Float[Tensor, " V"]]:
    """Weighted straight line through each column, its slope drawn to zero by the ridge."""
    sums = [(weight * term).sum(0) for term in (torch.ones_like(x), x, x * x, y, x * y)]
    return _solve(sums[0] + 1e-3, sums[1], sums[2] + _RIDGE, sums[3] - 1e-2, sums[4])


def _logistic(hit: Bool[Tensor, "N V"], x: Float[Tensor, "N V"]) -> tuple[Float[Tensor, " V"], Float[Tensor, " V"]]:
    """Logistic regression of each column on x by Newton's method, its slope drawn to zero by the ridge."""
    alpha = hit.float().mean(0).clamp(1e-3, 1 - 1e-3).logit()
    beta = torch.zeros_like(alpha)
    for _ in range(_NEWTON):
        p = torch.sigmoid(alpha + beta * x)
        miss, weight = hit.float() - p, p * (1 - p)
        step = _solve(
            weight.sum(0) + 0.1,
            (weight * x).sum(0),
            (weight * x * x).sum(0) + _RIDGE,
            miss.sum(0),
            (miss * x).sum(0) - _RIDGE * beta,
        )
        alpha, beta = alpha + step[0].clamp(-2, 2), beta + step[1].clamp(-2, 2)
    return alpha.clamp(-9.0, 9.0), beta


def _spread(
    binning: Binning,
    hit: Bool[Tensor, "N V"],
    residual: Float[Tensor, "N V"],
    faint_part: float,
    power: Float[Tensor, " V"] | None,
) -> tuple[Float[Tensor, "3 V"], Float[Tensor, " V"]]:
    """a, b, f of each cell from the residuals of its layer and ring, and the mean of log w that they make."""
    q = _QUANTILES
    basis = np.stack([np.log(q), np.log1p(-np.log1p(-q)), np.log(q / (q + faint_part)), np.ones_like(q)], 1)
    u = (np.arange(2000) + 0.5) / 2000
    means = np.array([np.log(u).mean(), np.log1p(-np.log1p(-u)).mean(), np.log(u / (u + faint_part)).mean()])
    result = np.empty((4, binning.n_voxels), np.float32)
    group = binning.layer_of_voxel * (binning.ring_of_voxel.max() + 1) + binning.ring_of_voxel
    for ring in np.unique(group):
        columns = torch.from_numpy(group == ring)
        values = residual[:, columns][hit[:, columns]].numpy()
        best = np.array([1.0, 1.0, 0.0])
        total = None if power is None else power[columns][0].item()  # a + f
        if len(values) >= _FEWEST:
            y, terms = np.quantile(values, q), np.concatenate([basis, -basis[:, 3:]], 1)
            if total is None:
                best = nnls(terms, y)[0][:3]
            else:
                terms[:, 0] -= basis[:, 2]
                best = nnls(terms[:, [0, 1, 3, 4]], y - total * basis[:, 2])[0][[0, 1, 0]]
        if total is not None:
            best[2] = total - best[0]
        result[:3, group == ring], result[3, group == ring] = best[:, None], best @ means
    tensor = torch.from_numpy(result)
    return tensor[:3], tensor[3]
