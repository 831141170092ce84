r"""Laws that showers obey on average: linear response, resolution, gamma-distributed depth; formulas and least squares.

With the incident energy E, the visible energy :math:`E_\text{vis}` and the depth t,

.. math:: E_\text{vis} = aE + b, \qquad
          \frac{\sigma}{E} = \frac{a}{\sqrt E} \oplus b \oplus \frac{c}{E}, \qquad
          \frac{1}{E}\frac{dE}{dt} = \beta\,\frac{(\beta t)^{\alpha-1} e^{-\beta t}}{\Gamma(\alpha)}, \quad
          t_\text{max} = \frac{\alpha - 1}{\beta} .

:math:`\oplus` is the sum in quadrature: stochastic, constant and noise terms are independent. Source: PDG, Review of
Particle Physics 2024, sections 34.5 (gamma distribution: Longo and Sestili, NIM 128 (1975) 283) and 35.10. The fits
take many samples at once: one row a sample (the data and its resamples), one column a bin.
"""

__all__ = [
    "line",
    "fit_line",
    "resolution",
    "fit_resolution",
    "resolution_limits",
    "gamma_shares",
    "fit_gamma",
    "gamma_maximum",
]

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array
from scipy.optimize import brentq, nnls
from scipy.special import gammainc

from caloforge.errors import BadValue

_STEPS = 100
_FLAT = 1e-14
_TOLERANCE = 1e-6
_DERIVATIVE = 1e-4
_ONE_SIDED = 2.7055  # growth of chi2 at a one-sided limit of 95 %


def line(x: Float[Array, "..."], slope: float, offset: float) -> Float[Array, "..."]:
    """slope * x + offset.

    Args:
        x: in any unit.
        slope: in the unit of y over that of x.
        offset: in the unit of y.
    """
    return slope * x + offset


def fit_line(
    x: Float[Array, "R B"], y: Float[Array, "R B"], error: Float[Array, " B"]
) -> tuple[Float[Array, "R 2"], Float[Array, " R"]]:
    """Slope and offset of each row by weighted least squares, and its chi2; NaN where a bin has no error.

    Args:
        x: (R, B) abscissae, one row a sample.
        y: (R, B) ordinates.
        error: (B,) their standard errors.

    Raises:
        BadValue: fewer than two bins.
    """
    if x.shape[1] < 2:
        raise BadValue("number of bins of a straight line", x.shape[1], "give two or more")
    w = 1 / (error if np.isfinite(error).all() and (error > 0).all() else np.full_like(error, np.nan)) ** 2
    mean_x, mean_y = (np.sum(w * v, axis=1, keepdims=True) / w.sum() for v in (x, y))
    slope = np.sum(w * (x - mean_x) * (y - mean_y), axis=1) / np.sum(w * (x - mean_x) ** 2, axis=1)
    offset = mean_y[:, 0] - slope * mean_x[:, 0]
    return np.stack([slope, offset], axis=1), np.sum(w * (y - slope[:, None] * x - offset[:, None]) ** 2, axis=1)


def resolution(energy: Float[Array, "..."], stochastic: float, constant: float, noise: float) -> Float[Array, "..."]:
    r"""sigma/E at energies in GeV: ``stochastic`` in sqrt(GeV), ``constant`` a number, ``noise`` in GeV.

    .. math:: \frac{\sigma}{E} = \frac{a}{\sqrt E} \oplus b \oplus \frac{c}{E}

    Args:
        energy: incident, GeV.
        stochastic: sqrt(GeV).
        constant: a number.
        noise: GeV.

    Source: PDG, Review of Particle Physics 2024, section 35.10.
    """
    return np.sqrt(stochastic**2 / energy + constant**2 + (noise / energy) ** 2)


def fit_resolution(
    inverse: Float[Array, "R B"],
    inverse_square: Float[Array, "R B"],
    variance: Float[Array, "R B"],
    error: Float[Array, " B"],
) -> tuple[Float[Array, "R 3"], Float[Array, " R"]]:
    r"""Stochastic, constant and noise term of each row, none negative, and its chi2; NaN where a bin has no error.

    :math:`(\sigma/E)^2` is linear in the squares of the three, which non-negative least squares finds exactly.

    Args:
        inverse: mean of 1/E in each bin, 1/GeV.
        inverse_square: mean of 1/E^2, 1/GeV^2; with these means the width of a bin costs no bias.
        variance: :math:`(\sigma/E)^2`.
        error: its standard error in each bin.

    Raises:
        BadValue: fewer than three bins.
    """
    if variance.shape[1] < 3:
        raise BadValue("number of bins of a resolution fit", variance.shape[1], "give three or more")
    squares, chi2 = np.full((len(variance), 3), np.nan), np.full(len(variance), np.nan)
    if not (np.isfinite(error).all() and (error > 0).all()):
        return squares, chi2
    for i in np.flatnonzero(np.isfinite(variance).all(axis=1)):
        terms = np.stack([inverse[i], np.ones_like(inverse[i]), inverse_square[i]], axis=1) / error[:, None]
        squares[i], residual = nnls(terms, variance[i] / error)
        chi2[i] = residual**2
    return np.sqrt(squares), chi2


