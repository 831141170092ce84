r"""Observables on the scale that the truth has at the same particle and energy: :math:`z = (x - m(E)) / s(E)`.

In bins of the truth's incident energy, of each particle by itself, m is the median and s half the distance of the 5 %
and the 95 % quantile: a handful of odd showers moves neither. Between the middles of the bins both are interpolated in
:math:`\ln E`; beyond the outermost, m goes on straight for half a bin more. Where that distance is zero (a late layer
that most showers do not reach) s is the root mean square about m, and nowhere less than a fifth of its own over all
bins.
"""

__all__ = ["Scale"]

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray as Array

_PER_BIN = 150
_MOST_BINS = 20
_FEWEST = 50  # defined values that give a bin's own scale
_LEAST = 0.2  # of the scale over all bins
_BEYOND = 0.6  # of the distance of two bins, that medians are followed beyond the last
_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, eq=False)
class Scale:
    """Where the truth's showers lie, by particle and energy.

    Args:
        particles: PDG number, and rows of its energy bins in the order of energy.
        middle: mean of ln E of each bin.
        bins: of each shower of the truth.
    """

    particles: dict[int, Int[Array, " b"]]
    middle: Float[Array, " B"]
    bins: Int[Array, " n"]

    @classmethod
    def of(cls, energy: Float[Array, " n"], pdg: Int[Array, " n"]) -> "Scale":
        """Bins of so many showers.

        Args:
            energy: incident energies of the truth.
            pdg: its particles.
        """
        particles: dict[int, Array] = {}
        middles: list[float] = []
        bins = np.zeros(len(energy), np.int64)
        log_energy = np.log(energy.astype(np.float64))
        for particle in np.unique(pdg):
            mine = pdg == particle
            x = log_energy[mine]
            count = int(np.clip(len(x) // _PER_BIN, 1, _MOST_BINS))
            inner = np.quantile(x, np.arange(1, count) / count)
            occupied, number = np.unique(np.searchsorted(inner, x, side="right"), return_inverse=True)
            particles[int(particle)] = len(middles) + np.arange(len(occupied))
            bins[mine] = len(middles) + number
            middles += [float(x[number == i].mean()) for i in range(len(occupied))]
        return cls(particles, np.array(middles), bins)

    def fit(self, values: Float[Array, "n k"]) -> tuple[Float[Array, "B k"], Float[Array, "B k"]]:
        """Median and scale of each column in each bin; a scale of zero where the truth is constant.

        Args:
            values: of the showers of the truth; NaN where undefined.
        """
        (low, middle, high), _ = _quantiles(values)
        medians, scales = (np.empty((len(self.middle), values.shape[1])) for _ in range(2))
        for i in range(len(self.middle)):
            x = values[self.bins == i]
            (bottom, medians[i], top), defined = _quantiles(x)
            scale = (top - bottom) / 2
            square = np.where(np.isnan(x), 0, x - medians[i]) ** 2
            root = np.sqrt(square.sum(axis=0) / np.maximum(defined, 1))
            enough = defined >= _FEWEST
            scales[i] = np.where(enough, np.where(scale > 0, scale, root), (high - low) / 2)
            medians[i] = np.where(enough, medians[i], middle)
        return medians, np.maximum(scales, _LEAST * np.sqrt((scales**2).mean(axis=0)))

    def at(
        self,
        fitted: tuple[Float[Array, "B k"], Float[Array, "B k"]],
        energy: Float[Array, " m"],
        pdg: Int[Array, " m"],
    ) -> tuple[Float[Array, "m k"], Float[Array, "m k"]]:
        """Median and scale at any particles and energies; NaN for particles that the truth does not have.

        Args:
            fitted: what `fit` returned.
            energy: incident energies of some showers.
            pdg: their particles.
        """
        medians, scales = fitted
        median, scale = (np.full((len(energy), medians.shape[1]), np.nan) for _ in range(2))
        for particle, rows in self.particles.items():
            mine = np.flatnonzero(pdg == particle)
            left, share = self._between(np.log(energy[mine].astype(np.float64)), rows)
            right = np.minimum(left + 1, rows[-1])
            weight = share[:, None]
            inside = np.clip(weight, 0, 1)
            median[mine] = medians[left] * (1 - weight) + medians[right] * weight
            scale[mine] = scales[left] * (1 - inside) + scales[right] * inside
        return median, scale

    def _between(self, log_energy: Float[Array, " m"], rows: Int[Array, " b"]) -> tuple[Array, Array]:
        """The bin whose middle lies below each energy, and how far towards the next it lies."""
        middle = self.middle[rows]
        if len(rows) == 1:
            return np.full(len(log_energy), rows[0]), np.zeros(len(log_energy))
        i = np.clip(np.searchsorted(middle, log_energy) - 1, 0, len(rows) - 2)
        share = (log_energy - middle[i]) / (middle[i + 1] - middle[i])
        return rows[i], np.clip(share, -_BEYOND, 1 + _BEYOND)


def _quantiles(values: Float[Array, "n k"]) -> tuple[Float[Array, "3 k"], Int[Array, " k"]]:
    """Quantiles of the defined values of each column, zero where there are none, and how many are defined."""
    defined = (~np.isnan(values)).sum(axis=0)
    ordered = np.sort(values, axis=0)  # NaN last
    places = np.rint(np.outer(_QUANTILES, np.maximum(defined - 1, 0))).astype(np.int64)
    return np.where(defined > 0, np.take_along_axis(ordered, places, axis=0), 0.0), defined
