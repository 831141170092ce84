"""Quantities of energy bins, and the laws fitted over the bins, of one sample and of each of its resamples."""

__all__ = [
    "NEEDED",
    "BinMeans",
    "Conditions",
    "Depths",
    "ShowerLaws",
    "Table",
    "columns_of",
    "measure_laws",
    "relative_variance",
]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray as Array

from caloforge.errors import BadValue, EmptySample
from caloforge.geometry.binning import Binning
from caloforge.metrics.fits import Fit, ProfileFit, fit_of_profiles
from caloforge.metrics.measured import resample
from caloforge.physics.depth import layer_edges
from caloforge.physics.laws import (
    fit_gamma,
    fit_line,
    fit_resolution,
    gamma_maximum,
    gamma_shares,
    resolution_limits,
)
from caloforge.physics.moments import ratio
from caloforge.units import GeV

_MEANS = {  # quantity of a bin: the observable of which it is the mean
    "leakage_back": "last_layers_share",
    "leakage_side": "outer_ring_share",
    "mean_depth": "centre_z",
    "mean_radius": "mean_r",
    "radius_50": "radius_50",
    "radius_90": "radius_90",
}
_POWERS = 5  # R, R^2, 1/E, 1/E^2, ln E
NEEDED = ("response", "longitudinal_profile", *_MEANS.values())


Table = Mapping[str, Float[Array, "n _"]]


