"""Means of observables in bins of incident energy, with bootstrap resamples: what every law of showers is fitted to."""

__all__ = ["BinMeans", "Conditions", "Table"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import EmptySample
from caloforge.geometry.binning import Binning

Table = Mapping[str, Float[Array, "n _"]]


@runtime_checkable
class Conditions(Protocol):
    """Incident energies (MeV) and mesh of a sample; `Showers` have both."""

    @property
    def incident_energy(self) -> Float[Array, " N"]: ...

    @property
    def binning(self) -> Binning: ...


@dataclass(frozen=True, eq=False)
class BinMeans:
    """Means of k columns in B bins; row 0 is the sample itself, the R others are resamples of ``size`` showers a bin.

    Undefined values are left out of the mean of their column.
    """

    values: Float[Array, "S B k"]

    @classmethod
    def draw(
        cls,
        columns: Float[Array, "N k"],
        which_bin: Array,
        sizes: tuple[int, ...],
        repeats: int,
        rng: np.random.Generator,
    ) -> "BinMeans":
        """Bootstrap each bin by itself.

        Args:
            columns: values of each shower, NaN where undefined.
            which_bin: bin of each shower; others than 0 to B - 1 are left out.
            sizes: how many showers to draw in each bin.
            repeats: how many resamples.

        Raises:
            EmptySample: a bin has fewer than two showers.
        """
        per_bin = [_means(columns[which_bin == i], size, repeats, rng) for i, size in enumerate(sizes)]
        return cls(np.stack(per_bin, axis=1))


def _means(columns: Float[Array, "n k"], size: int, repeats: int, rng: np.random.Generator) -> Float[Array, "S k"]:
    n = len(columns)
    if n < 2:
        raise EmptySample("the laws of showers need two showers in each energy bin", n)
    weights = np.ones((1 + repeats, n))
    for i in range(1, 1 + repeats):
        weights[i] = np.bincount(rng.integers(n, size=size), minlength=n)
    defined = ~np.isnan(columns)
    counts = weights @ defined
    sums = weights @ np.where(defined, columns, 0)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
