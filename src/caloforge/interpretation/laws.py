r"""What Geant4 says of the same slopes: laws fitted to its showers, and finite differences among them.

The laws, fitted over bins of incident energy, and their derivatives :math:`d/d\ln E`:

.. math:: E_\text{vis} = aE + b: \quad \frac{dE_\text{vis}}{dE} = a, \quad
          \frac{d\langle R\rangle}{d\ln E} = -\frac{b}{E},
          \qquad \langle z\rangle = b_0 + b_1 \ln E: \quad b_1, \\
          \frac{\sigma}{\langle R\rangle} = \frac{A}{\sqrt E} \oplus B \oplus \frac{C}{E}: \quad
          -\frac{A^2/E + 2 C^2/E^2}{2\,\sigma/\langle R\rangle} .

Depths: a cascade doubles its particles over a fixed depth, so it grows by about one radiation
length for each factor e of energy (PDG, Review of Particle Physics 2024, 34.5). Other shapes have no law; for them, as
for these, there are **finite differences**: the slope of a straight line through the showers in a window of ln E.
Errors are standard deviations over bootstrap resamples of the showers.
"""

__all__ = ["Expected", "expected_slopes"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import EmptySample
from caloforge.interpretation.sensitivity import RESOLUTION, VISIBLE
from caloforge.metrics.measured import bootstrap_weights
from caloforge.physics.laws import fit_line, fit_resolution
from caloforge.rng import stream
from caloforge.units import GeV

_BINS = 8
_REPEATS = 200
_WINDOW = 0.8  # half width in ln E
_FEWEST = 50  # showers in a bin, and on either side in a window
_DEPTHS = ("centre_z", "depth_max", "depth_50", "depth_90")
_LINE, _LINEAR, _TERMS = "b0 + b1 ln E", "Evis = a E + b", "A/√E ⊕ B ⊕ C/E"


@dataclass(frozen=True, eq=False)
class Expected:
    """Slopes of one quantity with respect to ln E at K energies.

    Args:
        formula: of the law; empty where there is none, and its slopes are NaN.
        law: its derivative at each energy, and ``law_error`` the standard error.
        difference: slope among the showers near each energy, and ``difference_error``; NaN where there are few.
    """

    formula: str
    law: Float[Array, " K"]
    law_error: Float[Array, " K"]
    difference: Float[Array, " K"]
    difference_error: Float[Array, " K"]


def expected_slopes(
    table: Mapping[str, Float[Array, " N"]], incident_energy: Float[Array, " N"], at: Float[Array, " K"], seed: int
) -> dict[str, Expected]:
    """What the truth expects of every quantity of a table, of the resolution and of dEvis/dE.

    Args:
        table: values of each shower, with ``response``.
        incident_energy: MeV.
        at: energies of the slopes, MeV.
        seed: of the resamples.

    Raises:
        EmptySample: fewer than 50 showers in each of eight bins.
    """
    if len(incident_energy) < _BINS * _FEWEST:
        raise EmptySample(f"laws fitted to the truth need {_BINS * _FEWEST} showers", len(incident_energy))
    log_energy = np.log(np.asarray(incident_energy, np.float64) / GeV)
    counts = bootstrap_weights(len(log_energy), _REPEATS, stream(seed, "laws"))
    weights = np.concatenate([np.ones((1, len(log_energy))), counts])
    laws, response = _Laws(weights, log_energy, np.log(at / GeV)), table["response"].astype(np.float64)
    slopes = {name: laws.shape(name, values.astype(np.float64)) for name, values in table.items()}
    return slopes | {**laws.linear(response), RESOLUTION: laws.resolution(response)}


@dataclass(frozen=True, eq=False)
class _Laws:
    """Fits to a sample (row 0 of the weights) and its resamples at once."""

    weights: Float[Array, "S N"]
    log_energy: Float[Array, " N"]
    at: Float[Array, " K"]

    def shape(self, name: str, values: Float[Array, " N"]) -> Expected:
        """Slopes of the mean of a quantity; depths have a law."""
        law = np.full((len(self.weights), len(self.at)), np.nan)
        if name in _DEPTHS:
            law = np.repeat(self._fit(self.log_energy, values)[:, :1], len(self.at), axis=1)
        slopes = np.stack([self._local(values, x)[1] for x in self.at], axis=1)
        return _summary(_LINE if name in _DEPTHS else "", law, slopes)

    def linear(self, response: Float[Array, " N"]) -> dict[str, Expected]:
        """Slopes of the response, and dEvis/dE, from <R> = a + b <1/E>, which no width of a bin biases."""
        fitted = self._fit(np.exp(-self.log_energy), response)
        falling = -fitted[:, :1] * np.exp(-self.at)
        near = np.stack([self._local(response, x) for x in self.at], axis=2)
        return {
            "response": _summary(_LINEAR, falling, near[1]),
            VISIBLE: _summary(_LINEAR, np.repeat(fitted[:, 1:], len(self.at), axis=1), near.sum(axis=0)),
        }

    def resolution(self, response: Float[Array, " N"]) -> Expected:
        """Of sigma/mean of the response."""
        inverse, square, mean, second = (
            self._bins(v) for v in (np.exp(-self.log_energy), np.exp(-2 * self.log_energy), response, response**2)
        )
        variance = second / mean**2 - 1
        terms, _ = fit_resolution(inverse, square, variance, variance[1:].std(axis=0, ddof=1))
        energy, (a, b, c) = np.exp(self.at), terms.T[:, :, None]
        total = np.sqrt(a**2 / energy + b**2 + c**2 / energy**2)
        derivative = -(a**2 / energy + 2 * c**2 / energy**2) / (2 * total)
        local = np.stack([self._local_resolution(response, x) for x in self.at], axis=1)
        return _summary(_TERMS, derivative, local)

    def _bins(self, values: Float[Array, " N"]) -> Float[Array, "S B"]:
        """Means in bins with the same number of showers; undefined values are left out."""
        edges = np.quantile(self.log_energy, np.linspace(0, 1, _BINS + 1)[1:-1])
        member = np.searchsorted(edges, self.log_energy)[:, None] == np.arange(_BINS)
        defined = member & np.isfinite(values)[:, None]
        return self.weights @ (defined * np.nan_to_num(values)[:, None]) / np.maximum(self.weights @ defined, 1e-12)

    def _fit(self, x: Float[Array, " N"], values: Float[Array, " N"]) -> Float[Array, "S 2"]:
        means = self._bins(values)
        return fit_line(self._bins(x), means, means[1:].std(axis=0, ddof=1))[0]

    def _local(self, values: Float[Array, " N"], x: float) -> Float[Array, "2 S"]:
        """Value at x and slope of a straight line through the showers near x; NaN where there are few on a side."""
        away = self.log_energy - x
        near = (np.abs(away) < _WINDOW) & np.isfinite(values)
        if min((near & (away < 0)).sum(), (near & (away > 0)).sum()) < _FEWEST:
            return np.full((2, len(self.weights)), np.nan)
        w, u, v = self.weights[:, near], away[near], values[near]
        total, first, second = w.sum(1), w @ u, w @ u**2
        slope = (total * (w @ (u * v)) - first * (w @ v)) / (total * second - first**2)
        return np.stack([(w @ v - slope * first) / total, slope])

    def _local_resolution(self, response: Float[Array, " N"], x: float) -> Float[Array, " S"]:
        """Slope of sigma/mean from straight lines through the response and its squared deviations."""
        mean, slope = self._local(response, x)
        away = self.log_energy - x
        square, growth = self._local((response - mean[0] - slope[0] * away) ** 2, x)
        return np.sqrt(np.maximum(square, 0)) / mean * (growth / (2 * square) - slope / mean)


def _summary(formula: str, law: Float[Array, "S K"], difference: Float[Array, "S K"]) -> Expected:
    """Value of the sample (row 0) and scatter of its resamples."""
    values = [(draws[0], draws[1:].std(axis=0, ddof=1)) for draws in (law, difference)]
    return Expected(formula, *values[0], *values[1])