@dataclass(frozen=True, eq=False)
class BinMeans:
    """Means of k columns in B bins, over the values that are defined.

    Args:
        values: means of each column in each bin; row 0 is the sample itself, the R others are resamples.
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


@dataclass(frozen=True, eq=False)
class ShowerLaws:
    """Quantities of bins and laws; row 0 of every array is the sample, the others are its resamples.

    Args:
        bins: each quantity in each energy bin.
        laws: fitted over the bins, by name.
        profile: how well the gamma distributions of the bins describe the mean profiles; None without profiles.
    """

    bins: Mapping[str, Float[Array, "S B"]]
    laws: Mapping[str, Fit]
    profile: ProfileFit | None = None


@dataclass(frozen=True, eq=False)
class Depths:
    """Edges of the layers for the fit of the profile, and their unit.

    Args:
        edges: front and back of each layer.
        unit: X0, mm or layer.
    """

    edges: Float[Array, "L 2"]
    unit: str

    @classmethod
    def of(cls, binning: Binning, radiation_length: float | None) -> "Depths":
        """In X0 where a radiation length (mm) is given and the mesh knows its depths, else in mm, else in layers.

        Args:
            binning: mesh of the showers.
            radiation_length: mean X0 of the detector, mm; None: not known.
        """
        edges = layer_edges(binning)
        if binning.z_edges is None:
            return cls(edges - edges[0, 0], "layer")
        return cls(edges, "mm") if radiation_length is None else cls(edges / radiation_length, "X0")


def columns_of(table: Table, incident_energy: Float[Array, " N"]) -> Float[Array, "N k"]:
    """What is averaged: R, R^2, 1/E, 1/E^2 and ln E (E in GeV), the means of a bin, then the share of each layer.

    Args:
        table: observables of N showers, those of `NEEDED` among them.
        incident_energy: MeV.

    Raises:
        BadValue: the table lacks an observable.
    """
    for name in NEEDED:
        if name not in table:
            raise BadValue("table of observables", sorted(table), f"the physics summary needs {name}")
    response, energy = table["response"][:, 0].astype(np.float64), incident_energy.astype(np.float64) / GeV
    powers = [response, response**2, 1 / energy, 1 / energy**2, np.log(energy)]
    means = [table[name][:, 0] for name in _MEANS.values()]
    return np.column_stack([*powers, *means, table["longitudinal_profile"]]).astype(np.float64)


def relative_variance(mean: Float[Array, "..."], square: Float[Array, "..."]) -> Float[Array, "..."]:
    r"""Square of the resolution, :math:`(\langle R^2\rangle - \langle R\rangle^2) / \langle R\rangle^2`.

    Args:
        mean: of the response; NaN comes of a mean that is zero.
        square: mean of its square.
    """
    return ratio(np.maximum(square - mean**2, 0), mean**2)


def measure_laws(means: BinMeans, depths: Depths) -> ShowerLaws:
    """Everything that the bins allow: a line takes two of them, a resolution three, a profile three layers.

    Args:
        means: of the columns of `columns_of` in bins of rising energy.
        depths: edges of the layers, for the profile.
    """
    v = means.values
    of_bins = {name: v[..., _POWERS + i] for i, name in enumerate(_MEANS)}
    response = _response_laws(*np.moveaxis(v[..., : _POWERS - 1], -1, 0))
    profile = _profile_laws(v[..., _POWERS - 1], v[..., _POWERS + len(_MEANS) :], depths)
    return ShowerLaws({**response.bins, **of_bins, **profile.bins}, {**response.laws, **profile.laws}, profile.profile)


def _response_laws(
    response: Float[Array, "S B"],
    square: Float[Array, "S B"],
    inverse: Float[Array, "S B"],
    inverse_square: Float[Array, "S B"],
) -> ShowerLaws:
    """Linearity as <R> = slope + offset <1/E>, which no width of a bin biases, and resolution."""
    variance = relative_variance(response, square)
    bins, laws, n = {"response": response, "resolution": np.sqrt(variance)}, {}, response.shape[1]
    if n >= 2:
        coefficients, chi2 = fit_line(inverse, response, _errors(response))
        laws["linearity"] = Fit({"slope": coefficients[:, 1], "offset": coefficients[:, 0] * GeV}, chi2[0], n - 2)
        bins["nonlinearity"] = response / (coefficients[:, [1]] + coefficients[:, [0]] * inverse) - 1
    if n >= 3:
        coefficients, chi2 = fit_resolution(inverse, inverse_square, variance, _errors(variance))
        terms = dict(zip(("stochastic", "constant", "noise"), coefficients.T, strict=True))
        most = resolution_limits(inverse[0], inverse_square[0], variance[0], _errors(variance))
        limits = {name: float(limit) for (name, x), limit in zip(terms.items(), most, strict=True) if x[0] == 0}
        laws["resolution"] = Fit(terms, chi2[0], n - 3, limits)
    return ShowerLaws(bins, laws)


def _profile_laws(logarithm: Float[Array, "S B"], profile: Float[Array, "S B L"], depths: Depths) -> ShowerLaws:
    """Gamma distribution of each bin, and how its maximum grows with ln E."""
    if len(depths.edges) < 3:
        return ShowerLaws({}, {})
    fitted = fit_gamma(profile.reshape(-1, len(depths.edges)), depths.edges).reshape(*logarithm.shape, 2)
    alpha, beta = fitted[..., 0], fitted[..., 1]
    deepest = gamma_maximum(alpha, beta)
    bins = {"alpha": alpha, "beta": beta, "shower_max": deepest}
    expected = gamma_shares(alpha.reshape(-1), beta.reshape(-1), depths.edges).reshape(profile.shape)
    quality = fit_of_profiles(profile, expected)
    if logarithm.shape[1] < 2:
        return ShowerLaws(bins, {}, quality)
    coefficients, chi2 = fit_line(logarithm, deepest, _errors(deepest))
    law = Fit({"slope": coefficients[:, 0], "offset": coefficients[:, 1]}, chi2[0], logarithm.shape[1] - 2)
    return ShowerLaws(bins, {"shower_maximum": law}, quality)


def _errors(draws: Float[Array, "S B"]) -> Float[Array, " B"]:
    return draws[1:].std(axis=0, ddof=1)


@runtime_checkable
class Conditions(Protocol):
    """Incident energies (MeV) and mesh of a sample; `Showers` have both."""

    @property
    def incident_energy(self) -> Float[Array, " N"]: ...

    @property
    def binning(self) -> Binning: ...


def _means(columns: Float[Array, "n k"], size: int, repeats: int, rng: np.random.Generator) -> Float[Array, "S k"]:
    n = len(columns)
    if n < 2:
        raise EmptySample("the laws of showers need two showers in each energy bin", n)
    weights = np.ones((1 + repeats, n))
    for i in range(1, 1 + repeats):
        weights[i] = np.bincount(resample(np.arange(n), size, rng), minlength=n)
    defined = ~np.isnan(columns)
    counts = weights @ defined
    sums = weights @ np.where(defined, columns, 0)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)
