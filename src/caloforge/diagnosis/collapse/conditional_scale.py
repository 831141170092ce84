r"""Features at fixed condition: observables with their dependence on the incident energy taken out.

For each column T, polynomials of second degree in :math:`l = \log E_\text{inc}`, fitted to a reference sample of the
truth, give the mean :math:`m(l)` and the spread :math:`s(l) = \sqrt{\pi/2}\,\langle|T - m|\rangle(l)`. Then

.. math:: t = \frac{T - m(l)}{s(l)}

has mean zero and about unit width at every energy, so that distances and variances compare like with like.
"""

__all__ = ["ConditionalScale", "stacked"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import EmptySample

_DEGREE = 2
_FEWEST = 50
_SMALLEST_SPREAD = 1e-3  # of the column's overall spread


def stacked(table: Mapping[str, Float[Array, "N _"]]) -> tuple[Float[Array, "N f"], tuple[str, ...]]:
    """All columns of a table of observables side by side, with their names.

    Args:
        table: observable -> (N, columns) of it.
    """
    names = [
        name if values.shape[1] == 1 else f"{name}[{k}]"
        for name, values in table.items()
        for k in range(values.shape[1])
    ]
    return np.concatenate(list(table.values()), axis=1, dtype=np.float64), tuple(names)


@dataclass(frozen=True, eq=False)
class ConditionalScale:
    """Mean and spread of each column as polynomials of log energy; `apply` standardises any sample with them.

    Args:
        centre: log energy that stands for zero, and its unit.
        mean: coefficients of the mean, highest power first.
        spread: coefficients of the mean absolute deviation.
        smallest: lower bound of the spread.
    """

    centre: tuple[float, float]
    mean: Float[Array, "3 f"]
    spread: Float[Array, "3 f"]
    smallest: Float[Array, " f"]

    @classmethod
    def fit(cls, values: Float[Array, "N f"], energy: Float[Array, " N"]) -> "ConditionalScale":
        """Fit to reference showers; columns may hold NaN, which are left out.

        Args:
            values: f columns of N reference showers.
            energy: their incident energies, MeV.

        Raises:
            EmptySample: fewer than 50 showers.
        """
        if len(values) < _FEWEST:
            raise EmptySample(f"a dependence on energy needs at least {_FEWEST} showers", len(values), len(values))
        logarithm = np.log(np.asarray(energy, np.float64))
        centre = (float(logarithm.mean()), max(float(logarithm.std()), 1e-6))
        powers = cls._powers(logarithm, centre)
        mean = _least_squares(powers, values)
        deviation = np.abs(values - powers @ mean)
        overall = np.sqrt(np.nanmean(np.where(np.isnan(deviation).all(axis=0), 0.0, deviation) ** 2, axis=0))
        return cls(centre, mean, _least_squares(powers, deviation), np.maximum(_SMALLEST_SPREAD * overall, 1e-12))

    @staticmethod
    def _powers(logarithm: Float[Array, " N"], centre: tuple[float, float]) -> Float[Array, "N 3"]:
        return np.vander((logarithm - centre[0]) / centre[1], _DEGREE + 1)

    def centred(self, values: Float[Array, "N f"], energy: Float[Array, " N"]) -> Float[Array, "N f"]:
        """Columns less their mean at each energy; NaN stays NaN.

        Args:
            values: f columns of N showers.
            energy: their incident energies, MeV.
        """
        return values - self._powers(np.log(np.asarray(energy, np.float64)), self.centre) @ self.mean

    def apply(self, values: Float[Array, "N f"], energy: Float[Array, " N"]) -> Float[Array, "N f"]:
        """Standardised columns; NaN stays NaN.

        Args:
            values: f columns of N showers.
            energy: their incident energies, MeV.
        """
        powers = self._powers(np.log(np.asarray(energy, np.float64)), self.centre)
        spread = np.sqrt(np.pi / 2) * np.maximum(powers @ self.spread, self.smallest)
        return self.centred(values, energy) / spread


def _least_squares(powers: Float[Array, "N p"], values: Float[Array, "N f"]) -> Float[Array, "p f"]:
    """Coefficients column by column, each over its own known values; zero for a column without any."""
    defined = ~np.isnan(values)
    gram = np.einsum("ni,nf,nj->fij", powers, defined, powers) + 1e-9 * np.eye(powers.shape[1])
    moments = np.einsum("ni,nf->fi", powers, np.where(defined, values, 0.0))
    return np.linalg.solve(gram, moments[:, :, None])[:, :, 0].T