def resolution_limits(
    inverse: Float[Array, " B"],
    inverse_square: Float[Array, " B"],
    variance: Float[Array, " B"],
    error: Float[Array, " B"],
) -> Float[Array, " 3"]:
    r"""Upper limits at 95 % on stochastic, constant and noise term of one sample; NaN where a bin has no error.

    A term is raised, the two others following, until :math:`\chi^2` has grown by 2.71: one-sided 95 % of a normal
    distribution. Source: PDG, Review of Particle Physics 2024, section 40.4.2.

    Args:
        inverse: mean of 1/E in each bin, 1/GeV.
        inverse_square: mean of 1/E^2, 1/GeV^2.
        variance: :math:`(\sigma/E)^2`.
        error: its standard error in each bin.
    """
    if not (np.isfinite(error).all() and (error > 0).all() and np.isfinite(variance).all()):
        return np.full(3, np.nan)
    terms = np.stack([inverse, np.ones_like(inverse), inverse_square], axis=1) / error[:, None]
    points = variance / error
    squares, residual = nnls(terms, points)

    def growth(square: float, term: int) -> float:
        others = np.delete(terms, term, axis=1)
        return float(nnls(others, points - square * terms[:, term])[1] ** 2 - residual**2 - _ONE_SIDED)

    limits = np.empty(3)
    for term in range(3):
        step = float(1 / np.linalg.norm(terms[:, term]))
        while growth(squares[term] + step, term) < 0:
            step *= 2
        limits[term] = brentq(growth, squares[term], squares[term] + step, args=(term,))
    return np.sqrt(limits)


def gamma_shares(
    alpha: Float[Array, " R"], beta: Float[Array, " R"], edges: Float[Array, "L 2"]
) -> Float[Array, "R L"]:
    """Share of each layer in what a gamma distribution leaves in all layers together; depths in the unit of 1/beta.

    Args:
        alpha: (R,) shapes.
        beta: (R,) inverse scales, in the inverse unit of the depth.
        edges: (L, 2) low and high depth of each layer.

    Source: Longo and Sestili, NIM 128 (1975) 283.
    """
    knots, which = np.unique(edges, return_inverse=True)
    below = gammainc(alpha[:, None], beta[:, None] * knots)[:, which.reshape(edges.shape)]
    inside = np.maximum(below[..., 1] - below[..., 0], 1e-300)
    return inside / inside.sum(axis=1, keepdims=True)


def gamma_maximum(alpha: Float[Array, "..."], beta: Float[Array, "..."]) -> Float[Array, "..."]:
    r"""Depth of the maximum; negative where alpha < 1, whose profile falls from the start.

    .. math:: t_\text{max} = (\alpha - 1)/\beta

    Args:
        alpha: shape.
        beta: inverse scale, in the inverse unit of the depth.
    """
    return (alpha - 1) / beta


def fit_gamma(shares: Float[Array, "R L"], edges: Float[Array, "L 2"]) -> Float[Array, "R 2"]:
    r"""alpha and beta of each row: the gamma distribution that is closest to the profile.

    Maximises :math:`\sum_l f_l \ln p_l(\alpha, \beta)` by Fisher scoring, so energy behind the last layer is
    allowed for. Rows that are undefined or do not converge are NaN.

    Args:
        shares: share of the energy in each layer, summing to one.
        edges: low and high depth of each layer, not negative.

    Raises:
        BadValue: fewer than three layers, or negative depths.
    """
    if len(edges) < 3 or edges.min() < 0:
        raise BadValue("edges of a longitudinal profile", edges.tolist(), "give three or more layers behind depth 0")
    middles = edges.mean(axis=1)
    parameters = np.full((len(shares), 2), np.nan)
    rows = np.flatnonzero(np.isfinite(shares).all(axis=1) & ((shares > 0).sum(axis=1) > 2))
    mean = shares[rows] @ middles
    spread = np.maximum(shares[rows] @ middles**2 - mean**2, 1e-12)
    theta = np.log(np.stack([mean**2 / spread, mean / spread], axis=1))
    moving = np.arange(len(rows))
    for _ in range(_STEPS):
        step = _scoring_step(theta[moving], shares[rows[moving]], edges)
        theta[moving] += np.clip(step, -0.5, 0.5)
        moving = moving[np.abs(step).max(axis=1) > _TOLERANCE]
        if len(moving) == 0:
            break
    theta[moving] = np.nan
    parameters[rows] = np.exp(theta)
    return parameters


def _scoring_step(
    theta: Float[Array, "R 2"], shares: Float[Array, "R L"], edges: Float[Array, "L 2"]
) -> Float[Array, "R 2"]:
    def log_shares(shift: tuple[float, float]) -> Array:
        return np.log(gamma_shares(np.exp(theta[:, 0] + shift[0]), np.exp(theta[:, 1] + shift[1]), edges))

    h = _DERIVATIVE
    slopes = [(log_shares(s) - log_shares((-s[0], -s[1]))) / (2 * h) for s in ((h, 0.0), (0.0, h))]
    gradient = np.stack(slopes, axis=2)
    expected = np.exp(log_shares((0.0, 0.0)))
    score = np.einsum("rl,rlk->rk", shares - expected, gradient)
    information = np.einsum("rl,rlj,rlk->rjk", expected, gradient, gradient)
    scale = np.einsum("rjj->r", information) ** 2
    flat = ~(np.linalg.det(information) > _FLAT * scale)  # the profile no longer depends on both parameters
    step = np.linalg.solve(np.where(flat[:, None, None], np.eye(2), information), score[..., None])[..., 0]
    return np.where(flat[:, None], np.nan, step)
